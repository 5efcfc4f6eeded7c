//go:build !linux && !darwin

package multicast

import (
	"errors"
	"net"
	"net/netip"
)

// Listen is not there on this platform.
func Listen(netip.AddrPort, netip.Addr) (*net.UDPConn, error) {
	return nil, errors.New("listening to multicast is not supported on this platform")
}
