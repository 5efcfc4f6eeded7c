package upstream_test

// What of a reply is kept.

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

func records(t testing.TB, texts ...string) (list []dns.RR) {
	t.Helper()
	for _, text := range texts {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rr)
	}
	return list
}

// received is m as it comes out of a packet.
func received(t testing.TB, m *dns.Msg) *dns.Msg {
	t.Helper()
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	got := new(dns.Msg)
	if err := got.Unpack(packed); err != nil {
		t.Fatal(err)
	}
	return got
}

// short lists records as "owner type".
func short(list []dns.RR) (out []string) {
	for _, rr := range list {
		h := rr.Header()
		text := h.Name + " " + dns.TypeToString[h.Rrtype]
		if sig, ok := rr.(*dns.RRSIG); ok {
			text += " " + dns.TypeToString[sig.TypeCovered]
		}
		out = append(out, text)
	}
	return out
}

func TestOnlyWhatBelongsToTheAnswerIsKept(t *testing.T) {
	const sig = " 60 IN RRSIG %s 13 2 60 20300101000000 20200101000000 1 %s AAAA"
	rrsig := func(owner, covered, signer string) string {
		return owner + strings.Replace(strings.Replace(sig, "%s", covered, 1), "%s", signer, 1)
	}
	for name, c := range map[string]struct {
		question          string
		qtype             uint16
		answer, authority []string
		wantA, wantNs     []string
		rcode             int
	}{
		"plain": {question: "www.example.", qtype: dns.TypeA,
			answer: []string{"WWW.example. 60 IN A 1.2.3.4", "www.example. 60 IN AAAA fd00::1", "bank.test. 60 IN A 6.6.6.6", rrsig("www.example.", "A", "example."), rrsig("www.example.", "AAAA", "example.")},
			wantA:  []string{"WWW.example. A", "www.example. RRSIG A"}},
		"a chain in disorder": {question: "www.example.", qtype: dns.TypeA,
			answer: []string{"c.test. 60 IN A 1.2.3.4", "b.test. 60 IN CNAME c.test.", "www.example. 60 IN CNAME b.test.", rrsig("www.example.", "CNAME", "example."), "d.test. 60 IN A 6.6.6.6", "www.example. 60 IN CNAME d.test."},
			wantA:  []string{"www.example. CNAME", "www.example. RRSIG CNAME", "b.test. CNAME", "c.test. A"}},
		"another class": {question: "www.example.", qtype: dns.TypeTXT,
			answer: []string{`www.example. 60 CH TXT "a"`, `www.example. 60 IN TXT "b"`},
			wantA:  []string{"www.example. TXT"}},
		"a loop": {question: "www.example.", qtype: dns.TypeA,
			answer: []string{"www.example. 60 IN CNAME WWW.example."}, rcode: dns.RcodeServerFailure},
		"CNAME asked": {question: "www.example.", qtype: dns.TypeCNAME,
			answer: []string{"www.example. 60 IN CNAME www.example.", "b.example. 60 IN A 6.6.6.6"},
			wantA:  []string{"www.example. CNAME"}},
		"ANY asked": {question: "www.example.", qtype: dns.TypeANY,
			answer: []string{"www.example. 60 IN A 1.2.3.4", rrsig("www.example.", "A", "example."), `www.example. 60 IN HINFO "a" "b"`, "b.example. 60 IN A 6.6.6.6"},
			wantA:  []string{"www.example. A", "www.example. RRSIG A", "www.example. HINFO"}},
		"DNAME": {question: "a.b.example.", qtype: dns.TypeA,
			answer: []string{"b.example. 60 IN DNAME c.test.", rrsig("b.example.", "DNAME", "example."), "a.b.example. 60 IN CNAME a.c.test.", "a.c.test. 60 IN A 1.2.3.4", "test. 60 IN DNAME evil.", "z.evil. 60 IN A 6.6.6.6"},
			wantA:  []string{"b.example. DNAME", "b.example. RRSIG DNAME", "a.b.example. CNAME", "a.c.test. A", "test. DNAME"}},
		"DNAME without its CNAME": {question: "a.b.example.", qtype: dns.TypeA,
			answer: []string{"b.example. 60 IN DNAME c.test.", "a.c.test. 60 IN A 1.2.3.4", "c.test. 60 IN A 6.6.6.6"},
			wantA:  []string{"b.example. DNAME", "a.c.test. A"}},
		"authority": {question: "www.example.", qtype: dns.TypeA,
			answer:    []string{"www.example. 60 IN CNAME b.sub.test."},
			authority: []string{"example. 60 IN SOA a. b. 1 2 3 4 5", "sub.test. 60 IN NS ns.test.", "bank. 60 IN NS ns.evil.", "a.www.example. 60 IN NS ns.evil.", ". 60 IN SOA a. b. 1 2 3 4 5", "example. 60 IN A 6.6.6.6", "sub.test. 60 IN DS 1 13 2 AA", `example. 60 IN TXT "no"`},
			wantA:     []string{"www.example. CNAME"}, wantNs: []string{"example. SOA", "sub.test. NS", ". SOA", "sub.test. DS"}},
		"denial": {question: "nope.example.", qtype: dns.TypeA, rcode: dns.RcodeNameError,
			authority: []string{"example. 60 IN SOA a. b. 1 2 3 4 5", rrsig("example.", "SOA", "example."), "alpha.example. 60 IN NSEC zulu.example. A", rrsig("alpha.example.", "NSEC", "example."),
				"bank. 60 IN NSEC zulu.bank. A", rrsig("bank.", "NSEC", "bank."), "x.bank. 60 IN NSEC y.bank. A", rrsig("x.bank.", "NSEC", "example."),
				"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. 60 IN NSEC3 1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A", rrsig("0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.", "NSEC3", "example.")},
			wantNs: []string{"example. SOA", "example. RRSIG SOA", "alpha.example. NSEC", "alpha.example. RRSIG NSEC", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. NSEC3", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. RRSIG NSEC3"}},
		"a failure says nothing": {question: "www.example.", qtype: dns.TypeA, rcode: dns.RcodeServerFailure,
			answer: []string{"www.example. 60 IN A 6.6.6.6"}, authority: []string{"example. 60 IN SOA a. b. 1 2 3 4 5"}},
	} {
		t.Run(name, func(t *testing.T) {
			query := new(dns.Msg).SetQuestion(c.question, c.qtype)
			m := new(dns.Msg).SetReply(query)
			m.RecursionAvailable = true
			if c.rcode == dns.RcodeNameError || name == "a failure says nothing" {
				m.Rcode = c.rcode
			}
			m.Answer, m.Ns, m.Extra = records(t, c.answer...), records(t, c.authority...), records(t, "ns.evil. 60 IN A 6.6.6.6")
			m = received(t, m)
			upstream.Scrub(m, query)
			if m.Rcode != c.rcode || len(m.Extra) != 0 || !slices.Equal(short(m.Answer), c.wantA) || !slices.Equal(short(m.Ns), c.wantNs) {
				t.Errorf("kept %s, %q, %q, %q", dns.RcodeToString[m.Rcode], short(m.Answer), short(m.Ns), short(m.Extra))
			}
		})
	}
}

