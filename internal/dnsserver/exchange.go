package dnsserver

// Asking the servers that a question belongs to.

import (
	"context"
	"errors"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// errShare means that a forward's share of the workers is used up.
var errShare = errors.New("too many questions wait for the servers of the zone already")

// exchange asks the servers of the forwarded zone that q belongs to, or else
// upstream, whose answer it filters. It marks q, and what it returns may be kept
// as the answer to q as marked. Whoever asks on behalf of clients asks through
// it.
func (s *Server) exchange(ctx context.Context, q *wire.Question) (*wire.Response, error) {
	r, local := s.rules.Load(), s.zone.Load()
	if f := r.mark(q, local); f != nil {
		return f.exchange(ctx, q)
	}
	resp, err := r.upstream.exchange(ctx, q)
	if err != nil || !r.filters(q, local) {
		return resp, err
	}
	kept, refused, err := r.filter(q, local, resp)
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

// shape appends r, age seconds old, as the reply to q: bent to the zone, and
// behind q's alias where asked, the question that r answers, is about its end.
func (s *Server) shape(dst []byte, q, asked *wire.Question, r *wire.Response, age uint32, v *zone.View, limit int) []byte {
	return s.rules.Load().shape(dst, s.zone.Load(), q, asked, r, age, v, limit)
}

func (r *rules) shape(dst []byte, local *zone.Zone, q, asked *wire.Question, resp *wire.Response, age uint32, v *zone.View, limit int) []byte {
	if asked == q {
		return r.bend(dst, local, q, resp, age, v, limit)
	}
	n := local.Of(q)
	if to, _ := n.Target(); to == nil || string(to) != string(asked.NameKey()) {
		return wire.AppendRcode(dst, q, wire.ServFail) // the zone is another one now
	}
	return zone.Splice(dst, q, n, r.bend(nil, local, asked, resp, age, v, wire.MaxMessage), limit)
}

// bend is Zone.Bend, with the names above forwarded zones never denied.
func (r *rules) bend(dst []byte, local *zone.Zone, q *wire.Question, resp *wire.Response, age uint32, v *zone.View, limit int) []byte {
	if resp.Rcode() == wire.NXDomain && r.forwards.reaches(q) {
		return wire.AppendNoData(dst, q, specialTTL)
	}
	return local.Bend(dst, q, resp, age, v, limit)
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
