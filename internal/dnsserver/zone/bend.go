package zone

// Bending what upstream says so that it agrees with the zone.

import (
	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// Bend appends r, age seconds old, as the reply to q, bent to the zone where
// it touches it: at an overridden name, or by leading to one. Most replies do
// neither and are copied. A reply that is longer than limit octets is cut.
func (z *Zone) Bend(dst []byte, q *wire.Question, r *wire.Response, age uint32, v *View, limit int) []byte {
	n := z.Of(q)
	if n != nil && r.Rcode() == wire.NXDomain {
		return wire.AppendNoData(dst, q, z.ttl) // the name, or one below it, is there
	}
	overridden := n.InHouse()
	if (!overridden || !r.Leads()) && !r.LeadsTo(z) {
		return r.Append(dst, q, age, limit)
	}
	var m dns.Msg
	if err := m.Unpack(r.Append(nil, q, age, wire.MaxMessage)); err != nil || len(m.Question) != 1 {
		return wire.AppendRcode(dst, q, wire.ServFail)
	}
	if overridden && (alias(m.Answer, m.Question[0].Name) != nil || hasDNAME(m.Answer)) {
		// A stub resolver would keep the alias and follow it for A as well.
		return wire.AppendNoData(dst, q, z.ttl)
	}
	z.dropTargets(&m)
	z.cutChain(&m, q, v)
	m.Compress = true
	packed, err := m.Pack()
	switch {
	case err != nil:
		return wire.AppendRcode(dst, q, wire.ServFail)
	case len(packed) > limit:
		return wire.AppendTruncated(dst, q)
	}
	return append(dst, packed...)
}

// cutChain follows the CNAME records in m. Where they reach a name whose
// addresses the zone gives, they are kept up to it, without signatures, and the
// local answer takes the place of the rest. For types that are the world's to
// answer, the answer is left unless it denies the name or leads on from it.
func (z *Zone) cutChain(m *dns.Msg, q *wire.Question, v *View) {
	question := m.Question[0]
	if question.Qtype == dns.TypeCNAME || question.Qtype == dns.TypeDNAME {
		return // such a question is not followed by its client
	}
	var kept []dns.RR
	for name := question.Name; len(kept) < maxChain; {
		link := alias(m.Answer, name)
		if link == nil {
			return
		}
		kept = append(kept, link)
		name = link.Target
		n := z.Find(KeyOf(name))
		if !n.InHouse() {
			continue
		}
		local, ours := z.local(name, q, n, v)
		if !ours && m.Rcode == dns.RcodeSuccess && alias(m.Answer, name) == nil {
			return
		}
		m.Rcode, m.AuthenticatedData = dns.RcodeSuccess, false
		m.Answer, m.Ns, m.Extra = append(kept, local.Answer...), local.Ns, onlyOPT(m.Extra)
		if len(local.Answer) == 0 {
			m.Ns = []dns.RR{z.soa(name)}
		}
		return
	}
}

// local returns the zone's own answer to q, but about name, for which it has n,
// and whether the type is ours to answer.
func (z *Zone) local(name string, q *wire.Question, n *Node, v *View) (m dns.Msg, ours bool) {
	var octets [wire.MaxName + 1]byte
	var turned wire.Question
	end, err := dns.PackDomainName(name, octets[:], 0, nil, false)
	if err != nil || !turned.Turn(q, octets[:end]) {
		return m, false
	}
	packed, ours := z.Answer(nil, &turned, n, v, wire.MaxMessage)
	if !ours || m.Unpack(packed) != nil {
		return dns.Msg{}, false
	}
	return m, true
}

// soa returns the SOA record of an overridden name.
func (z *Zone) soa(name string) dns.RR {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: z.ttl},
		Ns:  name, Mbox: "nobody.invalid.", Serial: 1, Refresh: 3600, Retry: 1200, Expire: 604800, Minttl: z.ttl,
	}
}

// dropTargets takes out of m the service bindings whose target is overridden
// (their hints name public addresses, their keys belong to public servers),
// the signatures over them, and all addresses that upstream gives overridden
// names.
func (z *Zone) dropTargets(m *dns.Msg) {
	dropped := make(map[string]bool) // owners whose service bindings are not whole
	keep := func(rr dns.RR) bool {
		h := rr.Header()
		var target string
		switch v := rr.(type) {
		case *dns.SVCB:
			target = v.Target
		case *dns.HTTPS:
			target = v.Target
		default:
			return true
		}
		if target == "." {
			target = h.Name
		}
		if !z.Has(KeyOf(target)) {
			return true
		}
		dropped[dns.CanonicalName(h.Name)] = true
		return false
	}
	answers := len(m.Answer)
	m.Answer, m.Extra = filter(m.Answer, keep), filter(m.Extra, keep)
	unsigned := func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		binding := ok && (sig.TypeCovered == dns.TypeSVCB || sig.TypeCovered == dns.TypeHTTPS)
		return !binding || !dropped[dns.CanonicalName(sig.Hdr.Name)]
	}
	foreign := func(rr dns.RR) bool {
		t := rr.Header().Rrtype
		return t != dns.TypeA && t != dns.TypeAAAA || !z.Has(KeyOf(rr.Header().Name))
	}
	m.Answer = filter(filter(m.Answer, unsigned), foreign)
	m.Extra = filter(filter(m.Extra, unsigned), foreign)
	if len(m.Answer) == answers {
		return
	}
	m.AuthenticatedData = false
	if last := chainEnd(m); !hasType(m.Answer, m.Question[0].Qtype) {
		m.Ns = []dns.RR{z.soa(last)}
	}
}

// chainEnd returns the name that the CNAME records in m lead to.
func chainEnd(m *dns.Msg) string {
	name := m.Question[0].Name
	for range maxChain {
		link := alias(m.Answer, name)
		if link == nil {
			break
		}
		name = link.Target
	}
	return name
}

// alias returns the CNAME record of name, or nil.
func alias(list []dns.RR, name string) *dns.CNAME {
	for _, rr := range list {
		if c, ok := rr.(*dns.CNAME); ok && dns.CanonicalName(c.Hdr.Name) == dns.CanonicalName(name) {
			return c
		}
	}
	return nil
}

func hasDNAME(list []dns.RR) bool { return hasType(list, dns.TypeDNAME) }

func hasType(list []dns.RR, typ uint16) bool {
	for _, rr := range list {
		if rr.Header().Rrtype == typ {
			return true
		}
	}
	return false
}

func onlyOPT(list []dns.RR) []dns.RR {
	return filter(list, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
}

// filter returns the records for which keep says so, in a list of its own.
func filter(list []dns.RR, keep func(dns.RR) bool) []dns.RR {
	var kept []dns.RR
	for _, rr := range list {
		if keep(rr) {
			kept = append(kept, rr)
		}
	}
	return kept
}

// KeyOf returns the key of a name as miekg/dns writes it; nil where it is no
// name, which no zone has.
func KeyOf(name string) []byte {
	var octets [wire.MaxName + 1]byte
	end, err := dns.PackDomainName(name, octets[:], 0, nil, false)
	if err != nil {
		return nil
	}
	return wire.LowerName(octets[:end])
}
