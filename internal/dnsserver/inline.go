package dnsserver

// What is answered at once, in the packet loop itself.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// verdict is what a packet loop does after inline.
type verdict uint8

const (
	// reply sends what was appended.
	reply verdict = iota
	// drop sends nothing.
	drop
	// ask hands the question to a worker.
	ask
)

// inline is answerer.inline for a single packet, for callers that have no
// answerer of their own.
func (s *Server) inline(dst []byte, q *wire.Question, packet []byte, from netip.Addr, most int) ([]byte, verdict) {
	a, ok := s.answerers.Get().(*answerer)
	if !ok {
		a = newAnswerer(s)
	}
	a.begin(time.Now())
	dst, what := a.inline(dst, q, packet, from, most)
	a.end()
	s.answerers.Put(a)
	return dst, what
}

// inline reads packet into q and appends the reply to dst if it can be told
// without waiting. It allocates nothing, but where a cached reply leads to an
// overridden name. The reply has most octets at the most; 0 means what the
// client takes over UDP.
func (a *answerer) inline(dst []byte, q *wire.Question, packet []byte, from netip.Addr, most int) ([]byte, verdict) {
	a.counted.total++
	outcome := wire.Parse(q, packet)
	if outcome == wire.Drop {
		a.counted.malformed++
		return dst, drop
	}
	udp, verified, c := most == 0, false, a.caller(from)
	if q.WantsOptions() {
		verified = a.server.setOptions(q, from, !udp, a.now)
	}
	if !c.permitted {
		a.counted.refused++
		if udp && !a.server.mayRefuse(from, verified, a.now) {
			return dst, drop
		}
		return wire.AppendRcode(dst, q, wire.Refused), reply
	}
	if udp && a.tooMany(c) {
		a.counted.limited++
		return wire.AppendTruncated(dst, q), reply
	}
	if outcome != wire.Good {
		return a.refuseForm(dst, q, outcome), reply
	}
	if q.Class != wire.ClassIN || q.Type >= wire.TypeTKEY && q.Type <= wire.TypeAXFR {
		a.counted.refused++ // another class, a transfer, or a key exchange
		return wire.AppendRcode(dst, q, wire.Refused), reply
	}
	return a.lookUp(dst, q, c, q.Limit(most))
}

// refuseForm appends the reply to what is no question that we answer.
func (a *answerer) refuseForm(dst []byte, q *wire.Question, outcome wire.Outcome) []byte {
	rcode := wire.NoError // a cookie alone
	switch outcome {
	case wire.Bad:
		rcode = wire.FormErr
	case wire.Unsupported:
		rcode = wire.NotImp
	case wire.Version:
		rcode = wire.BadVers
	}
	if rcode != wire.NoError {
		a.counted.malformed++
	}
	return wire.AppendRcode(dst, q, rcode)
}

// lookUp tries overrides, special-use names and cache, in this order.
func (a *answerer) lookUp(dst []byte, q *wire.Question, c *caller, limit int) ([]byte, verdict) {
	v := &c.view
	n := a.zone.Of(q)
	if n != nil {
		if out, ok := a.zone.Answer(dst, q, n, v, limit); ok {
			a.counted.override++
			return out, reply
		}
		if to, end := n.Target(); to != nil {
			return a.lookUpAlias(dst, q, n, to, end, v, limit)
		}
	}
	if p, skip, apex, special := a.met.rules.specials.find(q, 0); special && p >= elsewhere {
		c.looksElsewhere(p, q.Type, a.now)
	} else if special {
		if out, ok := a.met.rules.answerAs(dst, q, n, p, skip, apex, limit); ok {
			a.counted.override++
			return out, reply
		}
	}
	a.met.rules.mark(q, a.zone)
	return a.fromCache(dst, q, q, v, limit)
}

// lookUpAlias is lookUp for a name whose CNAME records end at a name outside of
// the zone, or at one of which the zone does not know the type. To put such an
// answer together allocates.
func (a *answerer) lookUpAlias(dst []byte, q *wire.Question, n *zone.Node, to []byte, end *zone.Node, v *zone.View, limit int) ([]byte, verdict) {
	var asked wire.Question
	if !asked.Turn(q, to) {
		return wire.AppendRcode(dst, q, wire.ServFail), reply
	}
	if out, ok := a.met.rules.answerSpecial(nil, &asked, end, wire.MaxMessage); ok {
		a.counted.override++
		return zone.Splice(dst, q, n, out, limit), reply
	}
	a.met.rules.mark(&asked, a.zone)
	return a.fromCache(dst, q, &asked, v, limit)
}