// belongs is written from the rule, not from the code: every record must hang
// on the question by names alone.
func belongs(t *testing.T, m, query *dns.Msg) {
	t.Helper()
	names := map[string]bool{dns.CanonicalName(query.Question[0].Name): true}
	for range len(m.Answer) + 1 {
		for _, rr := range m.Answer {
			owner := dns.CanonicalName(rr.Header().Name)
			switch v := rr.(type) {
			case *dns.CNAME:
				if names[owner] {
					names[dns.CanonicalName(v.Target)] = true
				}
			case *dns.DNAME:
				for name := range names {
					if name != owner && dns.IsSubDomain(owner, name) {
						labels := dns.SplitDomainName(name)
						made := append(labels[:len(labels)-dns.CountLabel(owner)], dns.SplitDomainName(dns.CanonicalName(v.Target))...)
						names[strings.Join(made, ".")+"."] = true
					}
				}
			}
		}
	}
	above := func(zone string) bool {
		for name := range names {
			if dns.IsSubDomain(zone, name) {
				return true
			}
		}
		return false
	}
	for _, rr := range m.Answer {
		covered := rr.Header().Rrtype
		if sig, ok := rr.(*dns.RRSIG); ok {
			covered = sig.TypeCovered
		}
		if owner := dns.CanonicalName(rr.Header().Name); !names[owner] && (covered != dns.TypeDNAME || !above(owner)) {
			t.Errorf("%v does not belong to the answer to %v", rr, query.Question[0])
		}
	}
	for _, rr := range m.Ns {
		h, covered := rr.Header(), rr.Header().Rrtype
		if sig, ok := rr.(*dns.RRSIG); ok {
			covered = sig.TypeCovered
		}
		denies := covered == dns.TypeNSEC || covered == dns.TypeNSEC3
		if !above(h.Name) && !denies || h.Rrtype == dns.TypeA || h.Rrtype == dns.TypeAAAA {
			t.Errorf("%v has no place in the authority over %v", rr, query.Question[0])
		}
		if denies && !above(h.Name) {
			// Its zone must be one above a name of the chain.
			signed := slices.ContainsFunc(m.Ns, func(rr dns.RR) bool {
				sig, ok := rr.(*dns.RRSIG)
				return ok && dns.CanonicalName(sig.Hdr.Name) == dns.CanonicalName(h.Name) && above(sig.SignerName) && dns.IsSubDomain(sig.SignerName, h.Name)
			})
			if !signed {
				t.Errorf("%v denies for another zone than that of %v", rr, query.Question[0])
			}
		}
	}
	if len(m.Extra) != 0 {
		t.Errorf("additional records %v", m.Extra)
	}
}

