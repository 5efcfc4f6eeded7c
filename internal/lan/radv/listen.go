package radv

// Hearing the routers, and asking them to speak.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"golang.org/x/net/ipv6"
)

// ErrPermission means that this process may not open a raw socket.
var ErrPermission = errors.New("the IPv6 routers cannot be heard without the permission NET_RAW")

const (
	// maxMessage is more than the smallest MTU of IPv6, which advertisements
	// keep to; what is longer is cut, and then makes no sense.
	maxMessage = 2048
	// maxErrors in a row end the hearing.
	maxErrors = 100
	// neverForwarded is the hop limit that only a neighbour can give.
	neverForwarded = 255
)

// Listener hears advertisements. The zero value is ready; Listen once at a time.
type Listener struct {
	conn atomic.Pointer[ipv6.PacketConn] // nil while nothing is heard
}

// Listen calls heard for each advertisement on any interface until ctx ends,
// and then returns nil; ErrPermission says that it may not. Opened is called
// once it hears. Neither may block.
func (l *Listener) Listen(ctx context.Context, opened func(), heard func(Advertisement)) error {
	raw, err := net.ListenPacket("ip6:ipv6-icmp", "::")
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return ErrPermission
	case errors.Is(err, syscall.EAFNOSUPPORT), errors.Is(err, syscall.EADDRNOTAVAIL):
		return errors.New("IPv6 is switched off on this host, so its routers are not heard")
	case err != nil:
		return fmt.Errorf("opening a raw socket for ICMPv6: %w", err)
	}
	defer raw.Close()
	conn := ipv6.NewPacketConn(raw)
	var only ipv6.ICMPFilter
	only.SetAll(true)
	only.Accept(ipv6.ICMPTypeRouterAdvertisement)
	err = errors.Join(conn.SetICMPFilter(&only), conn.SetControlMessage(ipv6.FlagHopLimit|ipv6.FlagInterface, true),
		conn.SetMulticastHopLimit(neverForwarded))
	if err != nil {
		return fmt.Errorf("setting up the socket for ICMPv6: %w", err)
	}
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	l.conn.Store(conn)
	defer l.conn.Store(nil)
	opened()
	for buffer, failed := make([]byte, maxMessage), 0; ; {
		n, control, from, err := conn.ReadFrom(buffer)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && failed == maxErrors:
			return fmt.Errorf("hearing the IPv6 routers: %w", err)
		case err != nil:
			failed++ // of one packet: an ICMP error that came back, say
			continue
		}
		failed = 0
		if a, ok := believe(buffer[:n], control, from); ok {
			heard(a)
		}
	}
}

// believe reads a message that only a neighbour can have sent.
func believe(b []byte, control *ipv6.ControlMessage, from net.Addr) (Advertisement, bool) {
	source, ok := from.(*net.IPAddr)
	if !ok || control == nil || control.HopLimit != neverForwarded {
		return Advertisement{}, false
	}
	router, _ := netip.AddrFromSlice(source.IP)
	a, ok := parse(b, router)
	a.Interface = control.IfIndex
	return a, ok
}

// Solicit asks the routers on an interface to speak (RFC 4861, section 4.1). It
// does nothing while nothing is heard.
func (l *Listener) Solicit(index int) error {
	conn := l.conn.Load()
	if conn == nil {
		return nil
	}
	const typeSolicitation = 133
	// The kernel puts the checksum in. Without our hardware's address in it the
	// answer goes to all, or after a question for our address.
	message := []byte{typeSolicitation, 0, 0, 0, 0, 0, 0, 0}
	_, err := conn.WriteTo(message, &ipv6.ControlMessage{IfIndex: index, HopLimit: neverForwarded}, &net.IPAddr{IP: net.IPv6linklocalallrouters})
	if err != nil {
		return fmt.Errorf("asking the IPv6 routers to speak: %w", err)
	}
	return nil
}
