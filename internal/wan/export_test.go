package wan

// What the tests reach into.

import "net/netip"

// Party is party.
var Party = party

// Publishable6 reports whether an IPv6 address may be published.
func Publishable6(addr netip.Addr) bool { return classify6(addr) == classPublic }
