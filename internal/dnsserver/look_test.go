package dnsserver_test

// Looking at a DNS server as a device does: at a real one of ours, at one that
// gives other answers, and at nobody.

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
)

func TestLook(t *testing.T) {
	world := newWorld(t, ". 60 IN NS a.root.example.", "example.net. 60 IN A 192.0.2.1")
	good := netip.MustParseAddrPort(start(t, world.addr, nil).addr)
	cut := netip.MustParseAddrPort(start(t, silent(t), nil).addr)
	wild := zone.Override{Name: "*.example.com", V4: mqtt.V4}
	elsewhere := zone.Override{Name: mqtt.Name, V4: []netip.Addr{netip.MustParseAddr("192.168.1.99")}}
	leaking := zone.Override{Name: both.Name, V4: both.V4} // ours gives an AAAA that is not wanted
	holder := func(string, netip.AddrPort) string { return "dnsmasq (pid 7)" }
	for title, c := range map[string]struct {
		servers []netip.AddrPort
		names   []zone.Override
		holder  func(string, netip.AddrPort) string
		verdict fact.Verdict
		words   string
		action  string
	}{
		"all is well":      {[]netip.AddrPort{good}, []zone.Override{mqtt, both, six}, nil, fact.VerdictPass, "3 names are answered with the local address at " + good.String(), ""},
		"no names":         {[]netip.AddrPort{good}, nil, nil, fact.VerdictWarn, "no name is known", "set names"},
		"another address":  {[]netip.AddrPort{good}, []zone.Override{elsewhere}, holder, fact.VerdictFail, "mqtt.example.org A is 192.168.1.10, not 192.168.1.99", "dnsmasq (pid 7)"},
		"an AAAA too many": {[]netip.AddrPort{good}, []zone.Override{leaking}, nil, fact.VerdictFail, "both.example.org AAAA is fd00::11, not no address", "edgeguard why"},
		"a wildcard":       {[]netip.AddrPort{good}, []zone.Override{wild}, nil, fact.VerdictFail, "edgeguard-doctor.example.com A is NXDOMAIN", ""},
		"no world":         {[]netip.AddrPort{cut}, []zone.Override{mqtt}, nil, fact.VerdictFail, "no name of the world is", "internet connection"},
		"nobody":           {[]netip.AddrPort{silent(t)}, []zone.Override{mqtt}, nil, fact.VerdictFail, "nothing answers DNS questions", "edgeguard run"},
		"a dumb holder":    {[]netip.AddrPort{silent(t)}, []zone.Override{mqtt}, holder, fact.VerdictFail, "nothing answers DNS questions", "dnsmasq (pid 7)"},
		"no address":       {nil, []zone.Override{mqtt}, nil, fact.VerdictUnknown, "not known", "network"},
	} {
		t.Run(title, func(t *testing.T) {
			s := dnsserver.Look(t.Context(), dnsserver.LookConfig{Servers: c.servers, Overrides: c.names, Holder: c.holder})
			summary := strings.ToLower(s.DNS.Summary)
			if s.DNS.Verdict != c.verdict || !strings.Contains(summary, strings.ToLower(c.words)) || !strings.Contains(s.DNS.Action, c.action) {
				t.Errorf("%s: %s (%s) %q", s.DNS.Verdict, s.DNS.Summary, s.DNS.Action, s.DNS.Evidence)
			}
			if !s.Asked || (len(s.Listen) > 0) != (c.verdict == fact.VerdictPass || title != "nobody" && title != "a dumb holder" && title != "no address") {
				t.Errorf("it listens at %v", s.Listen)
			}
		})
	}
}

func TestReachable(t *testing.T) {
	own, own6 := netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("fd00::2")
	list := func(addrs ...string) (made []netip.AddrPort) {
		for _, a := range addrs {
			made = append(made, netip.MustParseAddrPort(a))
		}
		return made
	}
	for _, c := range []struct {
		listen []netip.AddrPort
		own    netip.Addr
		want   []netip.AddrPort
	}{
		{list("0.0.0.0:53", "[::]:53"), own, list("192.168.1.2:53", "[::1]:53")},
		{list("0.0.0.0:53", "[::]:53"), own6, list("127.0.0.1:53", "[fd00::2]:53")},
		{list("0.0.0.0:53", "192.168.1.2:53"), own, list("192.168.1.2:53")},
		{list("0.0.0.0:53"), netip.Addr{}, list("127.0.0.1:53")},
		{[]netip.AddrPort{netip.AddrPortFrom(netip.Addr{}, 53)}, own, nil},
	} {
		got := dnsserver.Reachable(c.listen, c.own)
		if len(got) != len(c.want) {
			t.Errorf("Reachable(%v, %v) = %v, want %v", c.listen, c.own, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("Reachable(%v, %v) = %v, want %v", c.listen, c.own, got, c.want)
			}
		}
	}
}
