package dnsserver

// What is answered at once, in the packet loop itself.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/limit"
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

// inline reads packet into q and appends the reply to dst if it can be told
// without waiting. It allocates nothing, but where a cached reply leads to an
// overridden name. The reply has most octets at the most; 0 means what the
// client takes over UDP.
func (s *Server) inline(dst []byte, q *wire.Question, packet []byte, from netip.Addr, most int) ([]byte, verdict) {
	s.count.total.Add(1)
	outcome := wire.Parse(q, packet)
	if outcome == wire.Drop {
		s.count.malformed.Add(1)
		return dst, drop
	}
	now, udp := time.Now(), most == 0
	verified := s.setOptions(q, from, !udp, now)
	if !s.rules.Load().acl.permits(from) {
		s.count.refused.Add(1)
		if udp && !s.mayRefuse(from, verified, now) {
			return dst, drop
		}
		return wire.AppendRcode(dst, q, wire.Refused), reply
	}
	s.clients.saw(from, now)
	if udp && s.tooMany(from, limit.Inline, now) {
		return wire.AppendTruncated(dst, q), reply
	}
	switch outcome {
	case wire.Bad:
		s.count.malformed.Add(1)
		return wire.AppendRcode(dst, q, wire.FormErr), reply
	case wire.Unsupported:
		s.count.malformed.Add(1)
		return wire.AppendRcode(dst, q, wire.NotImp), reply
	case wire.Version:
		s.count.malformed.Add(1)
		return wire.AppendRcode(dst, q, wire.BadVers), reply
	case wire.OnlyCookie:
		return wire.AppendRcode(dst, q, wire.NoError), reply
	}
	if q.Class != wire.ClassIN || q.Type >= wire.TypeTKEY && q.Type <= wire.TypeAXFR {
		s.count.refused.Add(1) // another class, a transfer, or a key exchange
		return wire.AppendRcode(dst, q, wire.Refused), reply
	}
	return s.lookUp(dst, q, now, from, q.Limit(most))
}

// lookUp tries overrides, special-use names and cache, in this order.
func (s *Server) lookUp(dst []byte, q *wire.Question, now time.Time, from netip.Addr, limit int) ([]byte, verdict) {
	local, rules := s.zone.Load(), s.rules.Load()
	n, v := local.Find(q.NameKey()), rules.viewOf(from)
	if out, ok := local.Answer(dst, q, n, v, limit); ok {
		s.count.override.Add(1)
		return out, reply
	}
	if to, _ := n.Target(); to != nil {
		return s.lookUpAlias(dst, q, n, now, v, limit)
	}
	if out, ok := rules.answerSpecial(dst, q, n, limit); ok {
		s.count.override.Add(1)
		return out, reply
	}
	rules.mark(q, local)
	return s.fromCache(dst, q, q, now, v, limit)
}

// lookUpAlias is lookUp for a name whose CNAME record ends outside of the zone,
// or where the zone does not know the type. To put such an answer together
// allocates.
func (s *Server) lookUpAlias(dst []byte, q *wire.Question, n *zone.Node, now time.Time, v zone.View, limit int) ([]byte, verdict) {
	var asked wire.Question
	to, end := n.Target()
	if !asked.Turn(q, to) {
		return wire.AppendRcode(dst, q, wire.ServFail), reply
	}
	if out, ok := s.rules.Load().answerSpecial(nil, &asked, end, wire.MaxMessage); ok {
		s.count.override.Add(1)
		return zone.Splice(dst, q, n, out, limit), reply
	}
	s.rules.Load().mark(&asked, s.zone.Load())
	return s.fromCache(dst, q, &asked, now, v, limit)
}
