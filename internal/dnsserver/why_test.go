package dnsserver_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

func TestWhyNamesTheRule(t *testing.T) {
	w := newWorld(t, "www.example.net. 300 IN A 11.22.33.44", `mqtt.example.org. 300 IN TXT "public"`, "evil.example.net. 300 IN A 192.168.1.1",
		"outside.example.net. 300 IN A 11.22.33.45")
	router := newWorld(t, "nas.fritz.box. 300 IN A 192.168.178.5")
	h := start(t, w.addr, forwarding(t, router.addr, "fritz.box"))
	wild := zone.Override{Name: "*.example.com", V4: mqtt.V4, Reason: "certificate of web"}
	h.zone.Store(built(t, zone.Config{Overrides: []zone.Override{mqtt, both, wild}, Records: myRecords}))
	lan := netip.MustParseAddr("192.168.1.77")
	for _, c := range []struct {
		name   string
		qtype  uint16
		client netip.Addr
		rule   dnsserver.Rule
		detail string
		answer string // the first
		rcode  string
	}{
		{"MQTT.example.org", dns.TypeA, lan, dnsserver.RuleOverride, "configured", "mqtt.example.org. 60 IN A 192.168.1.10", "NOERROR"},
		{"mqtt.example.org.", dns.TypeHTTPS, lan, dnsserver.RuleOverride, "a service's name", "", "NOERROR"},
		{"mqtt.example.org", dns.TypeTXT, lan, dnsserver.RuleRecord, "your own", `mqtt.example.org. 60 IN TXT "beside a service"`, "NOERROR"},
		{"nas.example.org", dns.TypeA, netip.Addr{}, dnsserver.RuleRecord, "your own", "nas.example.org. 60 IN A 192.168.1.20", "NOERROR"},
		{"www.example.org", dns.TypeA, lan, dnsserver.RuleRecord, "leads to the local name nas.example.org", "www.example.org. 60 IN CNAME nas.example.org.", "NOERROR"},
		{"10.1.168.192.in-addr.arpa", dns.TypePTR, lan, dnsserver.RuleOverride, "reverse name of a service", "10.1.168.192.in-addr.arpa. 60 IN PTR mqtt.example.org.", "NOERROR"},
		{"20.1.168.192.in-addr.arpa", dns.TypePTR, lan, dnsserver.RuleRecord, "reverse name", "20.1.168.192.in-addr.arpa. 60 IN PTR nas.example.org.", "NOERROR"},
		{"any.example.com", dns.TypeA, lan, dnsserver.RuleWildcard, "certificate of web", "any.example.com. 60 IN A 192.168.1.10", "NOERROR"},
		{"printer.LOCAL", dns.TypeA, lan, dnsserver.RuleSpecial, "local. is a special-use name", "", "NXDOMAIN"},
		{"www.example.net", dns.TypeA, netip.MustParseAddr("8.8.8.8"), dnsserver.RuleRefused, "8.8.8.8", "", ""},
		{"www.example.net", dns.TypeAXFR, lan, dnsserver.RuleRefused, "nobody", "", ""},
		{"nas.fritz.box", dns.TypeA, lan, dnsserver.RuleForward, "forwarded zone fritz.box", "nas.fritz.box. 300 IN A 192.168.178.5", "NOERROR"},
		{"nas.fritz.box", dns.TypeA, lan, dnsserver.RuleCache, "forwarded zone fritz.box", "nas.fritz.box. 300 IN A 192.168.178.5", "NOERROR"},
		{"www.example.net", dns.TypeA, lan, dnsserver.RuleUpstream, "upstreams in [dns]", "www.example.net. 300 IN A 11.22.33.44", "NOERROR"},
		{"www.example.net", dns.TypeA, lan, dnsserver.RuleCache, "0 s old and kept for 300 s more", "www.example.net. 300 IN A 11.22.33.44", "NOERROR"},
		{"mqtt.example.org", dns.TypeCAA, lan, dnsserver.RuleUpstream, "the name is a local one", "", "NOERROR"},
		{"cloud.example.org", dns.TypeA, lan, dnsserver.RuleRecord, "leads to outside.example.net.", "cloud.example.org. 60 IN CNAME outside.example.net.", "NOERROR"},
		{"evil.example.net", dns.TypeA, lan, dnsserver.RuleUpstream, "rebind_allow", "", "NOERROR"},
		{"evil.example.net", dns.TypeA, lan, dnsserver.RuleCache, "rebind_allow", "", "NOERROR"},
	} {
		e, err := h.Why(t.Context(), c.name, c.qtype, c.client, true)
		what := c.name + " " + dns.TypeToString[c.qtype]
		if err != nil || e.Rule != c.rule || !strings.Contains(e.Detail, c.detail) {
			t.Errorf("%s: %+v, %v; want %s because of %q", what, e, err, c.rule, c.detail)
			continue
		}
		got, rcode := "", ""
		if len(e.Answer) > 0 {
			got = e.Answer[0]
		}
		if e.Rcode != nil {
			rcode = *e.Rcode
		}
		if got != c.answer || rcode != c.rcode {
			t.Errorf("%s: answer %q %q, want %q %q", what, rcode, got, c.rcode, c.answer)
		}
		if (e.Rule == dnsserver.RuleCache) != (e.AgeSeconds != nil && e.TTLSeconds != nil) {
			t.Errorf("%s: age %v, TTL %v", what, e.AgeSeconds, e.TTLSeconds)
		}
	}
}

func TestWhyAsksNobodyUnasked(t *testing.T) {
	w := newWorld(t, "www.example.net. 300 IN A 11.22.33.44")
	h := start(t, w.addr, nil)
	e, err := h.Why(t.Context(), "www.example.net", dns.TypeA, lanHost, false)
	if err != nil || e.Rule != dnsserver.RuleUpstream || e.Rcode != nil || len(e.Servers) != 1 || e.Servers[0] != w.addr.String() || w.count("www.example.net.", dns.TypeA) != 0 {
		t.Errorf("got %+v, %v", e, err)
	}
	text, err := json.Marshal(e)
	if err != nil || !strings.Contains(string(text), `"rcode":null,"answer":[],"age_seconds":null,"ttl_seconds":null,"servers":["`) || !strings.Contains(string(text), `"rule":"upstream"`) {
		t.Errorf("the JSON is %s, %v", text, err)
	}
	if st := h.Status(); st.Queries.Total != 0 || st.ClientsTotal != 0 {
		t.Errorf("it counts as a question: %+v", st.Queries)
	}
	for _, name := range []string{"", strings.Repeat("x", 64) + ".org", "a..b", strings.Repeat("a.", 200)} {
		if _, err := h.Why(t.Context(), name, dns.TypeA, lanHost, true); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
	dead := start(t, silent(t), nil)
	if err := dead.end(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e, err := dead.Why(ctx, "www.example.net", dns.TypeA, lanHost, true); err == nil || e.Rule != dnsserver.RuleUpstream {
		t.Errorf("without an answer: %+v, %v", e, err)
	}
}
