package dhcp

// What the tests reach into: the two sides of the wire.

var (
	Wrap        = wrap
	Unwrap      = unwrap
	Parse       = parse
	NewQuestion = question
	AskOn       = ask
)

// Socket is socket, and the bounds of an answer.
type Socket = socket

const (
	MaxServers  = maxServers
	MaxDNS      = maxDNS
	MaxDatagram = maxDatagram
)
