//go:build linux

package lab_test

// What users of other servers complained of, shown with the clients that it
// befell. Each test is named after the report, in the tracker of the project
// it names.

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/test/lab"
)

// pi-hole/FTL#2841 and systemd/systemd#32901, with the client they speak of:
// systemd-resolved hears of the name's other types first, all of which the
// world denies, and must not conclude that the name is not there.
func TestComplaintSystemd32901DenialIsKeptForEveryType(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := answering(t, "")
	if answer, err := h.WAN.Ask(lab.InternetAddr, h.name, dns.TypeTXT); err != nil || answer.Rcode != dns.RcodeNameError {
		t.Fatalf("the world does not deny the name, so this proves nothing: %v\n%v", err, answer)
	}
	p := h.Phone.StartResolved(t, lab.NASAddr, "DNSSEC=no")
	for _, qtype := range []uint16{dns.TypeAAAA, dns.TypeHTTPS, dns.TypeTXT, dns.TypeMX, dns.TypeSRV, dns.TypeCAA, dns.TypeDS, dns.TypeSOA, dns.TypeNS} {
		answer, err := h.Phone.Ask(lab.ResolvedAddr, h.name, qtype)
		if err != nil || answer.Rcode == dns.RcodeNameError {
			t.Errorf("%s: %v\n%v", dns.TypeToString[qtype], err, answer)
		}
	}
	if err := h.Phone.WantA(lab.ResolvedAddr, h.name, lab.NASAddr)(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(p.Log(), h.name+" IN TXT") {
		t.Error("systemd-resolved asked us nothing: this proves nothing")
	}
}

// pi-hole/FTL#3039: musl's getaddrinfo asks for A and AAAA together and gives
// the name up when either says NXDOMAIN. The world denies the name here, so a
// question that got out would show.
func TestComplaintFTL3039NXDOMAINForAAAABreaksMusl(t *testing.T) {
	h := answering(t, "")
	if answer, err := h.WAN.Ask(lab.InternetAddr, h.name, dns.TypeAAAA); err != nil || answer.Rcode != dns.RcodeNameError {
		t.Fatalf("the world does not deny the name, so this proves nothing: %v\n%v", err, answer)
	}
	lookup := lab.MuslLookup(t)
	for range 20 { // whichever of its two answers comes first
		if got, err := lookup(h.Phone, h.name); err != nil || !slices.Equal(got, []netip.Addr{lab.NASAddr}) {
			t.Fatalf("musl says that %s is %v, %v", h.name, got, err)
		}
	}
}

// 0xERR0R/blocky#461 and #1236: to say "no such record" for every type broke
// the proof that a certificate authority wants (DNS-01), which looks for the
// zone by SOA, for CAA at the name and for TXT below it. The house asks us for
// those, and must get what the world says.
func TestComplaintBlocky461NODATAForAllBreaksACME(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := answering(t, "",
		"mqtt.example.org. 300 IN A 11.22.33.44",
		`mqtt.example.org. 300 IN CAA 0 issue "ca.example.net"`,
		`mqtt.example.org. 300 IN TXT "v=spf1 -all"`,
		"mqtt.example.org. 300 IN MX 10 mail.example.net.",
		`_acme-challenge.mqtt.example.org. 300 IN TXT "gfj9Xq-Rg85nM"`,
		"_acme-challenge.alias.example.org. 300 IN CNAME _acme-challenge.mqtt.example.org.")
	for _, want := range []struct{ name, qtype, text string }{
		{"_acme-challenge.mqtt.example.org", "TXT", "gfj9Xq-Rg85nM"},
		{"_acme-challenge.alias.example.org", "TXT", "gfj9Xq-Rg85nM"},
		{"mqtt.example.org", "CAA", "ca.example.net"},
		{"mqtt.example.org", "TXT", "v=spf1 -all"},
		{"mqtt.example.org", "MX", "mail.example.net."},
		{"example.org", "SOA", "hostmaster.example.net."},
		{"example.org", "NS", "ns1.example.net."},
	} {
		for range 2 { // from upstream, then from the cache
			out, err := h.Phone.Dig("@"+lab.NASAddr.String(), "+short", want.name, want.qtype)
			if err != nil || !strings.Contains(out, want.text) {
				t.Errorf("%s %s is %q, %v; the world says %s", want.name, want.qtype, out, err, want.text)
			}
		}
	}
	// Up from the challenge to the zone, as ACME clients go: a name without an
	// SOA must say so and not be denied.
	for _, name := range []string{"_acme-challenge.mqtt.example.org", "mqtt.example.org"} {
		answer, err := h.Phone.Ask(lab.NASAddr, name, dns.TypeSOA)
		if err != nil || answer.Rcode != dns.RcodeSuccess || len(answer.Answer) != 0 {
			t.Errorf("SOA of %s: %v\n%v", name, err, answer)
		}
	}
	if err := h.Phone.WantA(lab.NASAddr, h.name, lab.NASAddr)(); err != nil {
		t.Error(err)
	}
}

// bridge makes every question to the NAS seem to come from the gateway of
// Docker's bridge, as it does for a container behind one.
const bridge = `
link add docker0 type bridge
addr add 172.17.0.2/16 dev docker0
link set docker0 up
`

// bridgeGateway is the one address that a container sees.
var bridgeGateway = netip.MustParseAddr("172.17.0.1")

// pi-hole/docker-pi-hole#135, AdguardTeam/AdGuardHome#3085 and moby/moby#16720
// tell of containers that see one client, the bridge; docker-pihole-unbound#124
// and pi-hole/pi-hole#5586 of the rate limit that then hits the whole house.
// Two devices here ask thousands of questions in a moment, all from 172.17.0.1,
// with a limit that one device would have hit long before; every one is answered.
func TestComplaintDockerPiHole135OneRateLimitHitsTheHouse(t *testing.T) {
	const workers, rounds = 8, 250
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	h.StartPublicDNS(t)
	h.StartLiar(t, h.WAN, lab.LiarAddr)
	for line := range strings.Lines(strings.TrimSpace(bridge)) {
		h.NAS.Run(t, "ip", strings.Fields(line)...)
	}
	for _, rule := range []string{"add table ip docker", "add chain ip docker in { type nat hook input priority 100 ; }",
		"add rule ip docker in ip saddr 192.168.77.0/24 udp dport 53 snat to " + bridgeGateway.String()} {
		h.NAS.Run(t, "nft", rule)
	}
	d := h.start(t, fmt.Sprintf("upstreams = [%q]\nrate_limit = 20\n", lab.LiarAddr))
	var asking sync.WaitGroup
	for w := range workers {
		from := []*lab.Host{h.Phone, h.Pi}[w%2]
		a := newAsker(t, from)
		asking.Go(func() {
			for i := range rounds {
				a.want(h.name, lab.NASAddr)
				a.want("the-same.example.com", lab.LiarAnswer)
				a.want(fmt.Sprintf("w%d-%d.example.com", w, i), lab.LiarAnswer)
			}
			if a.lost > 0 {
				t.Errorf("%d of %d questions were not answered", a.lost, 3*rounds)
			}
		})
	}
	asking.Wait()
	s, err := d.Status()
	if err != nil || !strings.Contains(string(s.Raw), bridgeGateway.String()) {
		t.Errorf("the daemon did not see the questions come from %s, so this proves nothing: %v", bridgeGateway, err)
	}
	if strings.Contains(string(s.Raw), lab.PhoneAddr.String()) {
		t.Errorf("the daemon saw the phone itself, so this proves nothing: %s", s.Raw)
	}
}
