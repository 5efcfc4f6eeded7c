package main

import (
	"net/netip"
	"testing"

	"github.com/edgeguard/edgeguard/internal/fact"
)

func at(addr string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(addr)} }

func TestACertificateAddsNamesAndTakesNone(t *testing.T) {
	services := []serviceAddresses{
		{name: "mqtt", v4: at("192.168.1.10"), names: []string{"home.example.org"}},
		{name: "web", v4: at("192.168.1.11")},
		{name: "alias", v4: at("192.168.1.10")},
	}
	learned := []fact.ServiceNames{
		{Service: "web", Names: []string{"home.example.org", "web.example.org"}},
		{Service: "alias", Names: []string{"home.example.org"}},
		{Service: "mqtt", Names: []string{"mqtt.example.org", "web.example.org"}},
	}
	list, conflicts := overrides(services, learned)
	got := map[string]string{}
	for _, o := range list {
		got[o.Name] = o.V4[0].String()
	}
	want := map[string]string{
		"home.example.org": "192.168.1.10",
		"mqtt.example.org": "192.168.1.10",
		"web.example.org":  "192.168.1.10",
	}
	if len(got) != len(want) {
		t.Errorf("overrides are %v, want %v", got, want)
	}
	for name, addr := range want {
		if got[name] != addr {
			t.Errorf("%s is %s, want %s", name, got[name], addr)
		}
	}
	if len(conflicts) != 2 || conflicts[0].Refused != "web" || conflicts[1].Refused != "web" {
		t.Errorf("conflicts are %v, want web refused twice", conflicts)
	}
}
