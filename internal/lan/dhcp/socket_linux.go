package dhcp

// A packet socket: it sees what comes for the host's own DHCP client and leaves
// it to that.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// packets is a packet socket on one interface.
type packets struct {
	file *os.File
	to   unix.SockaddrLinklayer
	stop func() bool
}

// answers lets through, of IPv4, UDP to port 68 that is no later fragment; it
// looks at packets that begin with the IP header.
var answers = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 9},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: protocolUDP, Jf: 6},
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 6},
	{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 0x1fff, Jt: 4},
	{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 0},
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: 2},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: clientPort, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: maxDatagram},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

func open(ctx context.Context, link *net.Interface) (socket, error) {
	// Protocol 0: nothing arrives before the filter is in place.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return nil, ErrPermission
	case err != nil:
		return nil, fmt.Errorf("opening a packet socket: %w", err)
	}
	file := os.NewFile(uintptr(fd), "dhcp")
	program := unix.SockFprog{Len: uint16(len(answers)), Filter: &answers[0]}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_IP), Ifindex: link.Index})
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("hearing interface %s: %w", link.Name, err)
	}
	p := &packets{file: file, to: unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_IP), Ifindex: link.Index, Halen: 6}}
	for i := range p.to.Halen {
		p.to.Addr[i] = 0xff
	}
	p.stop = context.AfterFunc(ctx, func() { file.Close() })
	return p, nil
}

// networkOrder is n as the kernel reads it.
func networkOrder(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}

// Send implements socket.
func (p *packets) Send(datagram []byte) error {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Write(func(fd uintptr) bool {
		failed = unix.Sendto(int(fd), datagram, 0, &p.to)
		return !errors.Is(failed, unix.EAGAIN)
	}); err != nil {
		return err
	}
	return failed
}

// Receive implements socket.
func (p *packets) Receive(buffer []byte, deadline time.Time) (n int, err error) {
	if err := p.file.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	return p.file.Read(buffer)
}

// Close implements socket.
func (p *packets) Close() error {
	p.stop()
	return p.file.Close()
}
