package ssdp

// The search itself: one socket, three sendings, a bounded time to listen.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Port is SSDP's port, and Multicast its group (UPnP Device Architecture 2.0,
// section 1.1).
const Port = 1900

// Multicast is the group that searches are sent to.
var Multicast = netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 255, 255, 250}), Port)

// targets are what is searched for, the best first. ssdp:all comes last: it
// finds the routers that know only it, and draws the most replies.
var targets = []string{
	"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
	"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
	"urn:schemas-upnp-org:service:WANIPConnection:2",
	"urn:schemas-upnp-org:service:WANIPConnection:1",
	"urn:schemas-upnp-org:service:WANPPPConnection:1",
	"ssdp:all",
}

const (
	maxReplies = 16 // from the gateway; later ones are not read
	maxReasons = 3  // refusals kept for the error text
)

// Search says where to search and who may answer.
type Search struct {
	// Gateway is the only host whose replies count; required.
	Gateway netip.Addr
	// Local is our own address that faces the gateway. The socket is bound to
	// it, which also decides the interface that multicast leaves by.
	Local netip.Addr
	// To are the addresses that the search is sent to; one that cannot be sent
	// to does no harm to the others.
	To []netip.AddrPort
	// Window is how long to listen when no router answers; default 3 s.
	Window time.Duration
	// Settle is how long to listen on once a router has answered; default
	// 100 ms. Replies that only hint at one wait four times as long.
	Settle time.Duration
}

// Result is what a search found.
type Result struct {
	// Replies are the replies that passed, one for each LOCATION, the most
	// promising first.
	Replies []Reply
	// Refused says of a few replies why they were not believed, for people.
	// The text is quoted where it is foreign.
	Refused []string
}

// Run searches until a router has answered, the window has passed or ctx has
// ended. Finding nothing is no error; not being able to send at all is.
func (s Search) Run(ctx context.Context) (Result, error) {
	if s.Window == 0 {
		s.Window = 3 * time.Second
	}
	if s.Settle == 0 {
		s.Settle = 100 * time.Millisecond
	}
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.Local, 0)))
	if err != nil {
		return Result{}, fmt.Errorf("opening a socket for the search: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()

	l := listener{search: s, conn: conn, until: time.Now().Add(s.Window)}
	if err := l.run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return Result{}, fmt.Errorf("searching for the router: %w", err)
	}
	slices.SortStableFunc(l.found.Replies, func(a, b Reply) int { return rank(a.Target) - rank(b.Target) })
	return l.found, nil
}

// listener is a search under way.
type listener struct {
	search Search
	conn   *net.UDPConn
	until  time.Time // when to stop listening
	read   int       // replies from the gateway so far
	found  Result
}

// run sends, and sends again after a tenth and a third of the window, as long
// as nothing came: datagrams get lost, and routers that start miss the first.
func (l *listener) run() error {
	if err := l.send(); err != nil {
		return err
	}
	began := time.Now()
	for _, part := range []time.Duration{10, 3} {
		if err := l.listen(began.Add(l.search.Window / part)); err != nil {
			return err
		}
		if len(l.found.Replies) == 0 {
			// The first sending went out, so an error now is no reason to give up.
			_ = l.send()
		}
	}
	return l.listen(l.until)
}

// send sends every search once. It fails only where nothing could be sent.
func (l *listener) send() error {
	var errs []error
	sent := false
	for _, to := range l.search.To {
		for _, target := range targets {
			if _, err := l.conn.WriteToUDPAddrPort(request(target, to), to); err != nil {
				errs = append(errs, err)
				break
			}
			sent = true
		}
	}
	if sent {
		return nil
	}
	if errs == nil {
		return errors.New("there is no address to send to")
	}
	return errors.Join(errs...)
}

// request is an M-SEARCH (section 1.3.2). MX is the most seconds that a device
// may wait before it answers.
func request(target string, to netip.AddrPort) []byte {
	return []byte("M-SEARCH * HTTP/1.1\r\nHOST: " + to.String() +
		"\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: " + target + "\r\n\r\n")
}

// listen reads replies until the earlier of end and l.until.
func (l *listener) listen(end time.Time) error {
	buffer := make([]byte, MaxReply+1)
	for l.read < maxReplies {
		deadline := end
		if l.until.Before(end) {
			deadline = l.until
		}
		if err := l.conn.SetReadDeadline(deadline); err != nil {
			return err
		}
		n, from, err := l.conn.ReadFromUDPAddrPort(buffer)
		if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
			return nil
		}
		if err != nil {
			return err
		}
		l.take(buffer[:n], from.Addr().Unmap())
	}
	return nil
}

// take judges one datagram. Only the gateway's count against the bound, so
// that nobody else can use it up.
func (l *listener) take(packet []byte, from netip.Addr) {
	if from != l.search.Gateway {
		l.refuse(fmt.Sprintf("a reply from %s, which is not the gateway", from))
		return
	}
	l.read++
	reply, err := ParseReply(packet, from)
	if err != nil {
		l.refuse(fmt.Sprintf("a reply from the gateway: %v", err))
		return
	}
	switch rank(reply.Target) {
	case 0:
		l.stopIn(l.search.Settle)
	case 1:
		l.stopIn(4 * l.search.Settle)
	}
	same := func(r Reply) bool { return r.Location.String() == reply.Location.String() }
	if i := slices.IndexFunc(l.found.Replies, same); i < 0 {
		l.found.Replies = append(l.found.Replies, reply)
	} else if rank(reply.Target) < rank(l.found.Replies[i].Target) {
		l.found.Replies[i] = reply
	}
}

func (l *listener) stopIn(d time.Duration) {
	if t := time.Now().Add(d); t.Before(l.until) {
		l.until = t
	}
}

func (l *listener) refuse(reason string) {
	if len(l.found.Refused) < maxReasons && !slices.Contains(l.found.Refused, reason) {
		l.found.Refused = append(l.found.Refused, reason)
	}
}

// rank tells how much a search target promises a router: 0 a gateway device, 1
// one of its services, 2 anything else.
func rank(target string) int {
	switch {
	case strings.Contains(target, ":device:InternetGatewayDevice:"):
		return 0
	case strings.Contains(target, ":service:WANIPConnection:"), strings.Contains(target, ":service:WANPPPConnection:"):
		return 1
	default:
		return 2
	}
}
