package dnsserver_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

func TestOverridesAnswerByTypeOverUDPAndTCP(t *testing.T) {
	w := newWorld(t)
	h := start(t, w.addr, nil)
	for _, network := range []string{"udp", "tcp"} {
		for _, c := range []struct {
			name  string
			qtype uint16
			want  []string
		}{
			{"MqTT.example.ORG.", dns.TypeA, []string{"192.168.1.10"}},
			{"mqtt.example.org.", dns.TypeANY, []string{"192.168.1.10"}},
			{"both.example.org.", dns.TypeA, []string{"192.168.1.11", "10.0.0.11"}},
			{"both.example.org.", dns.TypeAAAA, []string{"fd00::11"}},
			{"both.example.org.", dns.TypeANY, []string{"192.168.1.11", "10.0.0.11"}},
			{"six.example.org.", dns.TypeANY, []string{"fd00::12"}},
			{"mqtt.example.org.", dns.TypeAAAA, nil},
			{"six.example.org.", dns.TypeA, nil},
			{"Mqtt.example.org.", dns.TypeHTTPS, nil},
			{"mqtt.example.org.", dns.TypeSVCB, nil},
			{"mqtt.example.org.", dns.TypeCNAME, nil},
			{"mqtt.example.org.", dns.TypeDNAME, nil},
		} {
			m := h.exchange(network, new(dns.Msg).SetQuestion(c.name, c.qtype).SetEdns0(1232, true))
			if !m.Authoritative || m.AuthenticatedData {
				t.Errorf("%s %s: AA=%v AD=%v", c.name, dns.TypeToString[c.qtype], m.Authoritative, m.AuthenticatedData)
			}
			if c.want == nil {
				wantNoData(t, m, c.name)
				continue
			}
			if got := addresses(m.Answer); !slices.Equal(got, c.want) || m.Answer[0].Header().Ttl != 60 || m.Answer[0].Header().Name != c.name {
				t.Errorf("%s %s: %v, want %v", c.name, dns.TypeToString[c.qtype], m.Answer, c.want)
			}
			if w.count(strings.ToLower(c.name), c.qtype) != 0 {
				t.Errorf("%s %s was asked of upstream", c.name, dns.TypeToString[c.qtype])
			}
		}
	}
}

func TestOverridesAnswerWithoutRD(t *testing.T) {
	h := start(t, newWorld(t).addr, nil)
	m := new(dns.Msg).SetQuestion("mqtt.example.org.", dns.TypeA)
	m.RecursionDesired = false
	if got := addresses(h.exchange("udp", m).Answer); !slices.Equal(got, []string{"192.168.1.10"}) {
		t.Errorf("RD=0 gets %v", got)
	}
}

func TestOtherTypesOfAnOverrideAreForwardedAndNeverDenied(t *testing.T) {
	w := newWorld(t, `mqtt.example.org. 300 IN TXT "hello"`, "both.example.org. 300 IN CNAME elsewhere.example.net.",
		`elsewhere.example.net. 300 IN TXT "away"`)
	h := start(t, w.addr, nil)
	for range 2 { // the second time from the cache
		if m := h.ask("mqtt.example.org.", dns.TypeTXT); len(m.Answer) != 1 || m.Answer[0].(*dns.TXT).Txt[0] != "hello" {
			t.Errorf("TXT is %v", m)
		}
		wantNoData(t, h.ask("six.example.org.", dns.TypeCAA), "six.example.org.")   // upstream says NXDOMAIN
		wantNoData(t, h.ask("both.example.org.", dns.TypeTXT), "both.example.org.") // upstream has a CNAME
		wantNoData(t, h.ask("example.org.", dns.TypeA), "example.org.")             // a name above an override
	}
	if n := w.count("mqtt.example.org.", dns.TypeTXT); n != 1 {
		t.Errorf("TXT was forwarded %d times, want once", n)
	}
}

func TestSubdomainsOfAnOverrideAreNotOverridden(t *testing.T) {
	h := start(t, newWorld(t, `_acme-challenge.mqtt.example.org. 300 IN TXT "token"`).addr, nil)
	if m := h.ask("_acme-challenge.mqtt.example.org.", dns.TypeTXT); len(m.Answer) != 1 {
		t.Errorf("the challenge is %v", m)
	}
	if m := h.ask("sub.mqtt.example.org.", dns.TypeA); m.Rcode != dns.RcodeNameError {
		t.Errorf("a subdomain is %v", m)
	}
}

