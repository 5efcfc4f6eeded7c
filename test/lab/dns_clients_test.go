//go:build linux

package lab_test

// Who asks: the C libraries, the tools, and the forwarders that stand between
// a program and us. Each must end at the broker in the house.

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/test/lab"
)

// answering returns a home in which the daemon knows h.name by config, so that
// neither broker nor provider is needed, and answers the LAN. The world denies
// the name: what leaks comes back as NXDOMAIN.
func answering(t *testing.T, extra string, records ...string) *house {
	t.Helper()
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	public := h.StartPublicDNS(t)
	if err := public.Insert(records...); err != nil {
		t.Fatal(err)
	}
	h.inet = &lab.Internet{DNS: public}
	h.start(t, extra)
	return h
}

// dnsConfig is the smallest config: one service, known by its name, the router
// left alone, and lines for [dns] and tables below it. Without upstreams in the
// first line the public DNS is asked.
func (h *house) dnsConfig(t *testing.T, dnsLines string) string {
	t.Helper()
	text := h.EdgeguardConfig(t, lab.EdgeguardOptions{Names: []string{h.name}})
	text = strings.Replace(text, "[wan]\nsources = [\"igd\", ", "[portmap]\nenabled = false\n\n[wan]\nsources = [", 1)
	upstreams := fmt.Sprintf("upstreams = [%q]\n", lab.InternetAddr)
	if !strings.Contains(text, "[dns]\n"+upstreams) {
		t.Fatalf("the lab's config has another form than expected:\n%s", text)
	}
	own := dnsLines
	if !strings.HasPrefix(dnsLines, "upstreams = ") {
		own = upstreams + dnsLines
	}
	return strings.Replace(text, "[dns]\n"+upstreams, "[dns]\n"+own, 1)
}

// start starts the daemon with lines for [dns], and waits until it answers.
func (h *house) start(t *testing.T, dnsLines string) *lab.Daemon {
	t.Helper()
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: h.dnsConfig(t, dnsLines)})
	answers := h.Phone.WantA(lab.NASAddr, h.name, lab.NASAddr)
	lab.Eventually(t, lab.Patience, func() error {
		if d.Ended() {
			t.Fatalf("the daemon does not run:\n%s", d.Log())
		}
		return answers()
	})
	return d
}

func TestCLibrariesFindTheBroker(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := answering(t, "")
	lookups := map[string]func(*lab.Host, string) ([]netip.Addr, error){
		"glibc": (*lab.Host).Getent,
		"musl":  lab.MuslLookup(t),
	}
	for library, lookup := range lookups {
		for _, name := range []string{h.name, strings.ToUpper(h.name), "MqTt.eXample.ORG"} {
			if got, err := lookup(h.Phone, name); err != nil || !slices.Equal(got, []netip.Addr{lab.NASAddr}) {
				t.Errorf("%s says that %s is %v, %v", library, name, got, err)
			}
		}
		if got, err := lookup(h.Phone, "www.example.com"); err != nil || !slices.Equal(got, []netip.Addr{lab.ElsewhereAddr}) {
			t.Errorf("%s says that www.example.com is %v, %v", library, got, err)
		}
		if got, err := lookup(h.Phone, "no-such-name.example.com"); err == nil {
			t.Errorf("%s says that a name that is not there is %v", library, got)
		}
	}
}

func TestDigIsContentInEveryWayItAsks(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := answering(t, "")
	for _, way := range []string{"", "+tcp", "+noedns", "+bufsize=512", "+bufsize=4096", "+nocookie", "+cookie",
		"+dnssec", "+cdflag", "+adflag", "+norecurse", "+nsid", "+subnet=192.168.77.0/24", "+padding=128", "+ednsopt=65001:00ff",
		"+ednsflags=0x1234", "+tcp +keepalive"} {
		args := append(strings.Fields(way), "@"+lab.NASAddr.String(), "MqTt.eXample.org", "A")
		out, err := h.Phone.Dig(args...)
		if err != nil {
			t.Errorf("dig %s: %v", way, err)
			continue
		}
		for _, want := range []string{"status: NOERROR", "MqTt.eXample.org.", lab.NASAddr.String(), " aa "} {
			if !strings.Contains(out, want) {
				t.Errorf("dig %s shows no %q:\n%s", way, want, out)
			}
		}
		if strings.Contains(out, "WARNING") || strings.Contains(out, "malformed") || strings.Contains(out, ";; BADCOOKIE") {
			t.Errorf("dig %s is not content:\n%s", way, out)
		}
		if edns := strings.Contains(out, "OPT PSEUDOSECTION"); edns == (way == "+noedns") {
			t.Errorf("dig %s: EDNS in the answer is %v:\n%s", way, edns, out)
		}
	}
	// A version of EDNS that is not there yet (RFC 6891, section 6.1.3).
	if out, err := h.Phone.Dig("@"+lab.NASAddr.String(), "+edns=1", "+noednsnegotiation", h.name); err != nil || !strings.Contains(out, "status: BADVERS") {
		t.Errorf("dig +edns=1: %v\n%s", err, out)
	}
}

