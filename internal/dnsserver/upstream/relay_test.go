package upstream_test

// The short way gives what the long way would, or nothing.

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// sentQuery is q as it is sent in the case that seed gives.
func sentQuery(q *wire.Question, seed uint64) []byte {
	lots := make([]byte, len(q.Name()))
	for i, r := 0, rand.New(rand.NewPCG(seed, 1)); i < len(lots); i++ {
		lots[i] = byte(r.Uint32())
	}
	return q.AppendQuery(nil, uint16(seed), lots)
}

// questionFor reads the question for a name.
func questionFor(t testing.TB, name string, qtype uint16) *wire.Question {
	t.Helper()
	packed, err := new(dns.Msg).SetQuestion(name, qtype).Pack()
	q := new(wire.Question)
	if err != nil || wire.Parse(q, packed) != wire.Good {
		t.Fatalf("%s is no name to ask for: %v", name, err)
	}
	return q
}

// replyTo packs the reply to a query. SOA records go into the authority section.
func replyTo(t testing.TB, query []byte, compress bool, change func(*dns.Msg), texts ...string) []byte {
	t.Helper()
	var sent dns.Msg
	if err := sent.Unpack(query); err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg).SetReply(&sent)
	m.Compress, m.RecursionAvailable = compress, true
	for _, rr := range records(t, texts...) {
		if strings.EqualFold(rr.Header().Name, sent.Question[0].Name) {
			rr.Header().Name = sent.Question[0].Name
		}
		if rr.Header().Rrtype == dns.TypeSOA {
			m.Ns = append(m.Ns, rr)
		} else {
			m.Answer = append(m.Answer, rr)
		}
	}
	m.SetEdns0(1232, false)
	if change != nil {
		change(m)
	}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// inWords writes a response so that it can be compared: records in order, names
// in lower case.
func inWords(t testing.TB, r *wire.Response) string {
	t.Helper()
	var m dns.Msg
	if err := m.Unpack(r.Packed()); err != nil {
		t.Fatalf("what is kept cannot be read: %v", err)
	}
	return strings.ToLower(m.String())
}

// bothWays compares the two, and reports whether the short way was gone.
func bothWays(t testing.TB, q *wire.Question, query, reply []byte) bool {
	t.Helper()
	before := bytes.Clone(reply)
	packed, ok := wire.AppendRelayed([]byte("before"), q, query, reply)
	if !bytes.Equal(before, reply) || string(packed[:6]) != "before" || !ok && len(packed) != 6 {
		t.Fatal("the reply, or what stands before the answer, was changed")
	}
	if !ok {
		return false
	}
	short, err := wire.NewResponse(packed[6:])
	if err != nil {
		t.Fatalf("what was relayed is refused: %v\n%x", err, reply)
	}
	long, err := upstream.LongWay(q, query, reply)
	if err != nil {
		t.Fatalf("the long way refuses what was relayed: %v\n%x", err, reply)
	}
	got, want := inWords(t, short), inWords(t, long)
	if got != want || short.Lifetime() != long.Lifetime() {
		t.Fatalf("relayed was\n%s\nand the long way gives\n%s", got, want)
	}
	return true
}

const manyAliases = 9

