package dnsserver_test

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// registry is an upstream with zones: what has an SOA record is one, and a name
// that is not there is denied by the zone it would be in, up to the root.
type registry struct {
	mu      sync.Mutex
	records []dns.RR        // guarded by mu
	asked   map[string]bool // guarded by mu; names
	broken  bool            // guarded by mu
}

func newRegistry(t *testing.T, records ...string) (*registry, netip.AddrPort) {
	t.Helper()
	r := &registry{asked: map[string]bool{}}
	for _, text := range append([]string{". 900 IN SOA a. b. 1 2 3 4 300", "org. 900 IN SOA a. b. 1 2 3 4 300", "org. 900 IN DS 1 13 2 00112233"}, records...) {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		r.records = append(r.records, rr)
	}
	packets, stream := pair(t)
	stream.Close()
	started, ended := make(chan struct{}), make(chan struct{})
	s := &dns.Server{PacketConn: packets, Handler: r, NotifyStartedFunc: func() { close(started) }}
	go func() { defer close(ended); _ = s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	return r, packets.LocalAddr().(*net.UDPAddr).AddrPort()
}

func (r *registry) ServeDNS(rw dns.ResponseWriter, query *dns.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := query.Question[0]
	q.Name = dns.CanonicalName(q.Name) // our case is mixed
	r.asked[q.Name] = true
	m := new(dns.Msg).SetReply(query)
	if r.broken && q.Name != "." {
		m.Rcode = dns.RcodeServerFailure
		_ = rw.WriteMsg(m)
		return
	}
	known := false
	for _, rr := range r.records {
		known = known || dns.IsSubDomain(q.Name, rr.Header().Name)
		if rr.Header().Name == q.Name && (rr.Header().Rrtype == q.Qtype || rr.Header().Rrtype == dns.TypeCNAME) {
			m.Answer = append(m.Answer, rr)
		}
	}
	if !known {
		m.Rcode = dns.RcodeNameError
	}
	if len(m.Answer) == 0 {
		var zone dns.RR
		for _, rr := range r.records {
			if rr.Header().Rrtype == dns.TypeSOA && dns.IsSubDomain(rr.Header().Name, q.Name) &&
				(zone == nil || dns.CountLabel(rr.Header().Name) > dns.CountLabel(zone.Header().Name)) {
				zone = rr
			}
		}
		m.Ns = []dns.RR{zone}
	}
	_ = rw.WriteMsg(m)
}

func override(name string) zone.Override {
	return zone.Override{Name: name, V4: mqtt.V4, V6: six.V6}
}

func TestNamesAreLookedAtFromOutside(t *testing.T) {
	r, addr := newRegistry(t,
		"signed.org. 300 IN SOA a. b. 1 2 3 4 5", "signed.org. 300 IN NS a.", "signed.org. 300 IN DS 1 13 2 00112233",
		"mqtt.signed.org. 300 IN AAAA 2001:db8::1", "mqtt.signed.org. 300 IN AAAA fd00::12", "mqtt.signed.org. 300 IN HTTPS 1 . alpn=h2",
		"sub.signed.org. 300 IN NS a.", "a.sub.signed.org. 300 IN A 11.22.33.44",
		"plain.org. 300 IN NS a.", "www.plain.org. 300 IN CNAME Elsewhere.example.net.",
		"deep.signed.org. 300 IN NS a.", "deep.signed.org. 300 IN DS 1 13 2 00112233", "a.b.deep.signed.org. 300 IN A 11.22.33.44")
	h := start(t, addr, func(c *dnsserver.Config) {
		c.Forwards = []dnsserver.Forward{{Zone: "fritz.box", Upstream: pool(t, addr)}}
	})
	h.zone.Store(mustZone(t, override("mqtt.signed.org"), override("a.sub.signed.org"), override("www.plain.org"), override("a.b.deep.signed.org"),
		override("*.signed.org"), override("broker.lan"), override("broker"), override("nas.home.arpa"), override("nas.fritz.box"), override("new.signed.org")))
	look(t, h)
	want := map[string]string{
		"mqtt.signed.org": "signed.org", "a.sub.signed.org": "", "www.plain.org": "", "a.b.deep.signed.org": "deep.signed.org",
		"*.signed.org": "signed.org", "broker.lan": ".", "broker": ".", "new.signed.org": "signed.org",
	}
	st := h.Status()
	for _, v := range st.Public {
		if zone, ok := want[v.Name]; !ok || zone != v.SignedBy || v.CheckedAt.IsZero() {
			t.Errorf("%s is signed by %q, want %q (%v)", v.Name, v.SignedBy, zone, ok)
		}
		switch v.Name {
		case "mqtt.signed.org":
			if len(v.AAAA) != 2 || !v.HTTPS || v.CNAME != "" {
				t.Errorf("the world says %+v", v)
			}
		case "www.plain.org":
			if v.CNAME != "elsewhere.example.net" {
				t.Errorf("the world says %+v", v)
			}
		}
	}
	if len(st.Public) != len(want) {
		t.Errorf("%d names were looked at, want %d", len(st.Public), len(want))
	}
	r.mu.Lock()
	for _, name := range []string{"nas.home.arpa.", "nas.fritz.box.", "org."} {
		if r.asked[name] {
			t.Errorf("%s was asked of the world", name)
		}
	}
	r.mu.Unlock()
	evidence := strings.Join(st.DNS.Evidence, "\n")
	for _, text := range []string{
		"mqtt.signed.org lies in the signed zone signed.org: a device that checks DNSSEC signatures itself refuses the local address",
		"mqtt.signed.org has the public IPv6 address 2001:db8::1", "mqtt.signed.org has a public HTTPS record", "www.plain.org is a public alias of elsewhere.example.net",
		"broker.lan lies in the signed zone \".\"",
	} {
		if !strings.Contains(evidence, text) {
			t.Errorf("the link's evidence does not say %q:\n%s", text, evidence)
		}
	}
	if strings.Contains(evidence, "fd00::12") || strings.Contains(evidence, "a.sub.signed.org") {
		t.Errorf("the evidence tells of what is no leak:\n%s", evidence)
	}
	if st.DNS.Verdict != fact.VerdictPass || !strings.Contains(st.DNS.Action, "unsigned zone") {
		t.Errorf("the link is %+v", st.DNS)
	}
}

// look looks from outside once upstream is known to be well.
func look(t *testing.T, h *house) {
	t.Helper()
	for h.Status().Upstreams[0].Healthy != fact.VerdictPass {
		h.ask("any.example.net.", dns.TypeA)
	}
	if err := h.LookOutside(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCouldNotBeAskedStaysAsItWas(t *testing.T) {
	r, addr := newRegistry(t, "signed.org. 300 IN NS a.", "signed.org. 300 IN DS 1 13 2 00112233", "mqtt.signed.org. 300 IN A 11.22.33.44")
	h := start(t, addr, nil)
	h.zone.Store(mustZone(t, override("mqtt.signed.org")))
	look(t, h)
	before := h.Status().Public
	if len(before) != 1 || before[0].SignedBy != "signed.org" {
		t.Fatalf("at first: %+v", before)
	}
	r.mu.Lock()
	r.broken = true
	r.mu.Unlock()
	h.zone.Store(mustZone(t, override("mqtt.signed.org"), override("other.signed.org")))
	if err := h.LookOutside(t.Context()); err == nil {
		t.Error("nobody answered, and that is no reason to ask again soon")
	}
	if after := h.Status().Public; len(after) != 1 || after[0].SignedBy != "signed.org" {
		t.Errorf("once nobody answers: %+v", after)
	}
	h.zone.Store(mustZone(t, override("other.signed.org")))
	if err := h.LookOutside(t.Context()); err == nil {
		t.Error("nobody answered of the other name, and that is no reason to ask again soon")
	}
	if after := h.Status().Public; len(after) != 0 {
		t.Errorf("a name that is gone: %+v", after)
	}
}

func TestNewNamesAreLookedAtSoon(t *testing.T) {
	_, addr := newRegistry(t, "signed.org. 300 IN NS a.", "signed.org. 300 IN DS 1 13 2 00112233")
	up := pool(t, addr)
	s, local := build(t, addr, func(c *dnsserver.Config) { c.Upstream = up })
	s.SetOutsideAfter(0)
	h := serve(t, s, local, up)
	deadline := time.Now().Add(3 * time.Minute)
	for _, name := range []string{"one.signed.org", "two.signed.org"} {
		for h.Status().Upstreams[0].Healthy != fact.VerdictPass {
			h.ask("any.example.net.", dns.TypeA)
		}
		h.zone.Store(mustZone(t, override(name)))
		for {
			if p := h.Status().Public; len(p) == 1 && p[0].Name == name && p[0].SignedBy == "signed.org" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s is never looked at", name)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}
