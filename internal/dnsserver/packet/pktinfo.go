package packet

// The address that a datagram was sent to, so that the reply leaves from it.

import "net/netip"

// pktinfo reads and writes the control messages of one socket of an
// unspecified address. How is the platform's business: pktinfo_linux.go does
// it without allocating, pktinfo_other.go with golang.org/x/net.
type pktinfo struct{ v4 bool }

// usable returns the address that can be replied from; nobody replies from a
// group or from everybody.
func usable(addr netip.Addr, device int) (netip.Addr, int) {
	if addr = addr.Unmap(); addr.IsMulticast() || addr.IsUnspecified() || addr == broadcast {
		return netip.Addr{}, 0
	}
	return addr, device
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