func TestPlainAnswersGoTheShortWay(t *testing.T) {
	soa := "example. 900 IN SOA ns.example. who.example. 1 2 3 4 300"
	chain := func(n int) (list []string) {
		last := "www.a.example."
		for i := range n {
			next := strings.Repeat("x", i+1) + ".cdn.test."
			list = append(list, last+" 60 IN CNAME "+next)
			last = next
		}
		return append(list, last+" 60 IN A 1.2.3.4")
	}
	const a = "www.a.example. 60 IN A 1.2.3.4"
	for name, c := range map[string]struct {
		qtype   uint16
		records []string
		change  func(*dns.Msg)
		short   bool
	}{
		"an address":               {dns.TypeA, []string{a}, nil, true},
		"several":                  {dns.TypeAAAA, []string{"www.a.example. 60 IN AAAA ::1", "www.a.example. 4000000000 IN AAAA 2001:db8::1"}, nil, true},
		"no OPT record":            {dns.TypeA, []string{a}, func(m *dns.Msg) { m.Extra = nil }, true},
		"validated":                {dns.TypeA, []string{a}, func(m *dns.Msg) { m.AuthenticatedData, m.Authoritative = true, true }, true},
		"an alias":                 {dns.TypeA, chain(1), nil, true},
		"an alias below itself":    {dns.TypeA, []string{"www.a.example. 60 IN CNAME b.www.a.example.", "b.www.a.example. 60 IN A 1.2.3.4"}, nil, true},
		"an alias to the root":     {dns.TypeA, []string{"www.a.example. 60 IN CNAME .", ". 60 IN A 1.2.3.4"}, nil, true},
		"as many as are common":    {dns.TypeA, chain(manyAliases - 1), nil, true},
		"more":                     {dns.TypeA, chain(manyAliases), nil, false},
		"an alias to nothing":      {dns.TypeAAAA, []string{"www.a.example. 60 IN CNAME b.test.", "test. 60 IN SOA ns.test. b.test. 1 2 3 4 5"}, nil, true},
		"no data":                  {dns.TypeHTTPS, []string{soa}, nil, true},
		"no data, no SOA":          {dns.TypeA, nil, nil, true},
		"no such name":             {dns.TypeA, []string{". 900 IN SOA a. b. 1 2 3 4 300"}, func(m *dns.Msg) { m.Rcode = dns.RcodeNameError }, true},
		"a zone beside":            {dns.TypeA, []string{"b.example. 900 IN SOA a. b. 1 2 3 4 300"}, nil, false},
		"another name":             {dns.TypeA, []string{a, "b.example. 60 IN A 6.6.6.6"}, nil, false},
		"another type":             {dns.TypeA, []string{"www.a.example. 60 IN AAAA ::1"}, nil, false},
		"another class":            {dns.TypeA, []string{"www.a.example. 60 CH A 1.2.3.4"}, nil, false},
		"a circle":                 {dns.TypeA, []string{"www.a.example. 60 IN CNAME b.test.", "b.test. 60 IN CNAME WWW.A.example."}, nil, false},
		"not in order":             {dns.TypeA, []string{"b.test. 60 IN A 1.2.3.4", "www.a.example. 60 IN CNAME b.test."}, nil, false},
		"an alias and an address":  {dns.TypeA, []string{a, "www.a.example. 60 IN CNAME b.test."}, nil, false},
		"a signature":              {dns.TypeA, []string{a, "www.a.example. 60 IN RRSIG A 13 3 60 20300101000000 20200101000000 1 example. AAAA"}, nil, false},
		"truncated":                {dns.TypeA, []string{a}, func(m *dns.Msg) { m.Truncated = true }, false},
		"another ID":               {dns.TypeA, []string{a}, func(m *dns.Msg) { m.Id++ }, false},
		"another case":             {dns.TypeA, []string{a}, func(m *dns.Msg) { m.Question[0].Name = "www.a.example." }, false},
		"another question":         {dns.TypeA, []string{a}, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }, false},
		"no question":              {dns.TypeA, []string{a}, func(m *dns.Msg) { m.Question = nil }, false},
		"a query":                  {dns.TypeA, nil, func(m *dns.Msg) { m.Response = false }, false},
		"SERVFAIL":                 {dns.TypeA, nil, func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure }, false},
		"an extended code":         {dns.TypeA, nil, func(m *dns.Msg) { m.Rcode = dns.RcodeBadVers }, false},
		"an option":                {dns.TypeA, []string{a}, func(m *dns.Msg) { o := m.IsEdns0(); o.Option = append(o.Option, &dns.EDNS0_NSID{Code: 3}) }, false},
		"additional records":       {dns.TypeA, []string{a}, func(m *dns.Msg) { m.Extra = append(m.Extra, records(t, "b.test. 60 IN A 6.6.6.6")...) }, false},
		"the authority's servers":  {dns.TypeA, []string{a}, func(m *dns.Msg) { m.Ns = records(t, "example. 60 IN NS ns.example.") }, false},
		"only pointing to servers": {dns.TypeA, nil, func(m *dns.Msg) { m.Ns = records(t, "example. 60 IN NS ns.example.") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			q := questionFor(t, "www.a.example.", c.qtype)
			for _, compress := range []bool{true, false} {
				query := sentQuery(q, 4711)
				if got := bothWays(t, q, query, replyTo(t, query, compress, c.change, c.records...)); got != c.short {
					t.Errorf("went the short way: %v, want %v (compressed: %v)", got, c.short, compress)
				}
			}
		})
	}
}