func TestPTROfPrivateOverrideIsLocal(t *testing.T) {
	w := newWorld(t)
	h := start(t, w.addr, nil)
	h.zone.Store(mustZone(t, mqtt, zone.Override{Name: "second.example.org", V4: mqtt.V4}, six,
		zone.Override{Name: "public.example.org", V4: []netip.Addr{netip.MustParseAddr("11.22.33.44")}}))
	for addr, want := range map[string]string{"192.168.1.10": "mqtt.example.org.", "fd00::12": "six.example.org."} {
		reverse, _ := dns.ReverseAddr(addr)
		m := h.ask(reverse, dns.TypePTR)
		if len(m.Answer) != 1 || m.Answer[0].(*dns.PTR).Ptr != want {
			t.Errorf("PTR of %s is %v", addr, m)
		}
		wantNoData(t, h.ask(reverse, dns.TypeA), reverse)
	}
	public, _ := dns.ReverseAddr("11.22.33.44")
	h.ask(public, dns.TypePTR)
	if w.count(public, dns.TypePTR) != 1 {
		t.Error("PTR of a public address was not forwarded")
	}
	if m := h.ask("1.168.192.in-addr.arpa.", dns.TypePTR); m.Rcode != dns.RcodeSuccess {
		t.Errorf("the name above a PTR record is denied: %v", m)
	}
}

func TestZoneChangesCountAtOnce(t *testing.T) {
	h := start(t, newWorld(t, "new.example.org. 300 IN A 11.22.33.44").addr, nil)
	if got := addresses(h.ask("new.example.org.", dns.TypeA).Answer); !slices.Equal(got, []string{"11.22.33.44"}) {
		t.Fatalf("before: %v", got)
	}
	h.zone.Store(mustZone(t, zone.Override{Name: "new.example.org", V4: mqtt.V4}))
	if got := addresses(h.ask("new.example.org.", dns.TypeA).Answer); !slices.Equal(got, []string{"192.168.1.10"}) {
		t.Errorf("after: %v", got)
	}
}

func TestNilZoneHasNoNames(t *testing.T) {
	h := start(t, newWorld(t, "mqtt.example.org. 300 IN A 11.22.33.44").addr, nil)
	h.zone.Store(nil)
	if got := addresses(h.ask("mqtt.example.org.", dns.TypeA).Answer); !slices.Equal(got, []string{"11.22.33.44"}) {
		t.Errorf("a nil zone answers %v", got)
	}
}

func TestChainsThatReachAnOverrideAreBent(t *testing.T) {
	w := newWorld(t,
		"www.example.net. 300 IN CNAME mid.example.net.", "mid.example.net. 300 IN CNAME both.example.org.",
		"both.example.org. 300 IN A 11.22.33.44", "both.example.org. 300 IN AAAA 2600::1",
		"two.example.net. 300 IN CNAME mqtt.example.org.", "mqtt.example.org. 300 IN AAAA 2600::2",
		"alias.example.net. 300 IN HTTPS 1 mqtt.example.org. ipv4hint=11.22.33.44",
		"alias.example.net. 300 IN HTTPS 2 cdn.example.net. alpn=h2",
		"bad.example.net. 300 IN SVCB 1 both.example.org.",
		"loop.example.net. 300 IN CNAME loop.example.net.", "loop.example.net. 300 IN CNAME mqtt.example.org.",
		"plain.example.net. 300 IN CNAME end.example.net.", "end.example.net. 300 IN A 11.22.33.55")
	h := start(t, w.addr, nil)
	for round := range 2 { // from upstream, then from the cache
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			m := h.ask("Www.example.net.", dns.TypeA)
			if got := addresses(m.Answer); len(m.Answer) != 4 || !slices.Equal(got, []string{"192.168.1.11", "10.0.0.11"}) || m.AuthenticatedData {
				t.Errorf("A is %v", m)
			}
			if got := addresses(h.ask("www.example.net.", dns.TypeAAAA).Answer); !slices.Equal(got, []string{"fd00::11"}) {
				t.Errorf("AAAA is %v", got)
			}
			m = h.ask("two.example.net.", dns.TypeAAAA)
			if len(m.Answer) != 1 || len(m.Ns) != 1 || m.Ns[0].Header().Name != "mqtt.example.org." {
				t.Errorf("AAAA of an override without one is %v", m)
			}
			m = h.ask("two.example.net.", dns.TypeMX)
			if m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 {
				t.Errorf("MX is %v", m)
			}
			m = h.ask("alias.example.net.", dns.TypeHTTPS)
			if len(m.Answer) != 1 || m.Answer[0].(*dns.HTTPS).Target != "cdn.example.net." {
				t.Errorf("HTTPS is %v", m)
			}
			wantNoData(t, h.ask("bad.example.net.", dns.TypeSVCB), "bad.example.net.")
			if m := h.ask("loop.example.net.", dns.TypeAAAA); m.Rcode != dns.RcodeServerFailure || len(m.Answer) != 0 {
				t.Errorf("a loop beside the way to an override is %v", m)
			}
			if got := addresses(h.ask("plain.example.net.", dns.TypeA).Answer); !slices.Equal(got, []string{"11.22.33.55"}) {
				t.Errorf("another chain is %v", got)
			}
		})
	}
	if n := w.count("www.example.net.", dns.TypeA); n != 1 {
		t.Errorf("the chain was asked of upstream %d times", n)
	}
}
