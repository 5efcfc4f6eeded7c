package upstream

// What of a reply is an answer to the question. The rest is dropped: nobody
// asked for it, and a server, or who speaks in its place, could use it to put
// names of others into caches behind us (RFC 5452, section 6).

import (
	"slices"

	"github.com/miekg/dns"
)

// maxChain bounds the CNAME and DNAME records that are followed. More are a
// mistake or an attack.
const maxChain = 16

// scrub keeps of reply, which answers query, what belongs to the answer:
//
//   - the records asked for at the end of the chain of CNAME and DNAME records
//     that starts at the question, that chain, and the signatures over both;
//   - of the authority section, the records that say who the authority is or
//     deny (SOA, NS, DS, NSEC, NSEC3), with signatures, whose owner is a name
//     of the chain or above one; a record that denies may have any owner within
//     the zone of such a name whose key signed it;
//   - nothing additional: stubs do not use it.
//
// A chain that is too long or goes round makes the reply a SERVFAIL; one that
// only points to other servers, a REFUSED.
func scrub(reply, query *dns.Msg) {
	reply.Extra = nil
	if !settles(reply.Rcode) {
		reply.Answer, reply.Ns = nil, nil
		return
	}
	s := scrubber{question: query.Question[0], has: make(map[dns.RR]bool)}
	if !s.answer(reply.Answer) {
		reply.Rcode, reply.Answer, reply.Ns, reply.AuthenticatedData = dns.RcodeServerFailure, nil, nil, false
		return
	}
	reply.Answer = s.kept
	reply.Ns = s.authority(reply.Ns)
	if reply.Rcode == dns.RcodeSuccess && len(reply.Answer) == 0 && !reply.RecursionAvailable && !reply.Authoritative && refers(reply.Ns) {
		reply.Rcode, reply.Ns = dns.RcodeRefused, nil
	}
}

// refers reports whether an authority section only points to other servers.
func refers(list []dns.RR) bool {
	servers := false
	for _, rr := range list {
		switch rr.Header().Rrtype {
		case dns.TypeSOA:
			return false
		case dns.TypeNS:
			servers = true
		}
	}
	return servers
}

// scrubber is the work on one reply.
type scrubber struct {
	question dns.Question
	chain    []string // canonical; the question's name first
	kept     []dns.RR
	has      map[dns.RR]bool
}

// owned is a record with its owner in canonical form.
type owned struct {
	owner string
	rr    dns.RR
}

// read returns the records that have the question's class, and all their data.
func (s *scrubber) read(list []dns.RR) []owned {
	all := make([]owned, 0, len(list))
	for _, rr := range list {
		h := rr.Header()
		if h.Class != s.question.Qclass || h.Rdlength == 0 && h.Rrtype != dns.TypeNULL && h.Rrtype != dns.TypeAPL ||
			h.Rrtype == dns.TypeOPT || h.Rrtype == dns.TypeTSIG {
			continue
		}
		if !whole(rr) {
			continue
		}
		all = append(all, owned{dns.CanonicalName(h.Name), rr})
	}
	return all
}

// answer follows the chain and reports whether it comes to an end.
func (s *scrubber) answer(list []dns.RR) bool {
	all := s.read(list)
	follow := s.question.Qtype != dns.TypeCNAME && s.question.Qtype != dns.TypeDNAME && s.question.Qtype != dns.TypeANY
	for name := dns.CanonicalName(s.question.Name); ; {
		if len(s.chain) > maxChain || slices.Contains(s.chain, name) {
			return false
		}
		s.chain = append(s.chain, name)
		s.keep(all, name, s.question.Qtype)
		if !follow {
			// An alias for all names below the one asked is part of the answer.
			s.dname(all, name)
			s.keep(all, name, dns.TypeCNAME)
			return true
		}
		next := s.step(all, name)
		if next == "" {
			return true
		}
		name = next
	}
}

// step keeps the alias at name and returns the name that it leads to, or
// nothing.
func (s *scrubber) step(all []owned, name string) string {
	below := s.dname(all, name)
	for _, o := range all {
		if c, ok := o.rr.(*dns.CNAME); ok && o.owner == name {
			s.add(c)
			s.signatures(all, name, dns.TypeCNAME)
			return dns.CanonicalName(c.Target)
		}
	}
	return below
}

// dname keeps the DNAME record above name, and returns what it makes of name
// (RFC 6672, section 2.2).
func (s *scrubber) dname(all []owned, name string) string {
	for _, o := range all {
		d, ok := o.rr.(*dns.DNAME)
		if !ok || o.owner == name || !dns.IsSubDomain(o.owner, name) {
			continue
		}
		s.add(d)
		s.signatures(all, o.owner, dns.TypeDNAME)
		prefix := name[:len(name)-len(o.owner)]
		if o.owner == "." {
			prefix = name
		}
		target := dns.CanonicalName(d.Target)
		if target == "." {
			return prefix
		}
		if made := prefix + target; len(made) <= 255 {
			return made
		}
	}
	return ""
}

// keep keeps the records of a type at name, and their signatures.
func (s *scrubber) keep(all []owned, name string, qtype uint16) {
	any := false
	for _, o := range all {
		t := o.rr.Header().Rrtype
		if o.owner == name && (t == qtype || qtype == dns.TypeANY) {
			s.add(o.rr)
			any = true
		}
	}
	if any && qtype != dns.TypeANY && qtype != dns.TypeRRSIG {
		s.signatures(all, name, qtype)
	}
}

func (s *scrubber) signatures(all []owned, name string, covered uint16) {
	for _, o := range all {
		if sig, ok := o.rr.(*dns.RRSIG); ok && o.owner == name && sig.TypeCovered == covered {
			s.add(sig)
		}
	}
}

// add keeps a record once.
func (s *scrubber) add(rr dns.RR) {
	if !s.has[rr] {
		s.has[rr] = true
		s.kept = append(s.kept, rr)
	}
}

// authority returns what is kept of the authority section.
func (s *scrubber) authority(list []dns.RR) []dns.RR {
	all := s.read(list)
	// The zones, of names in the chain, whose keys signed denials, by owner.
	signers := make(map[string][]string)
	for _, o := range all {
		if sig, ok := o.rr.(*dns.RRSIG); ok && denies(sig.TypeCovered) {
			if zone := dns.CanonicalName(sig.SignerName); s.above(zone) && dns.IsSubDomain(zone, o.owner) {
				signers[o.owner] = append(signers[o.owner], zone)
			}
		}
	}
	var kept []dns.RR
	for _, o := range all {
		t := o.rr.Header().Rrtype
		if sig, ok := o.rr.(*dns.RRSIG); ok {
			t = sig.TypeCovered
		}
		switch {
		case denies(t):
			if len(signers[o.owner]) > 0 || s.above(o.owner) {
				kept = append(kept, o.rr)
			}
		case t == dns.TypeSOA, t == dns.TypeNS, t == dns.TypeDS:
			if s.above(o.owner) {
				kept = append(kept, o.rr)
			}
		}
	}
	return kept
}

// denies reports whether records of a type deny others.
func denies(t uint16) bool { return t == dns.TypeNSEC || t == dns.TypeNSEC3 }

// above reports whether zone is a name of the chain or above one.
func (s *scrubber) above(zone string) bool {
	return slices.ContainsFunc(s.chain, func(name string) bool { return dns.IsSubDomain(zone, name) })
}
