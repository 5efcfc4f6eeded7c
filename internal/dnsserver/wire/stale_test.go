package wire_test

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// reasons lists the extended errors in m.
func reasons(m *dns.Msg) (list []uint16) {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				list = append(list, e.InfoCode)
			}
		}
	}
	return list
}

func TestStaleAnswersSayWhy(t *testing.T) {
	positive := response(t, "a.example.", dns.TypeA, 0, "a.example. 50 IN CNAME b.example.", "b.example. 5 IN A 1.2.3.4")
	denial := response(t, "a.example.", dns.TypeA, dns.RcodeNameError, soa300)
	edns := parse(t, query(t, "a.example.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, true); m.AuthenticatedData = true }))
	plain := parse(t, query(t, "a.example.", dns.TypeA, nil))
	for name, c := range map[string]struct {
		r      *wire.Response
		q      *wire.Question
		limit  int
		reason uint16
	}{
		"positive": {positive, edns, 512, 3}, "denial": {denial, edns, 512, 19}, "without OPT": {positive, plain, 512, 0},
		"just room for it":    {positive, edns, positive.Len() + 11 + 6, 3},
		"just no room for it": {positive, edns, positive.Len() + 11 + 5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			out := c.r.Append([]byte("xx"), c.q, wire.Stale, c.limit)[2:]
			m := unpack(t, out)
			got := reasons(m)
			if c.reason == 0 && got != nil || c.reason != 0 && (len(got) != 1 || got[0] != c.reason) || len(out) > c.limit || m.AuthenticatedData {
				t.Errorf("got %v", m)
			}
			for _, rr := range append(m.Answer, m.Ns...) {
				if rr.Header().Ttl != 30 {
					t.Errorf("TTL of %v", rr)
				}
			}
		})
	}
}

func TestFailuresSayWhy(t *testing.T) {
	q := parse(t, query(t, "a.example.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, true) }))
	m := unpack(t, wire.AppendFailure([]byte("xx"), q, wire.ServFail, wire.EDECachedError)[2:])
	if got := reasons(m); m.Rcode != dns.RcodeServerFailure || len(got) != 1 || got[0] != 13 || !m.IsEdns0().Do() || len(m.Question) != 1 {
		t.Errorf("got %v", m)
	}
	m = unpack(t, wire.AppendFailure(nil, parse(t, query(t, "a.example.", dns.TypeA, nil)), wire.ServFail, wire.EDECachedError))
	if m.Rcode != dns.RcodeServerFailure || m.IsEdns0() != nil {
		t.Errorf("got %v", m)
	}
}

func TestBounded(t *testing.T) {
	for name, c := range map[string]struct {
		rcode       int
		records     []string
		least, most uint32
		life        uint32
		same        bool
	}{
		"nothing to do": {0, []string{"a.example. 50 IN A 1.2.3.4"}, 0, 86400, 50, true},
		"raised":        {0, []string{"a.example. 50 IN A 1.2.3.4", "a.example. 70 IN A 1.2.3.5"}, 60, 86400, 60, false},
		"lowered":       {0, []string{"a.example. 50 IN A 1.2.3.4", "a.example. 70 IN A 1.2.3.5"}, 0, 60, 50, false},
		"from zero":     {0, []string{"a.example. 0 IN A 1.2.3.4"}, 60, 86400, 60, false},
		"denial":        {3, []string{soa300}, 600, 86400, 600, false},
		"long denial":   {3, []string{soaLong}, 0, 86400, wire.MaxNegativeTTL, true},
		"SERVFAIL":      {2, []string{soa300}, 600, 86400, 0, true},
		"without SOA":   {3, nil, 600, 86400, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := response(t, "a.example.", dns.TypeA, c.rcode, c.records...)
			before := string(r.Packed())
			b := r.Bounded(c.least, c.most)
			if b.Lifetime() != c.life || (b == r) != c.same || string(r.Packed()) != before {
				t.Errorf("Lifetime = %d, the same %v", b.Lifetime(), b == r)
			}
			m := unpack(t, b.Append(nil, parse(t, query(t, "a.example.", dns.TypeA, nil)), 0, 512))
			for _, rr := range append(m.Answer, m.Ns...) {
				if ttl := rr.Header().Ttl; c.life > 0 && (ttl < c.least || ttl > c.most) {
					t.Errorf("%v is not within %d and %d", rr, c.least, c.most)
				}
			}
		})
	}
}

func TestResponseKnowsItsQuestion(t *testing.T) {
	r := response(t, "a.example.", dns.TypeA, 0, "a.example. 50 IN A 1.2.3.4")
	for name, q := range map[string]struct {
		name  string
		qtype uint16
		want  bool
	}{"it": {"A.example.", dns.TypeA, true}, "type": {"a.example.", dns.TypeAAAA, false}, "name": {"b.example.", dns.TypeA, false}, "length": {"aa.example.", dns.TypeA, false}} {
		if got := r.Answers(parse(t, query(t, q.name, q.qtype, nil)).Key()); got != q.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if r.Answers(nil) {
		t.Error("no key")
	}
}
