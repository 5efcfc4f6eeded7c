package authority

// ParseReply lets the fuzzer reach the one parser of foreign bytes.
var ParseReply = parseReply
