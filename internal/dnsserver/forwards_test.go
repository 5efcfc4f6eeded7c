package dnsserver_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
)

// forwarding is a change that forwards each zone to one server.
func forwarding(t testing.TB, server netip.AddrPort, zones ...string) func(*dnsserver.Config) {
	return func(c *dnsserver.Config) {
		one := pool(t, server)
		for _, z := range zones {
			c.Forwards = append(c.Forwards, dnsserver.Forward{Zone: z, Upstream: one})
		}
	}
}

func TestForwardedZonesAreAskedOfTheirOwnServers(t *testing.T) {
	world := newWorld(t, "www.example.net. 300 IN A 11.22.33.44", "fritz.box. 300 IN A 11.22.33.45", "fritz.box. 300 IN DS 1 13 2 00112233")
	router := newWorld(t, "nas.fritz.box. 300 IN A 192.168.178.5", "fritz.box. 300 IN A 192.168.178.1",
		"5.178.168.192.in-addr.arpa. 300 IN PTR nas.fritz.box.", "tv.home.arpa. 300 IN A 192.168.178.6", "nas.local. 300 IN A 192.168.178.5")
	deep := newWorld(t, "x.lab.fritz.box. 300 IN A 192.168.178.9")
	h := start(t, world.addr, func(c *dnsserver.Config) {
		forwarding(t, router.addr, "Fritz.box", "178.168.192.in-addr.arpa", "home.arpa", "local")(c)
		forwarding(t, deep.addr, "lab.fritz.box")(c)
	})
	for round := range 2 { // the second time from the cache
		for name, want := range map[string]string{
			"NAS.fritz.box.": "192.168.178.5", "fritz.BOX.": "192.168.178.1", "x.lab.fritz.box.": "192.168.178.9",
			"tv.home.arpa.": "192.168.178.6", "nas.LOCAL.": "192.168.178.5", "www.example.net.": "11.22.33.44",
		} {
			if got := addresses(h.ask(name, dns.TypeA).Answer); !slices.Equal(got, []string{want}) {
				t.Errorf("round %d: %s is %v, want %s", round, name, got, want)
			}
		}
		if m := h.ask("5.178.168.192.in-addr.arpa.", dns.TypePTR); len(m.Answer) != 1 {
			t.Errorf("PTR is %v", m)
		}
		if m := h.ask("none.fritz.box.", dns.TypeA); m.Rcode != dns.RcodeNameError {
			t.Errorf("a name that the router denies is %v", m)
		}
	}
	if router.count("nas.fritz.box.", dns.TypeA) != 1 || router.count("x.lab.fritz.box.", dns.TypeA) != 0 || world.count("nas.fritz.box.", dns.TypeA) != 0 {
		t.Error("a name was asked of the wrong servers, or twice")
	}
	if m := h.ask("fritz.box.", dns.TypeDS); len(m.Answer) != 1 || router.count("fritz.box.", dns.TypeDS) != 0 {
		t.Errorf("the zone's DS record is not its parent's: %v", m)
	}
	// What is above or at a forwarded zone is never denied, what is beside is.
	for name, denied := range map[string]bool{"168.192.in-addr.arpa.": false, "178.168.192.in-addr.arpa.": false, "2.168.192.in-addr.arpa.": true, "box.": false} {
		for _, qtype := range []uint16{dns.TypeMX, dns.TypeDS} {
			if m := h.ask(name, qtype); m.Rcode == dns.RcodeNameError != denied {
				t.Errorf("%s %s is %s", name, dns.TypeToString[qtype], dns.RcodeToString[m.Rcode])
			}
		}
	}
}

func TestAnOverrideComesBeforeAForward(t *testing.T) {
	router := newWorld(t, "mqtt.example.org. 300 IN A 192.168.178.5", "alias.example.org. 300 IN CNAME mqtt.example.org.")
	h := start(t, newWorld(t).addr, forwarding(t, router.addr, "example.org"))
	if got := addresses(h.ask("mqtt.example.org.", dns.TypeA).Answer); !slices.Equal(got, []string{"192.168.1.10"}) {
		t.Errorf("the override is %v", got)
	}
	if got := addresses(h.ask("alias.example.org.", dns.TypeA).Answer); !slices.Equal(got, []string{"192.168.1.10"}) {
		t.Errorf("what a forwarded zone leads home is %v", got)
	}
}

