package dnsserver

// Which rule answers a question, for people who wonder.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// Rule says what answers a question.
type Rule string

// The rules, in the order in which they are tried.
const (
	// RuleRefused: the client may not ask, or nobody may ask such a thing.
	RuleRefused Rule = "refused"
	// RuleOverride: the name is a service's.
	RuleOverride Rule = "override"
	// RuleRecord: the user's own record, also where its CNAME leads outside.
	RuleRecord Rule = "record"
	// RuleWildcard: a service's wildcard covers the name.
	RuleWildcard Rule = "wildcard"
	// RuleSpecial: a special-use name.
	RuleSpecial Rule = "special"
	// RuleCache: an answer that is kept.
	RuleCache Rule = "cache"
	// RuleStale: an answer whose time is over, as nobody gives a fresh one.
	RuleStale Rule = "stale"
	// RuleForward: the servers of a forwarded zone.
	RuleForward Rule = "forward"
	// RuleUpstream: the world's servers.
	RuleUpstream Rule = "upstream"
)

// ruleOf are the rules by which the zone itself answers.
var ruleOf = map[zone.Origin]Rule{zone.FromOverride: RuleOverride, zone.FromRecord: RuleRecord, zone.FromWildcard: RuleWildcard}

// Explanation is how a question is answered, and by what.
type Explanation struct {
	// Name is canonical, Type in letters ("A", "TYPE65280").
	Name string `json:"name"`
	Type string `json:"type"`
	Rule Rule   `json:"rule"`
	// Detail is one line or two in plain words.
	Detail string `json:"detail"`
	// Rcode is the response code ("NOERROR"), null where nobody was asked.
	Rcode *string `json:"rcode"`
	// Answer are the records in text; never null.
	Answer []string `json:"answer"`
	// AgeSeconds and TTLSeconds are of an answer that is kept: how long, and
	// for how long it still is; else null.
	AgeSeconds *uint32 `json:"age_seconds"`
	TTLSeconds *uint32 `json:"ttl_seconds"`
	// Servers are those that are asked, or were for an answer that is kept;
	// never null.
	Servers []string `json:"servers"`
	// SignedBy is the signed zone an overridden name lies in; null where there
	// is none, or none known.
	SignedBy *string `json:"signed_by"`
}

// Why explains how a question of a client's would be answered now. The client
// may be invalid, which may ask anything and is near to nothing. Where others
// would have to be asked, they are only if resolve says so, and within ctx. An
// error means that name is none, or that nobody answered; the Explanation is
// good then too, but for its answer.
func (s *Server) Why(ctx context.Context, name string, qtype uint16, client netip.Addr, resolve bool) (Explanation, error) {
	e := Explanation{
		Name: strings.TrimSuffix(dns.CanonicalName(name), "."), Type: dns.Type(qtype).String(),
		Answer: []string{}, Servers: []string{},
	}
	var q wire.Question
	key := zone.KeyOf(dns.CanonicalName(name))
	if key == nil || name == "" || !q.Ask(key, qtype, false) {
		return e, fmt.Errorf("%q is no domain name", name)
	}
	local, r := s.zone.Load(), s.rules.Load()
	if client.IsValid() && !r.acl.permits(client) {
		e.Rule, e.Detail = RuleRefused, fmt.Sprintf("%s is not of the house, so it is refused; allow in [dns] lists further networks", client)
		return e, nil
	}
	if qtype == 0 || qtype == wire.TypeOPT || qtype >= wire.TypeTKEY && qtype <= wire.TypeAXFR {
		e.Rule, e.Detail = RuleRefused, "such questions are for servers among themselves, so nobody may ask them here"
		return e, nil
	}
	i := slices.IndexFunc(s.publicViews(), func(v PublicView) bool { return v.Name == e.Name && v.SignedBy != "" })
	if i >= 0 {
		e.SignedBy = &s.publicViews()[i].SignedBy
	}
	n, v := local.Find(key), r.viewOf(client)
	if out, ok := local.Answer(nil, &q, n, v, wire.MaxMessage); ok {
		origin, detail := local.Why(key, n, qtype)
		e.Rule, e.Detail = ruleOf[origin], detail
		return e, e.take(out)
	}
	var turned wire.Question
	asked := local.Turn(&turned, &q)
	if asked == &q {
		if out, ok := r.answerSpecial(nil, &q, n, wire.MaxMessage); ok {
			_, _, apex, _ := r.specials.find(&q, 0)
			e.Rule, e.Detail = RuleSpecial, fmt.Sprintf("%s is a special-use name, which is never asked of the world", nameInWords(key[apex:]))
			return e, e.take(out)
		}
	}
	err := s.whyOthers(ctx, &e, &q, asked, v, resolve)
	switch {
	case asked != &q:
		e.Detail = fmt.Sprintf("a CNAME record of yours leads to %s; %s", nameInWords(asked.NameKey()), e.Detail)
		e.Rule = RuleRecord
	case n.Known():
		e.Detail = "the name is a local one, but records of this type are the world's to give; " + e.Detail
	}
	return e, err
}

