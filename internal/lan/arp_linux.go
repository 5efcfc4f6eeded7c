package lan

// ARP (RFC 826) by our own hand: hearing who says to be where, and asking. The
// kernel keeps only what it has asked for itself.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	arpLength = 28 // of Ethernet and IPv4
	// wiresFor is for how long our own interfaces are remembered.
	wiresFor = 2 * time.Second
)

// ARP speaks it on all Ethernet interfaces. The zero value is ready to Run.
type ARP struct {
	mu    sync.Mutex
	file  *os.File  // guarded by mu; nil while Run does not listen
	wires []wire    // guarded by mu
	read  time.Time // guarded by mu; when wires were
}

// wire is a network of ours that ARP is spoken in.
type wire struct {
	prefix netip.Prefix
	own    netip.Addr
	mac    net.HardwareAddr
	index  int
}

// Run listens until ctx ends, and returns nil then; heard is called with who
// says to be where, truly or not, and must not block. An error means that this
// process may not (CAP_NET_RAW).
func (a *ARP) Run(ctx context.Context, heard func(Neighbour)) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(networkOrder(unix.ETH_P_ARP)))
	if err != nil {
		return fmt.Errorf("listening for ARP: %w", err)
	}
	file := os.NewFile(uintptr(fd), "arp")
	a.mu.Lock()
	a.file = file
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.file = nil
		a.mu.Unlock()
	}()
	return receive(ctx, file, 64, func(data []byte, _ unix.Sockaddr) {
		if n, ok := parseARP(data); ok {
			heard(n)
		}
	})
}

// parseARP is who sent a request, an answer or an announcement, and from where.
// A probe (RFC 5227) is from nowhere yet, and is none.
func parseARP(data []byte) (Neighbour, bool) {
	if len(data) < arpLength || binary.BigEndian.Uint16(data) != unix.ARPHRD_ETHER || binary.BigEndian.Uint16(data[2:]) != unix.ETH_P_IP || data[4] != 6 || data[5] != 4 {
		return Neighbour{}, false
	}
	op, mac, addr := binary.BigEndian.Uint16(data[6:]), net.HardwareAddr(data[8:14]), netip.AddrFrom4([4]byte(data[14:18]))
	if op != 1 && op != 2 || mac[0]&1 != 0 || addr.IsUnspecified() || addr.IsMulticast() || addr.IsLoopback() {
		return Neighbour{}, false
	}
	return Neighbour{Addr: addr, MAC: mac.String(), Confirmed: true}, true
}

// errNotOurs means that an address is in no network of ours that ARP is spoken
// in.
var errNotOurs = errors.New("the address is in no Ethernet network of this host")

// Ask asks, by broadcast, who is at an address of a network of ours. The answer
// comes to heard. It fails while Run does not listen.
func (a *ARP) Ask(addr netip.Addr) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return errors.New("ARP is not spoken: this process may not, or has not begun")
	}
	if time.Since(a.read) > wiresFor {
		a.wires, a.read = wires(), time.Now()
	}
	for _, w := range a.wires {
		if w.prefix.Contains(addr) {
			return a.send(w, addr)
		}
	}
	return errNotOurs
}

// send sends one request. The caller holds mu.
func (a *ARP) send(w wire, addr netip.Addr) error {
	packet := make([]byte, 0, arpLength)
	packet = binary.BigEndian.AppendUint16(packet, unix.ARPHRD_ETHER)
	packet = binary.BigEndian.AppendUint16(packet, unix.ETH_P_IP)
	packet = append(packet, 6, 4, 0, 1)
	packet = append(append(packet, w.mac...), w.own.AsSlice()...)
	packet = append(append(packet, make([]byte, 6)...), addr.AsSlice()...)
	to := &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ARP), Ifindex: w.index, Halen: 6, Addr: [8]byte{255, 255, 255, 255, 255, 255}}
	raw, err := a.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.Sendto(int(fd), packet, unix.MSG_DONTWAIT, to) })
	if failed == unix.EAGAIN || failed == unix.ENOBUFS {
		failed = nil // as good as lost on the way
	}
	return errors.Join(err, failed)
}

// wires lists the networks of ours that ARP is spoken in.
func wires() (list []wire) {
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if len(i.HardwareAddr) != 6 || i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Addr().Is4() {
				list = append(list, wire{p.Masked(), p.Addr(), i.HardwareAddr, i.Index})
			}
		}
	}
	return list
}

// networkOrder is a number as the network has it, in this machine's order.
func networkOrder(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}
