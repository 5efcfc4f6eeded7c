package dnsserver_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/watch"
)

func TestBindErrorNamesTheAddress(t *testing.T) {
	first := start(t, silent(t), nil)
	taken := netip.MustParseAddrPort(first.addr)
	s, _ := build(t, silent(t), func(c *dnsserver.Config) { c.Listen = append(c.Listen, taken) })
	err := s.Listen()
	var bind *dnsserver.BindError
	if !errors.As(err, &bind) || bind.Address != taken || bind.Network != "udp" || !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("Listen = %v", err)
	}
	if !strings.Contains(err.Error(), "another program holds the port") {
		t.Errorf("the error says %q", err)
	}
	if st := s.Status(); len(st.Listen) != 0 {
		t.Errorf("%v stay bound", st.Listen)
	}
	if err := s.Run(t.Context()); err == nil {
		t.Error("a server that is not bound runs")
	}
}

func TestForwardingToOurselvesIsRefused(t *testing.T) {
	local := watch.New[*zone.Zone](nil, (*zone.Zone).Equal)
	ports := func(list ...string) (out []netip.AddrPort) {
		for _, s := range list {
			out = append(out, netip.MustParseAddrPort(s))
		}
		return out
	}
	for _, c := range []struct {
		listen, upstream string
		loop             bool
	}{
		{"127.0.0.1:5300", "127.0.0.1:5300", true},
		{"127.0.0.1:5300", "[::ffff:127.0.0.1]:5300", true},
		{"0.0.0.0:5300", "127.0.0.1:5300", true},
		{"0.0.0.0:5300", "127.0.0.53:5300", true},
		{"[::]:5300", "[::1]:5300", true},
		{"0.0.0.0:53", "127.0.0.11:53", false}, // Docker's own
		{"0.0.0.0:5300", "[::1]:5300", false},
		{"127.0.0.1:5300", "127.0.0.1:53", false},
		{"127.0.0.1:5300", "127.0.0.2:5300", false},
		{"0.0.0.0:53", "192.0.2.1:53", false},
	} {
		_, err := dnsserver.New(dnsserver.Config{Listen: ports(c.listen), Upstream: pool(t, ports("192.0.2.9:53", c.upstream)...)}, local)
		if (err != nil) != c.loop || err != nil && !strings.Contains(err.Error(), "loop") {
			t.Errorf("listen %s, upstream %s: %v", c.listen, c.upstream, err)
		}
	}
}

func TestNewRefusesWhatCanNotWork(t *testing.T) {
	local := watch.New[*zone.Zone](nil, (*zone.Zone).Equal)
	some := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
	up := pool(t, netip.MustParseAddrPort("192.0.2.1:53"))
	for name, cfg := range map[string]dnsserver.Config{
		"no listen": {Upstream: up}, "no upstream": {Listen: some},
		"an empty address": {Listen: []netip.AddrPort{{}}, Upstream: up},
	} {
		if _, err := dnsserver.New(cfg, local); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := dnsserver.New(dnsserver.Config{Listen: some, Upstream: up}, nil); err == nil {
		t.Error("no zone is taken")
	}
}

func TestStatusIsSafeBeforeListenAndAfterRun(t *testing.T) {
	s, _ := build(t, silent(t), nil)
	if st := s.Status(); st.DNS.Verdict != fact.VerdictUnknown || len(st.Overrides) != 3 || len(st.Upstreams) != 1 {
		t.Errorf("before Listen: %+v", st)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Errorf("Run = %v", err)
	}
	if st := s.Status(); len(st.Listen) != 0 || st.DNS.Verdict != fact.VerdictUnknown {
		t.Errorf("after Run: %+v", st)
	}
}

func TestDNSLinkFollowsTheUpstream(t *testing.T) {
	w := newWorld(t, "www.example.net. 300 IN A 11.22.33.44")
	h := start(t, w.addr, nil)
	h.ask("www.example.net.", dns.TypeA)
	if link := h.Status().DNS; link.Verdict != fact.VerdictPass {
		t.Errorf("with an upstream that answers: %+v", link)
	}
	h.zone.Store(mustZone(t))
	if link := h.Status().DNS; link.Verdict != fact.VerdictWarn || link.Action == "" {
		t.Errorf("without overrides: %+v", link)
	}
	gone := silent(t)
	dead := start(t, gone, func(c *dnsserver.Config) { c.Upstream = waiting(t, 90*time.Millisecond, gone) })
	for range 10 { // on a busy machine one question may not get to a second attempt
		if m := dead.ask("www.example.net.", dns.TypeA); m.Rcode != dns.RcodeServerFailure {
			t.Errorf("a dead upstream gives %v", m)
		}
	}
	st := dead.Status()
	if st.DNS.Verdict != fact.VerdictFail || !strings.Contains(st.DNS.Summary, "names in the house are still answered") || st.DNS.Action == "" || st.Queries.Failed != 10 {
		t.Errorf("with a dead upstream: %+v", st)
	}
}

func TestDNSLinkIsUnknownInWordsBeforeUpstreamWasAsked(t *testing.T) {
	listen := []netip.AddrPort{netip.MustParseAddrPort("192.168.1.5:53")}
	link := dnsserver.DNSLink(dnsserver.Status{Listen: listen, Overrides: []zone.Override{mqtt}, Upstreams: []dnsserver.UpstreamStatus{{}}})
	if link.Verdict != fact.VerdictUnknown || !strings.Contains(link.Summary, "mqtt.example.org is answered") {
		t.Errorf("link is %+v", link)
	}
}

func TestDNSLinkSaysWhenUpstreamIsAskedInPlain(t *testing.T) {
	listen := []netip.AddrPort{netip.MustParseAddrPort("192.168.1.5:53")}
	up := dnsserver.UpstreamStatus{Name: "tls://dns.example", Healthy: fact.VerdictPass, PlainFallback: true}
	link := dnsserver.DNSLink(dnsserver.Status{Listen: listen, Overrides: []zone.Override{mqtt}, Upstreams: []dnsserver.UpstreamStatus{up}})
	if link.Verdict != fact.VerdictWarn || !strings.Contains(link.Summary, "clock is wrong") || link.Action == "" || !strings.Contains(link.Evidence[0], "tls://dns.example: answers") {
		t.Errorf("link is %+v", link)
	}
}

func TestClientsLinkPassesOnlyForOtherDevices(t *testing.T) {
	listen := []netip.AddrPort{netip.MustParseAddrPort("192.168.1.5:53")}
	ours := func(a netip.Addr) bool { return a == listen[0].Addr() }
	seen := func(addrs ...string) (list []dnsserver.ClientSeen) {
		for _, a := range addrs {
			list = append(list, dnsserver.ClientSeen{Address: netip.MustParseAddr(a)})
		}
		return list
	}
	for _, nobody := range [][]dnsserver.ClientSeen{nil, seen("127.0.0.1"), seen("192.168.1.5")} {
		link := dnsserver.ClientsLink(nobody, listen, ours)
		if link.Verdict != fact.VerdictUnknown || link.Action != "enter 192.168.1.5 as the DNS server in the router's DHCP page" {
			t.Errorf("with %v: %+v", nobody, link)
		}
	}
	if link := dnsserver.ClientsLink(seen("192.168.1.5", "192.168.1.77"), listen, ours); link.Verdict != fact.VerdictPass || link.Action != "" {
		t.Errorf("with a device: %+v", link)
	}
}
