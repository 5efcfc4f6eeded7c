package wan

// The two families of addresses, and what differs between them.

import "net/netip"

// Family is the family of address that a Watcher watches. The zero Family is
// IPv4.
type Family uint8

// The families.
const (
	IPv4 Family = iota
	IPv6
)

// String is "IPv4" or "IPv6".
func (f Family) String() string {
	if f == IPv6 {
		return "IPv6"
	}
	return "IPv4"
}

// is reports whether addr, unmapped, is of the family.
func (f Family) is(addr netip.Addr) bool {
	if f == IPv6 {
		return addr.Is6() && !addr.Is4In6()
	}
	return addr.Is4()
}

// network is "tcp4" for "tcp" and so on.
func (f Family) network(transport string) string {
	if f == IPv6 {
		return transport + "6"
	}
	return transport + "4"
}
