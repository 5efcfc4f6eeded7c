//go:build linux || darwin

package multicast

// The socket. The net package would bind it to all addresses, and so take
// datagrams away from those who share the port; this one is bound to the group.

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listen returns a socket that hears the group on the interface that has the
// address local. Port and group are shared with others who permit it; an
// error says why the port cannot be had.
func Listen(group netip.AddrPort, local netip.Addr) (*net.UDPConn, error) {
	fd, err := open(group, local)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", group, err)
	}
	file := os.NewFile(uintptr(fd), group.String())
	defer file.Close() // the connection has a descriptor of its own
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", group, err)
	}
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("listening on %s: the kernel gave a %T", group, conn)
	}
	return udp, nil
}

func open(group netip.AddrPort, local netip.Addr) (int, error) {
	if !group.Addr().Is4() || !group.Addr().IsMulticast() || !local.Is4() {
		return 0, fmt.Errorf("%s from %s is no IPv4 multicast", group, local)
	}
	// No child process may inherit it in between.
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	if err := prepare(fd, group, local); err != nil {
		_ = unix.Close(fd)
		return 0, err
	}
	return fd, nil
}

func prepare(fd int, group netip.AddrPort, local netip.Addr) error {
	for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if err := onlyJoined(fd); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(group.Port()), Addr: group.Addr().As4()}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	join := &unix.IPMreq{Multiaddr: group.Addr().As4(), Interface: local.As4()}
	return os.NewSyscallError("joining", unix.SetsockoptIPMreq(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, join))
}
