package upstream

// The form of questions and answers.

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// padTo is the block to whose multiples encrypted questions are padded (RFC
// 8467, section 4.1).
const padTo = 128

// newQuery returns the message that asks q: with recursion, with AD to hear of
// it (RFC 6840, section 5.7), with our own EDNS and none of the client's
// options.
func newQuery(q *wire.Question) (*dns.Msg, error) {
	name, _, err := dns.UnpackDomainName(q.NameKey(), 0)
	if err != nil {
		return nil, err
	}
	m := new(dns.Msg).SetQuestion(name, q.Type)
	m.Question[0].Qclass = q.Class
	m.AuthenticatedData, m.CheckingDisabled = true, q.CD()
	return m.SetEdns0(wire.UDPSize, q.DO), nil
}

// newProbe returns the message that dead servers are asked.
func newProbe(name string) *dns.Msg {
	return new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeNS).SetEdns0(wire.UDPSize, false)
}

// pack packs query with an ID of 0, padded on request.
func pack(query *dns.Msg, padded bool) ([]byte, error) {
	m := *query
	m.Id = 0
	var own dns.OPT // packing writes into it, and query is shared
	if opt := query.IsEdns0(); opt != nil {
		own = *opt
		m.Extra = []dns.RR{&own}
	}
	if m.Extra != nil && padded {
		padding := &dns.EDNS0_PADDING{}
		own.Option = append(own.Option[:len(own.Option):len(own.Option)], padding)
		bare, err := m.Pack()
		if err != nil {
			return nil, fmt.Errorf("packing the question: %w", err)
		}
		padding.Padding = make([]byte, (padTo-len(bare)%padTo)%padTo)
	}
	packed, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("packing the question: %w", err)
	}
	return packed, nil
}

// answers reports whether reply is an answer to query, apart from the ID. Case
// does not count; a server that could not read the question may leave it out.
func answers(reply, query *dns.Msg) bool {
	if !reply.Response || reply.Opcode != dns.OpcodeQuery {
		return false
	}
	if len(reply.Question) == 0 {
		return reply.Rcode == dns.RcodeFormatError || reply.Rcode == dns.RcodeNotImplemented
	}
	if len(reply.Question) != 1 {
		return false
	}
	got, want := reply.Question[0], query.Question[0]
	return got.Qtype == want.Qtype && got.Qclass == want.Qclass && sameName(got.Name, want.Name)
}

// sameCase reports whether reply, which answers query, kept the question's
// case.
func sameCase(reply, query *dns.Msg) bool {
	return len(reply.Question) == 0 || reply.Question[0].Name == query.Question[0].Name
}

// sameName compares as DNS does: A to Z only (RFC 4343).
func sameName(a, b string) bool {
	return a == b || dns.CanonicalName(a) == dns.CanonicalName(b)
}

// mixCase returns query with each letter of the name in upper or lower case by
// lot, which a forger would have to guess too (draft-vixie-dnsext-dns0x20).
func mixCase(query *dns.Msg) *dns.Msg {
	name := []byte(query.Question[0].Name)
	lots := make([]byte, len(name))
	_, _ = rand.Read(lots) // never fails
	for i, c := range name {
		if lower := c | 0x20; 'a' <= lower && lower <= 'z' {
			name[i] = lower &^ (lots[i] & 0x20)
		}
	}
	return withName(query, string(name))
}

// withName returns query about another name.
func withName(query *dns.Msg, name string) *dns.Msg {
	m := *query
	m.Question = []dns.Question{query.Question[0]}
	m.Question[0].Name = name
	return &m
}

// unmixCase gives the names in reply that end as the name sent did the case of
// the name asked: a server points into the question where it can.
func unmixCase(reply *dns.Msg, sent, asked string) {
	if sent == asked {
		return
	}
	starts := dns.Split(sent)
	fix := func(name *string) {
		for _, at := range starts {
			if strings.HasSuffix(*name, sent[at:]) {
				*name = (*name)[:len(*name)-len(sent)+at] + asked[at:]
				return
			}
		}
	}
	for i := range reply.Question {
		fix(&reply.Question[i].Name)
	}
	for _, section := range [][]dns.RR{reply.Answer, reply.Ns, reply.Extra} {
		for _, rr := range section {
			fix(&rr.Header().Name)
			switch v := rr.(type) { // those whose names may be pointers (RFC 3597, section 4)
			case *dns.CNAME:
				fix(&v.Target)
			case *dns.NS:
				fix(&v.Ns)
			case *dns.PTR:
				fix(&v.Ptr)
			case *dns.MX:
				fix(&v.Mx)
			case *dns.SRV:
				fix(&v.Target)
			case *dns.SOA:
				fix(&v.Ns)
				fix(&v.Mbox)
			}
		}
	}
}

// finish brings a reply to q into the form that is kept and sent: the question
// in lower case and in every owner that is the same name, so that it packs to
// a pointer; no additional records, no bits that are ours to set.
func finish(reply *dns.Msg, q *wire.Question) (*wire.Response, error) {
	name, _, err := dns.UnpackDomainName(q.NameKey(), 0)
	if err != nil {
		return nil, fmt.Errorf("reading the question's name: %w", err)
	}
	rcode := reply.Rcode
	if rcode > 15 {
		rcode = dns.RcodeServerFailure // an extended code has no meaning without OPT
	}
	m := &dns.Msg{Compress: true, Answer: reply.Answer, Ns: reply.Ns}
	m.MsgHdr = dns.MsgHdr{Response: true, RecursionDesired: true, RecursionAvailable: true,
		AuthenticatedData: reply.AuthenticatedData, Rcode: rcode}
	m.Question = []dns.Question{{Name: name, Qtype: q.Type, Qclass: q.Class}}
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range section {
			if h := rr.Header(); len(h.Name) == len(name) && strings.EqualFold(h.Name, name) && sameName(h.Name, name) {
				h.Name = name
			}
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("packing the answer: %w", err)
	}
	response, err := wire.NewResponse(packed)
	if err != nil {
		return nil, fmt.Errorf("reading the packed answer: %w", err)
	}
	return response, nil
}
