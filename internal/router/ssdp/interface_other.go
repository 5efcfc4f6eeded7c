//go:build !linux && !darwin

package ssdp

import (
	"net"
	"net/netip"
)

// openInterface opens a socket that is bound to the interface's address. Which
// interface its multicast leaves by is for the system to say.
func openInterface(i Interface) (*net.UDPConn, error) {
	return net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(i.Addr, 0)))
}
