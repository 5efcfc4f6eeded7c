package memory

// Parse and Encode are what tests know of the file's form.
var (
	Parse  = parse
	Encode = encode
)
