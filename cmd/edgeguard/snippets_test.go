package main

// What the page offers to paste goes by the names in force.

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/snippet"
)

func TestSnippetsOfTheDaemon(t *testing.T) {
	cfg := loaded(t, `
[[service]]
name = "cloud"
address = "broker.example.net:8883"
remote = true
names = ["cloud.example.net"]
`)
	d, err := newDaemon(cfg, netip.MustParseAddr("192.168.1.2"), quietLog(t), &secretList{})
	if err != nil {
		t.Fatal(err)
	}
	of := func(id string) string {
		list := d.snippets()
		return list[slices.IndexFunc(list, func(s snippet.Snippet) bool { return s.ID == id })].Text
	}
	hosts := of("dnsmasq")
	for _, o := range d.zone.Load().Overrides() {
		if !strings.Contains(hosts, o.Name) {
			t.Errorf("%s is answered and not in %q", o.Name, hosts)
		}
	}
	if strings.Contains(hosts, "example.net") || strings.Contains(of("loopback-openwrt"), "cloud") {
		t.Errorf("a remote service is led into the house: %q, %q", hosts, of("loopback-openwrt"))
	}
}
