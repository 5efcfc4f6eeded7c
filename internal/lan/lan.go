// Package lan looks at the host's place in the home network: which gateway,
// which address of ours faces it, which prefixes are the home's own, who holds
// a port. It asks the kernel each time and remembers nothing.
package lan

import (
	"errors"
	"net"
	"net/netip"
)

// ErrNoGateway means that the host has no default route now: it is not
// connected, or DHCP has not answered yet.
var ErrNoGateway = errors.New("this host has no default gateway: it is not connected to a network yet, or DHCP has not answered")

// OwnPrefixes lists the prefixes of the host's own interfaces, loopback left
// out. Nil means that there are none or that the kernel would not say.
func OwnPrefixes() []netip.Prefix {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var prefixes []netip.Prefix
	for _, a := range addrs {
		ipnet, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		addr, ok := netip.AddrFromSlice(ipnet.IP)
		if !ok || addr.IsLoopback() {
			continue
		}
		addr = addr.Unmap()
		ones, bits := ipnet.Mask.Size()
		if addr.Is4() && bits == 128 {
			ones -= 96
		}
		if p, err := addr.Prefix(ones); err == nil {
			prefixes = append(prefixes, p)
		}
	}
	return prefixes
}

// LocalToward returns the address of ours from which the kernel would send to
// peer. Nothing is sent. A peer that is not known is an error: the kernel would
// take it for this host.
func LocalToward(peer netip.Addr) (netip.Addr, error) {
	if !peer.IsValid() || peer.IsUnspecified() {
		return netip.Addr{}, errors.New("finding our address toward a peer: the peer's address is not known")
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer, 9)))
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}
