package dnsserver

// Asking the servers that a question belongs to.

import (
	"context"
	"errors"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// errShare means that a forward's share of the workers is used up.
var errShare = errors.New("too many questions wait for the servers of the zone already")

// exchange asks the servers of the forwarded zone that q belongs to, or else
// upstream, whose answer it filters. It marks q, and what it returns may be kept
// as the answer to q as marked. Whoever asks on behalf of clients asks through
// it.
func (s *Server) exchange(ctx context.Context, q *wire.Question) (*wire.Response, error) {
	r, zone := s.rules.Load(), s.zone.Load()
	if f := r.mark(q, zone); f != nil {
		return f.exchange(ctx, q)
	}
	resp, err := r.upstream.exchange(ctx, q)
	if err != nil || !r.filters(q, zone) {
		return resp, err
	}
	kept, refused, err := r.filter(q, zone, resp)
	if refused {
		s.count.rebind.Add(1)
		s.log.Debug("an answer leads a name of the outside world to an address inside, and is not passed on; exempt the name with rebind_allow in [dns] where that is right",
			"name", nameInWords(q.NameKey()))
	}
	return kept, err
}

func (f *forward) exchange(ctx context.Context, q *wire.Question) (*wire.Response, error) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
		return f.source.exchange(ctx, q)
	default:
		return nil, errShare
	}
}

// target returns the question to ask of others for q: q itself, or one put
// into turned, which may be nil, about the name that q's alias leads to.
func (z *Zone) target(turned, q *wire.Question) *wire.Question {
	n := z.find(q.NameKey())
	if n == nil || n.role != aliased {
		return q
	}
	if turned == nil {
		turned = new(wire.Question)
	}
	if turned.Turn(q, n.alias.to) {
		return turned
	}
	return q
}

// shape appends r, age seconds old, as the reply to q: bent to the zone, and
// behind q's alias where asked, the question that r answers, is about its end.
func (s *Server) shape(dst []byte, q, asked *wire.Question, r *wire.Response, age uint32, v view, limit int) []byte {
	zone, rules := s.zone.Load(), s.rules.Load()
	if asked == q {
		return zone.shape(dst, rules, q, r, age, v, limit)
	}
	n := zone.find(q.NameKey())
	if n == nil || n.role != aliased || string(n.alias.to) != string(asked.NameKey()) {
		return wire.AppendRcode(dst, q, wire.ServFail) // the zone is another one now
	}
	return splice(dst, q, n.alias, zone.shape(nil, rules, asked, r, age, v, wire.MaxMessage), limit)
}

// shape is bend, with the names above forwarded zones never denied.
func (z *Zone) shape(dst []byte, rules *rules, q *wire.Question, r *wire.Response, age uint32, v view, limit int) []byte {
	if r.Rcode() == wire.NXDomain && rules.forwards.reaches(q) {
		return wire.AppendNoData(dst, q, specialTTL)
	}
	return z.bend(dst, q, r, age, v, limit)
}

// nameInWords returns the text of a name in wire form, for people; octets that
// are not printable are escaped.
func nameInWords(key []byte) string {
	name, _, err := dns.UnpackDomainName(key, 0)
	if err != nil {
		return "?"
	}
	return name
}