// A device with a dnsmasq of its own, as OpenWrt and many others have, asks us
// without EDNS options of note and with 1232 octets, and follows TC to TCP.
func TestDnsmasqAsksUs(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := answering(t, "", bigText("big.example.org"))
	p := h.Pi.StartForwarder(t, lab.NASAddr, "--edns-packet-max=1232", "--cache-size=100")
	for range 2 { // the second time from its cache
		if err := h.Pi.WantA(lab.Loopback, h.name, lab.NASAddr)(); err != nil {
			t.Error(err)
		}
		if err := h.Pi.WantA(lab.Loopback, "www.example.com", lab.ElsewhereAddr)(); err != nil {
			t.Error(err)
		}
		for _, qtype := range []uint16{dns.TypeAAAA, dns.TypeHTTPS} {
			answer, err := h.Pi.Ask(lab.Loopback, h.name, qtype)
			if err != nil || answer.Rcode != dns.RcodeSuccess || len(answer.Answer) != 0 {
				t.Errorf("%s: %v\n%v", dns.TypeToString[qtype], err, answer)
			}
		}
	}
	answer, err := h.Pi.Ask(lab.Loopback, "big.example.org", dns.TypeTXT)
	if err != nil || len(answer.Answer) != 1 || len(answer.Answer[0].(*dns.TXT).Txt) != 12 {
		t.Errorf("a long answer through dnsmasq, which needs TCP: %v\n%v", err, answer)
	}
	// SOA records let dnsmasq keep that there is no AAAA (RFC 2308).
	forwarded := strings.Count(p.Log(), "forwarded "+h.name)
	if _, err := h.Pi.Ask(lab.Loopback, h.name, dns.TypeAAAA); err != nil {
		t.Error(err)
	}
	if again := strings.Count(p.Log(), "forwarded "+h.name); again != forwarded {
		t.Errorf("dnsmasq does not keep our NODATA: it asked %d times and then %d", forwarded, again)
	}
}

// systemd-resolved tries EDNS, DO and TCP by itself and falls back where a
// server does not bear them. It must find that we bear them all.
func TestResolvedAsksUs(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := answering(t, "", bigText("big.example.org"))
	p := h.Phone.StartResolved(t, lab.NASAddr, "DNSSEC=no")
	if err := h.Phone.WantA(lab.ResolvedAddr, h.name, lab.NASAddr)(); err != nil {
		t.Error(err)
	}
	for _, qtype := range []uint16{dns.TypeAAAA, dns.TypeHTTPS, dns.TypeANY, dns.TypeTXT} {
		answer, err := h.Phone.Ask(lab.ResolvedAddr, h.name, qtype)
		if err != nil || answer.Rcode == dns.RcodeNameError || answer.Rcode == dns.RcodeServerFailure {
			t.Errorf("%s: %v\n%v", dns.TypeToString[qtype], err, answer)
		}
		if err := h.Phone.WantA(lab.ResolvedAddr, h.name, lab.NASAddr)(); err != nil {
			t.Errorf("after a question for %s: %v", dns.TypeToString[qtype], err)
		}
	}
	if err := h.Phone.WantA(lab.ResolvedAddr, "www.example.com", lab.ElsewhereAddr)(); err != nil {
		t.Error(err)
	}
	answer, err := h.Phone.Ask(lab.ResolvedAddr, "big.example.org", dns.TypeTXT)
	if err != nil || len(answer.Answer) != 1 {
		t.Errorf("a long answer through systemd-resolved: %v\n%v", err, answer)
	}
	for _, words := range []string{"Using degraded feature set UDP instead", "Using degraded feature set TCP"} {
		if strings.Contains(p.Log(), words) {
			t.Errorf("systemd-resolved is not content with us: %q", words)
		}
	}
}

// bigText is a TXT record that needs TCP.
func bigText(name string) string {
	return name + ". 300 IN TXT" + strings.Repeat(` "`+strings.Repeat("x", 200)+`"`, 12)
}