// Hostile replies: what comes out packs, unpacks, and belongs to the question.
func FuzzScrub(f *testing.F) {
	add := func(question string, qtype uint16, rcode int, answer, authority []string) {
		m := new(dns.Msg).SetQuestion(question, qtype)
		m.Response, m.Rcode, m.Compress = true, rcode, true
		m.Answer, m.Ns = records(f, answer...), records(f, authority...)
		packed, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
	}
	add("www.example.", dns.TypeA, 0, []string{"www.example. 60 IN CNAME b.test.", "b.test. 60 IN A 1.2.3.4", "c.test. 60 IN A 6.6.6.6"}, []string{"test. 60 IN NS ns.test."})
	add("a.b.example.", dns.TypeA, 0, []string{"b.example. 60 IN DNAME .", "example. 60 IN DNAME b.example.", "a. 60 IN A 1.2.3.4", "a.b.example. 60 IN CNAME \\.a."}, nil)
	add(".", dns.TypeANY, 0, []string{". 60 IN NS a.", ". 60 IN DNAME a."}, []string{". 60 IN SOA a. b. 1 2 3 4 5"})
	add("x.example.", dns.TypeHTTPS, 3, []string{`x.example. 60 IN HTTPS 1 . alpn="h2" ipv4hint=1.2.3.4`}, []string{"a.example. 60 IN NSEC b.example. A", "a.example. 60 IN RRSIG NSEC 13 2 60 20300101000000 20200101000000 1 example. AAAA"})
	f.Fuzz(func(t *testing.T, packet []byte) {
		m := new(dns.Msg)
		if len(packet) > 4096 || m.Unpack(packet) != nil || len(m.Question) != 1 {
			return
		}
		query := &dns.Msg{Question: []dns.Question{m.Question[0]}}
		upstream.Scrub(m, query)
		m.Question = query.Question
		packed, err := m.Pack()
		if err != nil {
			return // what cannot be packed is not sent
		}
		out := new(dns.Msg)
		if err := out.Unpack(packed); err != nil {
			t.Fatalf("what is kept cannot be read: %v\n%v", err, m)
		}
		belongs(t, out, query)
	})
}