// whyOthers explains an answer that others gave or would give to asked.
func (s *Server) whyOthers(ctx context.Context, e *Explanation, q, asked *wire.Question, v *zone.View, resolve bool) error {
	r := s.rules.Load()
	if asked != q {
		if out, ok := r.answerSpecial(nil, asked, s.zone.Load().Of(asked), wire.MaxMessage); ok {
			e.Detail = "that is a special-use name, which is never asked of the world"
			return e.take(zone.Splice(nil, q, s.zone.Load().Of(q), out, wire.MaxMessage))
		}
	}
	source, where := r.upstream, "the servers under upstreams in [dns]"
	e.Rule = RuleUpstream
	if f := r.mark(asked, s.zone.Load()); f != nil {
		source, where, e.Rule = f.source, "the servers of the forwarded zone "+f.zone, RuleForward
	}
	e.Servers = serversOf(source)
	switch hit := s.cache.Peek(nil, asked, time.Now()); {
	case hit.Fresh():
		left := hit.Response.Lifetime() - min(hit.Age, hit.Response.Lifetime())
		e.Rule, e.AgeSeconds, e.TTLSeconds = RuleCache, &hit.Age, &left
		e.Detail = fmt.Sprintf("the answer is %d s old and kept for %d s more; it is from %s", hit.Age, left, where) + sayRefused(&hit.Response)
		return e.take(s.shape(nil, q, asked, &hit.Response, hit.Age, v, wire.MaxMessage))
	case hit.Found && (hit.Failed || source.dead.Load()):
		e.Rule, e.Detail = RuleStale, "the answer's time is over, but "+where+" do not answer, so it is still given (serve_stale in [dns])"
		return e.take(s.shape(nil, q, asked, &hit.Response, hit.Age, v, wire.MaxMessage))
	}
	e.Detail = "it is asked of " + where
	if !resolve {
		return nil
	}
	resp, err := s.fetch(ctx, asked)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	e.Detail += sayRefused(resp)
	return e.take(s.shape(nil, q, asked, resp, 0, v, wire.MaxMessage))
}

// sayRefused tells an answer of ours in place of one that was refused; it has
// our SOA record, which nothing else that is kept has.
func sayRefused(r *wire.Response) string {
	var m dns.Msg
	if m.Unpack(r.Packed()) != nil || len(m.Ns) != 1 || len(m.Answer) != 0 {
		return ""
	}
	if soa, ok := m.Ns[0].(*dns.SOA); !ok || soa.Mbox != "nobody.invalid." {
		return ""
	}
	return "; what it says leads into the house, so it is refused and no address is passed on (rebind_allow in [dns] exempts names)"
}

// take reads what a client would be told.
func (e *Explanation) take(packed []byte) error {
	var m dns.Msg
	if err := m.Unpack(packed); err != nil {
		return errors.New("the answer cannot be read")
	}
	rcode := dns.RcodeToString[m.Rcode]
	e.Rcode = &rcode
	for _, rr := range m.Answer {
		e.Answer = append(e.Answer, strings.ReplaceAll(rr.String(), "\t", " "))
	}
	return nil
}

func serversOf(p Upstream) []string {
	list := []string{}
	for _, a := range p.Addresses() {
		list = append(list, a.String())
	}
	return list
}
