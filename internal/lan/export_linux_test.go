package lan

// What the tests reach into: the parsers of the kernel's tables.

import (
	"io"
	"net/netip"
)

var (
	GatewayIn     = gatewayIn
	ParseEndpoint = parseEndpoint
)

// SocketsIn is socketsIn with the addresses only.
func SocketsIn(table io.Reader, protocol string, port uint16) []netip.AddrPort {
	var found []netip.AddrPort
	for _, s := range socketsIn(table, protocol, port) {
		found = append(found, s.local)
	}
	return found
}

// Clash reports whether a server on have keeps want from being bound.
func Clash(have netip.AddrPort, want netip.Addr) bool {
	return clash(socket{local: have, state: stateListen}, want) > 0
}

// News is what a memory without contents makes of each read in turn.
func News(reads ...[]byte) []string {
	seen, kinds := memory{}, []string{}
	for _, data := range reads {
		kinds = append(kinds, seen.news(data))
	}
	return kinds
}

// GlobalIn is globalIn, DefaultInterface is defaultInterface, GatewayIPv6In is
// gatewayIPv6In.
var (
	GlobalIn         = globalIn
	DefaultInterface = defaultInterface
	GatewayIPv6In    = gatewayIPv6In
)

// CallsIn is callsIn from nothing.
func CallsIn(table io.Reader, ports ...uint16) []Call { return callsIn(nil, table, ports) }

// ParseARP is parseARP, NeighboursIn neighboursIn.
var (
	ParseARP     = parseARP
	NeighboursIn = neighboursIn
)
