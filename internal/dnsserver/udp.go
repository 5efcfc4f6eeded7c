package dnsserver

// Questions over UDP: what a packet loop asks of the server.

import (
	"context"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/limit"
	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

const (
	// maxQuery is more than any question needs; what is longer is cut and
	// found malformed.
	maxQuery = packet.MaxPacket
	// maxReadErrors in a row end a listener.
	maxReadErrors = 100
)

// peer is where a question came from and where its reply goes.
type peer = packet.Peer

// sender sends replies. It may be called from many goroutines, must not keep
// message, and deals with errors itself: nobody can be told.
type sender interface {
	Send(to peer, message []byte)
}

// packetLoop answers the questions of one socket.
type packetLoop struct {
	packet.Loop
	server *Server
}

// listenUDP binds addr, for its own family only.
func listenUDP(s *Server, addr netip.AddrPort) (*packetLoop, error) {
	loop, err := packet.Listen(packet.Config{Mode: s.rules.Load().cfg.PacketLoop, Log: s.log}, addr)
	if err != nil {
		return nil, err
	}
	return &packetLoop{loop, s}, nil
}

// run serves until ctx ends, and then closes the socket and returns nil.
func (l *packetLoop) run(ctx context.Context) error {
	return l.Run(ctx, &questions{answers: newAnswerer(l.server), via: l.Loop, ctx: ctx})
}

// questions is the packet.Handler of one loop.
type questions struct {
	answers *answerer
	via     sender
	ctx     context.Context // of the loop; what workers do ends with it
	asked   wire.Question
	waiting []*job // of this batch, not yet with a worker
}

// Begin implements packet.Handler.
func (h *questions) Begin() { h.answers.begin(time.Now()) }

// End implements packet.Handler.
func (h *questions) End() { h.answers.end() }

// Sent implements packet.Handler. To wake a worker takes longer than to answer
// a question, so those that can be answered do not wait for it.
func (h *questions) Sent() {
	for i, j := range h.waiting {
		h.answers.server.hand(j)
		h.waiting[i] = nil
	}
	h.waiting = h.waiting[:0]
}

// Packet implements packet.Handler: it answers one datagram, or keeps it for a
// worker.
func (h *questions) Packet(dst, packet []byte, from peer) []byte {
	s, q := h.answers.server, &h.asked
	out, what := h.answers.inline(dst, q, packet, from.Addr.Addr(), 0)
	switch what {
	case ask:
		if s.tooMany(from.Addr.Addr(), limit.Miss, h.answers.now) {
			return wire.AppendTruncated(dst, q)
		}
		if j := s.admit(h.ctx, q, 0, from, h.via, nil); j != nil {
			h.waiting = append(h.waiting, j)
			return nil
		}
		return s.busy(dst, q, from.Addr.Addr(), q.Limit(0))
	case drop:
		return nil
	}
	return out
}

// networkFor adds the family of addr to a network's name, so that 0.0.0.0 and
// :: can be bound side by side.
func networkFor(network string, addr netip.AddrPort) string {
	if addr.Addr().Is4() {
		return network + "4"
	}
	return network + "6"
}
