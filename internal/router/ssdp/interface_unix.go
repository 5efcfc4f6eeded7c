//go:build linux || darwin

package ssdp

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// openInterface opens a socket whose multicast leaves by the interface, whatever
// the routes say. Two interfaces may have the same address, so it is named by
// its index, too.
func openInterface(i Interface) (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(i.Addr, 0)))
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err == nil {
		failed := error(nil)
		err = raw.Control(func(fd uintptr) {
			by := &unix.IPMreqn{Ifindex: int32(i.Index), Address: i.Addr.As4()}
			failed = os.NewSyscallError("choosing the interface", unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, by))
		})
		err = errors.Join(err, failed)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
