package wire_test

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// response packs a reply to name from records in text, the SOA records among
// them into the authority section.
func response(t testing.TB, name string, qtype uint16, rcode int, records ...string) *wire.Response {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.Id, m.Response, m.Rcode, m.Compress = 0, true, rcode, true
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		if rr.Header().Rrtype == dns.TypeSOA && qtype != dns.TypeSOA {
			m.Ns = append(m.Ns, rr)
		} else {
			m.Answer = append(m.Answer, rr)
		}
	}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	r, err := wire.NewResponse(packed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	soa300  = "example. 900 IN SOA ns.example. x.example. 1 2 3 4 300"
	soaLong = "example. 900000 IN SOA ns.example. x.example. 1 2 3 4 900000"
)

func TestLifetimeFollowsRFC2308(t *testing.T) {
	for name, c := range map[string]struct {
		qtype   uint16
		rcode   int
		records []string
		want    uint32
	}{
		"least TTL":                      {dns.TypeA, 0, []string{"a.example. 50 IN A 1.2.3.4", "a.example. 40 IN A 1.2.3.5"}, 40},
		"capped at a day":                {dns.TypeA, 0, []string{"a.example. 900000 IN A 1.2.3.4"}, 86400},
		"TTL 0 is not kept":              {dns.TypeA, 0, []string{"a.example. 0 IN A 1.2.3.4"}, 0},
		"TTL with its top bit is 0":      {dns.TypeA, 0, []string{"a.example. 2147483648 IN A 1.2.3.4"}, 0},
		"NODATA by MINIMUM":              {dns.TypeA, 0, []string{soa300}, 300},
		"NXDOMAIN by MINIMUM":            {dns.TypeA, 3, []string{soa300}, 300},
		"NXDOMAIN capped":                {dns.TypeA, 3, []string{soaLong}, wire.MaxNegativeTTL},
		"NODATA without SOA is not kept": {dns.TypeA, 0, nil, 0},
		"NXDOMAIN without SOA":           {dns.TypeA, 3, nil, 0},
		"alias to nothing":               {dns.TypeA, 0, []string{"a.example. 50 IN CNAME b.example."}, 0},
		"alias to NODATA":                {dns.TypeA, 0, []string{"a.example. 50 IN CNAME b.example.", soa300}, 50},
		"SERVFAIL is not kept":           {dns.TypeA, 2, []string{soa300}, 0},
		"REFUSED is not kept":            {dns.TypeA, 5, []string{soa300}, 0},
		"ANY":                            {dns.TypeANY, 0, []string{"a.example. 50 IN A 1.2.3.4"}, 50},
	} {
		t.Run(name, func(t *testing.T) {
			if got := response(t, "a.example.", c.qtype, c.rcode, c.records...).Lifetime(); got != c.want {
				t.Errorf("Lifetime = %d, want %d", got, c.want)
			}
		})
	}
}

func TestAppendPatchesIDCaseFlagsAndTTL(t *testing.T) {
	r := response(t, "a.example.", dns.TypeA, 0, "a.example. 50 IN A 1.2.3.4")
	q := parse(t, query(t, "A.eXample.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false); m.CheckingDisabled = true; m.RecursionDesired = false }))
	out := r.Append([]byte("prefix"), q, 20, 512)
	m := unpack(t, out[len("prefix"):])
	if m.Id != 4711 || m.Question[0].Name != "A.eXample." || m.Answer[0].Header().Name != "A.eXample." {
		t.Errorf("reply is %v", m)
	}
	if m.RecursionDesired || !m.CheckingDisabled || !m.RecursionAvailable || m.Authoritative || m.Answer[0].Header().Ttl != 30 {
		t.Errorf("reply is %v", m)
	}
	if m.IsEdns0() == nil {
		t.Error("the OPT record is missing")
	}
	if again := unpack(t, r.Append(nil, q, 0, 512)); again.Answer[0].Header().Ttl != 50 {
		t.Errorf("the response was changed: %v", again)
	}
}

func TestAppendTruncatesWhatIsTooLong(t *testing.T) {
	r := response(t, "a.example.", dns.TypeTXT, 0, `a.example. 50 IN TXT "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"`)
	q := parse(t, query(t, "a.example.", dns.TypeTXT, func(m *dns.Msg) { m.SetEdns0(1232, false) }))
	if m := unpack(t, r.Append(nil, q, 0, 80)); !m.Truncated || len(m.Answer) != 0 || len(m.Question) != 1 || m.IsEdns0() == nil {
		t.Errorf("truncated reply is %v", m)
	}
	if m := unpack(t, r.Append(nil, q, 0, 512)); m.Truncated || len(m.Answer) != 1 {
		t.Errorf("whole reply is %v", m)
	}
}

type nameSet map[string]bool

func (s nameSet) Has(key []byte) bool { return s[string(key)] }

func TestLeadsTo(t *testing.T) {
	home := nameSet{"\x04home\x07example\x00": true}
	for text, want := range map[string]bool{
		"a.example. 5 IN CNAME HOME.example.":      true,
		"a.example. 5 IN CNAME other.example.":     false,
		"a.example. 5 IN HTTPS 1 home.example.":    true,
		"home.example. 5 IN HTTPS 1 . alpn=h2":     true,
		"a.example. 5 IN SVCB 0 home.example.":     true,
		"a.example. 5 IN TXT home.example.":        false,
		"example. 5 IN DNAME home.example.":        true,
		"a.example. 5 IN HTTPS 1 . alpn=\"h2,h3\"": false,
	} {
		if got := response(t, "a.example.", dns.TypeA, 0, text).LeadsTo(home); got != want {
			t.Errorf("%s leads home: %v", text, got)
		}
	}
}

// miekg/dns reads records whose data is cut short, or not there, and writes
// them as malformed as they came.
func TestRecordsCutShortAreRefused(t *testing.T) {
	for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSOA, dns.TypeCNAME, dns.TypeNS, dns.TypePTR, dns.TypeTXT, dns.TypeMX, dns.TypeSRV, dns.TypeHTTPS} {
		m := new(dns.Msg).SetQuestion("a.example.", typ)
		m.Response = true
		m.Ns = []dns.RR{&dns.RFC3597{Hdr: dns.RR_Header{Name: "a.example.", Rrtype: typ, Class: dns.ClassINET, Ttl: 60}}}
		packed, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if r, err := wire.NewResponse(packed); err == nil {
			t.Errorf("a %s record without data is taken: %x", dns.TypeToString[typ], r.Packed())
		}
	}
}
