//go:build !linux

package packet

// The same with golang.org/x/net, which knows many platforms and allocates.

import (
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

func (p pktinfo) enable(conn *net.UDPConn) error {
	if p.v4 {
		return ipv4.NewPacketConn(conn).SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
	}
	return ipv6.NewPacketConn(conn).SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
}

func (p pktinfo) parse(control []byte) (netip.Addr, int) {
	var dst net.IP
	var device int
	if p.v4 {
		var m ipv4.ControlMessage
		if m.Parse(control) == nil {
			dst, device = m.Dst, m.IfIndex
		}
	} else {
		var m ipv6.ControlMessage
		if m.Parse(control) == nil {
			dst, device = m.Dst, m.IfIndex
		}
	}
	addr, _ := netip.AddrFromSlice(dst)
	return usable(addr, device)
}

func (p pktinfo) append(dst []byte, from netip.Addr, device int) []byte {
	if p.v4 {
		return append(dst, (&ipv4.ControlMessage{Src: from.AsSlice()}).Marshal()...)
	}
	m := ipv6.ControlMessage{Src: from.AsSlice()}
	if from.IsLinkLocalUnicast() {
		m.IfIndex = device
	}
	return append(dst, m.Marshal()...)
}