// A reply that is cut or padded anywhere is no plain answer.
func TestRepliesOfAnotherLengthDoNotGoTheShortWay(t *testing.T) {
	q := questionFor(t, "www.a.example.", dns.TypeA)
	query := sentQuery(q, 1)
	reply := replyTo(t, query, true, nil, "www.a.example. 60 IN CNAME b.test.", "b.test. 60 IN A 1.2.3.4", "test. 60 IN SOA ns.test. b.test. 1 2 3 4 5")
	if !bothWays(t, q, query, reply) {
		t.Fatal("the whole does not")
	}
	for size := range reply {
		if bothWays(t, q, query, slices.Clip(reply[:size])) {
			t.Errorf("cut to %d octets it does", size)
		}
	}
	if bothWays(t, q, query, append(reply, 0)) {
		t.Error("with an octet more it does")
	}
}

func TestBothWaysAskTheSame(t *testing.T) {
	for _, change := range []func(*dns.Msg){nil,
		func(m *dns.Msg) { m.CheckingDisabled = true },
		func(m *dns.Msg) { m.SetEdns0(4096, true) },
		func(m *dns.Msg) { m.SetEdns0(512, false).Question[0].Qtype = dns.TypeHTTPS },
		func(m *dns.Msg) { m.Question[0].Name = `We\.ird\000.exAMple.` },
		func(m *dns.Msg) { m.Question[0].Name = "." },
	} {
		q := question(t, change)
		want, err := upstream.PackQuery(q)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.AppendQuery(nil, 0, nil); !bytes.Equal(got, want) {
			t.Errorf("asked is\n%x, want\n%x", got, want)
		}
	}
}

// Hostile replies to a question that they do repeat.
func FuzzRelay(f *testing.F) {
	add := func(name string, qtype uint16, rcode int, texts ...string) {
		q := questionFor(f, name, qtype)
		for _, compress := range []bool{true, false} {
			reply := replyTo(f, sentQuery(q, 9), compress, func(m *dns.Msg) { m.Rcode = rcode }, texts...)
			f.Add(name, qtype, reply[:wire.HeaderLen], reply[wire.HeaderLen+len(q.Name())+4:])
		}
	}
	add("www.example.", dns.TypeA, 0, "www.example. 60 IN CNAME b.www.example.", "b.www.example. 60 IN A 1.2.3.4", "www.example. 60 IN SOA b.www.example. x.b.www.example. 1 2 3 4 5")
	add("a.b.example.", dns.TypeAAAA, 3, "a.b.example. 60 IN CNAME .", ". 60 IN AAAA ::1")
	add(".", dns.TypeA, 0, ". 60 IN A 1.2.3.4", ". 60 IN SOA a. b. 1 2 3 4 5")
	f.Fuzz(func(t *testing.T, name string, qtype uint16, header, tail []byte) {
		m := &dns.Msg{Question: []dns.Question{{Name: name, Qtype: qtype, Qclass: 1}}}
		packed, err := m.Pack()
		q := new(wire.Question)
		if err != nil || wire.Parse(q, packed) != wire.Good || len(header) != wire.HeaderLen || len(tail) > 4096 {
			return
		}
		query := sentQuery(q, uint64(len(tail)))
		reply := append(bytes.Clone(query[:2]), header[2:]...)
		reply = append(reply, query[wire.HeaderLen:wire.HeaderLen+len(q.Name())+4]...)
		bothWays(t, q, query, append(reply, tail...))
	})
}