func TestLocalIsForwardedOnlyWhereItIsConfigured(t *testing.T) {
	router := newWorld(t, "nas.corp.local. 300 IN A 192.168.178.5")
	h := start(t, newWorld(t).addr, forwarding(t, router.addr, "corp.local"))
	if got := addresses(h.ask("nas.corp.local.", dns.TypeA).Answer); len(got) != 1 {
		t.Errorf("a zone below is %v", got)
	}
	if m := h.ask("printer.local.", dns.TypeA); m.Rcode != dns.RcodeNameError || router.count("printer.local.", dns.TypeA) != 0 {
		t.Errorf("another name is %v", m)
	}
	if m := h.ask("local.", dns.TypeSOA); m.Rcode != dns.RcodeSuccess {
		t.Errorf("the name above a forwarded zone is denied: %v", m)
	}
}

func TestADeadForwardLeavesTheWorkersAlone(t *testing.T) {
	world := newWorld(t, "www.example.net. 300 IN A 11.22.33.44")
	dead := silent(t)
	h := start(t, world.addr, func(c *dnsserver.Config) {
		c.Workers = 64
		c.Forwards = []dnsserver.Forward{{Zone: "local", Upstream: waiting(t, time.Minute, dead)}}
	})
	conn, err := net.Dial("udp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range 100 {
		if _, err := conn.Write(pack(t, new(dns.Msg).SetQuestion(fmt.Sprintf("n%d.local.", i), dns.TypeA))); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(3 * time.Minute))
	for range 100 - 64/8 { // all but its share are told at once
		reply, m := make([]byte, 512), new(dns.Msg)
		n, err := conn.Read(reply)
		if err != nil || m.Unpack(reply[:n]) != nil || m.Rcode != dns.RcodeServerFailure {
			t.Fatalf("a question too many gets %v, %v", m, err)
		}
	}
	if got := addresses(h.ask("www.example.net.", dns.TypeA).Answer); len(got) != 1 {
		t.Errorf("the world's names are %v", got)
	}
	if err := h.end(); err != nil { // though a minute is not over
		t.Error(err)
	}
}

func TestForwardsThatLeadToOurselvesAreRefused(t *testing.T) {
	h := start(t, newWorld(t).addr, nil)
	cfg := dnsserver.Config{Listen: []netip.AddrPort{netip.MustParseAddrPort(h.addr)}, Upstream: pool(t, netip.MustParseAddrPort("192.0.2.1:53"))}
	forwarding(t, netip.MustParseAddrPort(h.addr), "fritz.box")(&cfg)
	if _, err := dnsserver.New(cfg, h.zone); err == nil || !strings.Contains(err.Error(), "fritz.box") {
		t.Errorf("New = %v", err)
	}
	for name, list := range map[string][]dnsserver.Forward{
		"no server": {{Zone: "fritz.box"}}, "no zone": {{Upstream: cfg.Upstream}},
		"twice": {{Zone: "fritz.box", Upstream: cfg.Upstream}, {Zone: "FRITZ.box.", Upstream: cfg.Upstream}},
	} {
		cfg.Forwards = list
		if _, err := dnsserver.New(cfg, h.zone); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestANewConfigDoesNotGiveTheAnswersOfTheOldOne(t *testing.T) {
	world := newWorld(t, "nas.fritz.box. 300 IN A 11.22.33.44", "plex.example.net. 300 IN A 192.168.1.5")
	router, other := newWorld(t, "nas.fritz.box. 300 IN A 192.168.178.5"), newWorld(t, "nas.fritz.box. 300 IN A 192.168.178.6")
	base := dnsserver.Config{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Upstream: pool(t, world.addr)}
	h := start(t, world.addr, func(c *dnsserver.Config) { base.Upstream = c.Upstream })
	for i, step := range []struct {
		change    func(*dnsserver.Config)
		nas, plex string
	}{
		{nil, "11.22.33.44", ""},
		{forwarding(t, router.addr, "fritz.box"), "192.168.178.5", ""},
		{forwarding(t, other.addr, "fritz.box"), "192.168.178.6", ""},
		{func(c *dnsserver.Config) { c.RebindAllow = []string{"example.net"} }, "11.22.33.44", "192.168.1.5"},
		{func(c *dnsserver.Config) { c.NoRebindProtection = true }, "11.22.33.44", "192.168.1.5"},
		{nil, "11.22.33.44", ""},
	} {
		cfg := base
		if step.change != nil {
			step.change(&cfg)
		}
		if err := h.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := strings.Join(addresses(h.ask("nas.fritz.box.", dns.TypeA).Answer), " "); got != step.nas {
				t.Errorf("step %d: nas is %q, want %q", i, got, step.nas)
			}
			if got := strings.Join(addresses(h.ask("plex.example.net.", dns.TypeA).Answer), " "); got != step.plex {
				t.Errorf("step %d: plex is %q, want %q", i, got, step.plex)
			}
		}
	}
}
