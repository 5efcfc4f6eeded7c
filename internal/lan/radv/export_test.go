package radv

// What the tests reach into.

var (
	Parse   = parse
	Believe = believe
)

// The bounds of what is believed.
const (
	MaxDNS    = maxDNS
	MaxSearch = maxSearch
)
