package config_test

// Records, forwards, wildcards and the switches of [dns].

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"

	"github.com/edgeguard/edgeguard/internal/config"
)

func TestRecords(t *testing.T) {
	c := parse(t, minimal+`
names = ["mqtt.example.org"]

[[dns.record]]
name = "NAS.example.org."
type = "a"
value = "192.168.1.20"

[[dns.record]]
name = "192.168.1.20"
type = "PTR"
value = ["nas.example.org"]
ttl_seconds = 300

[[dns.record]]
name = "fd00::20"
type = "PTR"
value = "nas.example.org"

[[dns.record]]
name = "mqtt.example.org"
type = "TXT"
value = "a service's name may have a text"
`, nil)
	want := []zone.Record{
		{Name: "nas.example.org", Type: "A", Values: []string{"192.168.1.20"}},
		{Name: "20.1.168.192.in-addr.arpa", Type: "PTR", Values: []string{"nas.example.org"}, TTL: 5 * time.Minute},
		{Name: "0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", Type: "PTR", Values: []string{"nas.example.org"}},
		{Name: "mqtt.example.org", Type: "TXT", Values: []string{"a service's name may have a text"}},
	}
	if !reflect.DeepEqual(c.Records, want) {
		t.Errorf("records are %+v", c.Records)
	}
	if _, err := zone.Build(zone.Config{Overrides: c.Names, Records: c.Records, TTL: c.DNSTTL}); err != nil {
		t.Error(err)
	}
}

func TestForwardZones(t *testing.T) {
	for text, want := range map[string]string{
		"fritz.box":            "[fritz.box]",
		"LAN.":                 "[lan]",
		"local":                "[local]",
		"10.0.0.0/8":           "[10.in-addr.arpa]",
		"192.168.178.7/24":     "[178.168.192.in-addr.arpa]",
		"192.168.2.0/23":       "[2.168.192.in-addr.arpa 3.168.192.in-addr.arpa]",
		"172.16.0.0/14":        "[16.172.in-addr.arpa 17.172.in-addr.arpa 18.172.in-addr.arpa 19.172.in-addr.arpa]",
		"fd12:3456:789a::/48":  "[a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa]",
		"fd00::/8":             "[d.f.ip6.arpa]",
		"fc00::/7":             "[c.f.ip6.arpa d.f.ip6.arpa]",
		"168.192.in-addr.arpa": "[168.192.in-addr.arpa]",
	} {
		c := parse(t, minimal+fmt.Sprintf("[[dns.forward]]\nzone = %q\nupstreams = [\"192.168.1.1\", \"fd00::1\"]\n", text), nil)
		if len(c.Forwards) != 1 || fmt.Sprint(c.Forwards[0].Zones) != want {
			t.Errorf("%s is %+v, want %s", text, c.Forwards, want)
			continue
		}
		if got := fmt.Sprint(config.PlainServers(c.Forwards[0].Upstream)); got != "[192.168.1.1:53 [fd00::1]:53]" {
			t.Errorf("the servers are %s", got)
		}
	}
}

func TestWildcardsAreOptIn(t *testing.T) {
	c := parse(t, minimal+"names = [\"*.Example.org.\", \"mqtt.example.org\"]\nwildcard = true\n", nil)
	s := c.Services[0]
	if !s.Wildcard || fmt.Sprint(s.Wildcards, s.Names) != "[*.example.org] [mqtt.example.org]" {
		t.Errorf("the service is %+v", s)
	}
	v4 := []netip.Addr{netip.MustParseAddr("192.168.1.10")}
	want := []zone.Override{{Name: "*.example.org", V4: v4, Reason: "configured"}, {Name: "mqtt.example.org", V4: v4, Reason: "configured"}}
	if !reflect.DeepEqual(c.Names, want) {
		t.Errorf("the names are %+v", c.Names)
	}
	if fmt.Sprint(c.Hairpin.Services[0].Names) != "[mqtt.example.org]" {
		t.Errorf("the prober asks for %v", c.Hairpin.Services[0].Names)
	}
	if parse(t, minimal, nil).Services[0].Wildcard {
		t.Error("wildcards count unasked")
	}
}

func TestAnswerSwitches(t *testing.T) {
	d := parse(t, minimal, nil)
	if !d.DNSPTR || d.DNS.NoCanary || d.DNS.BlockPrivateRelay || d.DNS.NoRebindProtection || d.DNS.RebindAllow != nil {
		t.Errorf("the defaults are %+v", d.DNS)
	}
	c := parse(t, minimal+`
[dns]
ptr = false
canary = false
private_relay = "block"
rebind_protection = false
rebind_allow = ["Plex.direct"]
`, nil)
	if c.DNSPTR || !c.DNS.NoCanary || !c.DNS.BlockPrivateRelay || !c.DNS.NoRebindProtection || fmt.Sprint(c.DNS.RebindAllow) != "[plex.direct]" {
		t.Errorf("the switches are %+v", c.DNS)
	}
}
