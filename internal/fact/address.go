package fact

// Kinds of addresses that net/netip has no word for.

import "net/netip"

// sharedSpace is for what lies between carriers and their customers.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// IsShared reports whether addr is of the address space of carriers' NAT (RFC
// 6598), which netip.Addr.IsPrivate does not cover: 100.64.0.0/10. Some
// providers' routers use it inside the home, too. It is false for the zero Addr.
func IsShared(addr netip.Addr) bool { return sharedSpace.Contains(addr) }
