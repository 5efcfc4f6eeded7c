package dnsserver

// What the external tests need of the inside.

import (
	"bufio"
	"bytes"
	"context"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/limit"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// Inline answers a packet as the packet loop does, and reports whether it
// could.
func (s *Server) Inline(dst []byte, q *wire.Question, packet []byte, from netip.Addr) ([]byte, bool) {
	out, what := s.inline(dst, q, packet, from, 0)
	return out, what == reply
}

// replies is a sender for one reply.
type replies chan []byte

// Send implements sender.
func (r replies) Send(_ peer, message []byte) { r <- bytes.Clone(message) }

// Ask answers a packet as a packet loop and a worker do, without sockets; nil
// where there is no worker.
func (s *Server) Ask(ctx context.Context, packet []byte, from netip.Addr) []byte {
	q := new(wire.Question)
	out, what := s.inline(nil, q, packet, from, 0)
	if what != ask {
		return out
	}
	got := make(replies, 1)
	if !s.dispatch(ctx, q, 0, peer{Addr: netip.AddrPortFrom(from, 53)}, got, nil) {
		return s.busy(nil, q, from, q.Limit(0))
	}
	return <-got
}

// AskTogether answers packets as a packet loop does that got them at once. It
// returns what is answered at once, how many no worker had yet when that was
// sent, and the reply of each of these.
func (s *Server) AskTogether(ctx context.Context, from netip.Addr, packets ...[]byte) (atOnce [][]byte, kept int, late [][]byte) {
	got := make(replies, len(packets))
	h := &questions{answers: newAnswerer(s), via: got, ctx: ctx}
	h.Begin()
	for _, packet := range packets {
		if out := h.Packet(nil, packet, peer{Addr: netip.AddrPortFrom(from, 53)}); out != nil {
			atOnce = append(atOnce, out)
		}
	}
	h.End()
	kept = len(h.waiting)
	h.Sent()
	h.Sent() // nobody is to work on them a second time
	for range kept {
		late = append(late, <-got)
	}
	return atOnce, kept, late
}

// Background does what Run does, but for the sockets.
func (s *Server) Background(ctx context.Context) error {
	err := s.background(ctx)
	s.workers.running.Wait()
	s.store.save()
	return err
}

// SetIdle sets how long a TCP connection may be silent; before Run.
func (s *Server) SetIdle(d time.Duration) { s.idle = d }

// Permits is the ACL's word.
func (s *Server) Permits(addr netip.Addr) bool { return s.rules.Load().acl.permits(addr) }

// RefreshACL asks for the own prefixes again.
func (s *Server) RefreshACL() { s.rules.Load().acl.refresh() }

// ClientsLink and DNSLink are what Status says of the links.
func ClientsLink(recent []ClientSeen, listen []netip.AddrPort, ours func(netip.Addr) bool) fact.Link {
	return clientsLink(recent, listen, ours)
}

// DNSLink says what Status would.
func DNSLink(st Status) fact.Link { return dnsLink(st) }

// Bounds that tests count against.
const (
	MaxConns       = maxConns
	MaxConnsClient = maxConnsClient
	MaxPipelined   = maxPipelined
	MaxClients     = clientShards * clientsAShard
)

// Inside is the rebinding filter's word.
func Inside(addr netip.Addr, own []netip.Prefix) bool { return inside(addr, own) }

// Filter passes an answer through the rebinding filter.
func (s *Server) Filter(q *wire.Question, r *wire.Response) (*wire.Response, error) {
	kept, _, err := s.rules.Load().filter(q, s.zone.Load(), r)
	return kept, err
}

// LookOutside looks at the overrides from outside.
func (s *Server) LookOutside(ctx context.Context) error {
	_, err := s.lookOutside(ctx)
	return err
}

// SetOutsideAfter sets when that is done first; before Run.
func (s *Server) SetOutsideAfter(d time.Duration) { s.outsideAfter = d }

// LimitLoopback makes loopback a client like any other, as tests have no other;
// before Run.
func (s *Server) LimitLoopback() { s.loopbackExempt = false }

// SetAddresses makes look say which addresses the host has, and looks every so
// often; before Listen.
func (s *Server) SetAddresses(every time.Duration, look func() ([]netip.Addr, error)) {
	s.binder.every, s.binder.look = every, look
}

// FailBinding makes binding fail where fails says how; before Listen.
func (s *Server) FailBinding(fails func(netip.AddrPort) error) {
	open := s.binder.open
	s.binder.open = func(w want) (*endpoint, error) {
		if err := fails(w.addr); err != nil {
			return nil, &BindError{"udp", w.addr, err}
		}
		return open(w)
	}
}

// Over is how long a client has to wait with a question that needs upstream.
func (s *Server) Over(from netip.Addr, now time.Time) time.Duration {
	return s.overPace(from, limit.Miss, now)
}

// Everybody is the line of status where all questions come from one gateway.
func Everybody(recent []ClientSeen, ours, gateway func(netip.Addr) bool) string {
	return everybody(recent, ours, gateway)
}

// ReadMessage reads one message of a stream.
func ReadMessage(r *bufio.Reader, packet []byte) (int, error) { return readMessage(r, packet) }

// Queued is how many octets of replies wait in all connections.
func (s *Server) Queued() int64 { return s.conns.queued.Load() }

// Conns is how many connections are counted.
func (s *Server) Conns() int {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	return s.conns.total
}

// HostAddresses lists the addresses of this host.
func HostAddresses() ([]netip.Addr, error) { return hostAddresses() }

// Batch answers many packets as a packet loop does.
type Batch struct{ a *answerer }

// NewBatch returns one.
func (s *Server) NewBatch() *Batch { return &Batch{newAnswerer(s)} }

// Begin and End are called around each batch.
func (b *Batch) Begin(now time.Time) { b.a.begin(now) }

// End counts what was asked.
func (b *Batch) End() { b.a.end() }

// Inline answers one packet of a batch, and reports whether it could.
func (b *Batch) Inline(dst []byte, q *wire.Question, packet []byte, from netip.Addr) ([]byte, bool) {
	out, what := b.a.inline(dst, q, packet, from, 0)
	return out, what == reply
}

// PrivateAt is what Status says of devices that ask elsewhere at now.
func (s *Server) PrivateAt(now time.Time) []PrivateClient {
	return s.clients.private(now, s.exempt)
}

// PrivateServers are the names that tell of them.
var PrivateServers = privateServers
