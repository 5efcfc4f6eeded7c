package dnsserver_test

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

func TestSpecialUseNamesAreAnsweredLocally(t *testing.T) {
	w := newWorld(t)
	h := start(t, w.addr, nil)
	const nx = "NXDOMAIN"
	for _, c := range []struct {
		name  string
		qtype uint16
		want  string // an address, a target, "" for NODATA
		apex  string
	}{
		{"localhost.", dns.TypeA, "127.0.0.1", ""},
		{"LocalHost.", dns.TypeAAAA, "::1", ""},
		{"a.b.localhost.", dns.TypeA, "127.0.0.1", ""},
		{"localhost.", dns.TypeMX, "", "localhost."},
		{"local.", dns.TypeA, nx, "local."},
		{"printer.LOCAL.", dns.TypeA, nx, "LOCAL."},
		{"_services._dns-sd._udp.local.", dns.TypePTR, nx, "local."},
		{"a.invalid.", dns.TypeTXT, nx, "invalid."},
		{"a.test.", dns.TypeA, nx, "test."},
		{"abc.onion.", dns.TypeA, nx, "onion."},
		{"gns.ALT.", dns.TypeA, nx, "ALT."},
		{"xYz.TeSt.", dns.TypeAAAA, nx, "TeSt."},
		{"NAS.hOmE.aRpA.", dns.TypeAAAA, nx, "hOmE.aRpA."},
		{"_DNS.Resolver.ARPA.", dns.TypeSVCB, "", "Resolver.ARPA."},
		{"home.arpa.", dns.TypeA, nx, "home.arpa."},
		{"nas.home.arpa.", dns.TypeA, nx, "home.arpa."},
		{"_dns.resolver.arpa.", dns.TypeSVCB, "", "resolver.arpa."},
		{"resolver.arpa.", dns.TypeA, "", "resolver.arpa."},
		{"Use-Application-DNS.net.", dns.TypeA, nx, "Use-Application-DNS.net."},
		{"9.9.168.192.in-addr.arpa.", dns.TypePTR, nx, "168.192.in-addr.arpa."},
		{"1.0.0.10.in-addr.arpa.", dns.TypePTR, nx, "10.in-addr.arpa."},
		{"1.1.31.172.in-addr.arpa.", dns.TypePTR, nx, "31.172.in-addr.arpa."},
		{"1.1.254.169.in-addr.arpa.", dns.TypePTR, nx, "254.169.in-addr.arpa."},
		{"1.0.0.127.in-addr.arpa.", dns.TypePTR, "localhost.", ""},
		{"2.0.0.127.in-addr.arpa.", dns.TypePTR, nx, "127.in-addr.arpa."},
		{"1.d.f.ip6.arpa.", dns.TypePTR, nx, "d.f.ip6.arpa."},
		{"1.8.e.f.ip6.arpa.", dns.TypePTR, nx, "8.e.f.ip6.arpa."},
		{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", dns.TypePTR, "localhost.", ""},
	} {
		m := h.ask(c.name, c.qtype)
		what := c.name + " " + dns.TypeToString[c.qtype]
		if w.count(dns.CanonicalName(c.name), c.qtype) != 0 {
			t.Errorf("%s was forwarded", what)
		}
		if c.want == nx != (m.Rcode == dns.RcodeNameError) || !m.Authoritative {
			t.Errorf("%s: %v", what, m)
		}
		if c.want == nx || c.want == "" {
			if len(m.Answer) != 0 || len(m.Ns) != 1 || m.Ns[0].Header().Name != c.apex {
				t.Errorf("%s: SOA is %v, want one of %s", what, m.Ns, c.apex)
			}
			continue
		}
		got := addresses(m.Answer)
		if len(m.Answer) == 1 && len(got) == 0 {
			got = []string{m.Answer[0].(*dns.PTR).Ptr}
		}
		if len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %v, want %s", what, m.Answer, c.want)
		}
	}
}

func TestWhatOnlyLooksSpecialIsForwarded(t *testing.T) {
	w := newWorld(t)
	h := start(t, w.addr, nil)
	for name, qtype := range map[string]uint16{
		"home.arpa.": dns.TypeDS, "local.example.net.": dns.TypeA, "mylocal.": dns.TypeA, "example.net.": dns.TypeA,
		"1.32.172.in-addr.arpa.": dns.TypePTR, "1.64.100.in-addr.arpa.": dns.TypePTR, "xtest.": dns.TypeA, "e164.arpa.": dns.TypeNS,
		"ipv4only.arpa.": dns.TypeAAAA, "nas.internal.": dns.TypeA, "mask.icloud.com.": dns.TypeA, "mask-h2.icloud.com.": dns.TypeA,
		"a.example.": dns.TypeA, "x.mask.example.com.": dns.TypeA,
	} {
		h.ask(name, qtype)
		if w.count(name, qtype) != 1 {
			t.Errorf("%s %s was not forwarded", name, dns.TypeToString[qtype])
		}
	}
}

func TestOverrideComesBeforeSpecialUse(t *testing.T) {
	h := start(t, newWorld(t).addr, nil)
	h.zone.Store(mustZone(t, zone.Override{Name: "mqtt.home.arpa", V4: mqtt.V4}))
	if got := addresses(h.ask("mqtt.home.arpa.", dns.TypeA).Answer); len(got) != 1 || got[0] != "192.168.1.10" {
		t.Errorf("override is %v", got)
	}
	if m := h.ask("mqtt.home.arpa.", dns.TypeTXT); m.Rcode != dns.RcodeSuccess {
		t.Errorf("an overridden special-use name is denied: %v", m)
	}
	if m := h.ask("home.arpa.", dns.TypeA); m.Rcode != dns.RcodeSuccess {
		t.Errorf("the name above an override is denied: %v", m)
	}
	if m := h.ask("other.home.arpa.", dns.TypeA); m.Rcode != dns.RcodeNameError {
		t.Errorf("another name is not denied: %v", m)
	}
}

func TestCanaryAndPrivateRelayAreSwitched(t *testing.T) {
	w := newWorld(t, "use-application-dns.net. 300 IN A 11.22.33.44", "mask.icloud.com. 300 IN A 11.22.33.44", "www.icloud.com. 300 IN A 11.22.33.44")
	h := start(t, w.addr, func(c *dnsserver.Config) { c.NoCanary, c.BlockPrivateRelay = true, true })
	if got := addresses(h.ask("Use-Application-DNS.net.", dns.TypeA).Answer); len(got) != 1 {
		t.Errorf("the canary that is switched off is %v", got)
	}
	for _, name := range []string{"Mask.iCloud.com.", "mask-h2.icloud.com."} {
		if m := h.ask(name, dns.TypeAAAA); m.Rcode != dns.RcodeNameError {
			t.Errorf("%s is %v", name, m)
		}
	}
	if got := addresses(h.ask("www.icloud.com.", dns.TypeA).Answer); len(got) != 1 {
		t.Errorf("a neighbour of the relay is %v", got)
	}
}
