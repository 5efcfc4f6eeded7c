package dnsserver_test

// dnsmasq in the part of the router's DNS server.

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
)

// program returns the path of a program that the test needs.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("EDGEGUARD_LAB") == "require" {
		t.Fatalf("%s is not installed: %v", name, err)
	}
	t.Skipf("%s is not installed: %v", name, err)
	return ""
}

// dnsmasq runs a dnsmasq on loopback and returns where it answers.
func dnsmasq(t *testing.T, args ...string) netip.AddrPort {
	t.Helper()
	path := program(t, "dnsmasq")
	packets, stream := pair(t)
	addr := packets.LocalAddr().(*net.UDPAddr).AddrPort()
	packets.Close()
	stream.Close()
	var log bytes.Buffer
	cmd := exec.Command(path, append([]string{"--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts",
		"--bind-interfaces", "--listen-address=127.0.0.1", "--no-dhcp-interface=lo", "--log-facility=-", fmt.Sprintf("--port=%d", addr.Port())}, args...)...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	deadline := time.Now().Add(3 * time.Minute)
	version := &dns.Msg{Question: []dns.Question{{Name: "version.bind.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}}}
	for {
		if _, _, err := (&dns.Client{Timeout: time.Second}).Exchange(version, addr.String()); err == nil {
			return addr
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Fatalf("dnsmasq does not answer: %s", log.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestDnsmasqAsTheRouter(t *testing.T) {
	router := dnsmasq(t, "--local=/fritz.box/178.168.192.in-addr.arpa/", "--host-record=nas.fritz.box,192.168.178.5", "--cname=files.fritz.box,nas.fritz.box")
	h := start(t, newWorld(t, "fritz.box. 300 IN A 11.22.33.44").addr, forwarding(t, router, "fritz.box", "178.168.192.in-addr.arpa"))
	for range 2 {
		for _, name := range []string{"NAS.fritz.box.", "files.fritz.box."} {
			if got := addresses(h.ask(name, dns.TypeA).Answer); !slices.Equal(got, []string{"192.168.178.5"}) {
				t.Errorf("%s is %v", name, got)
			}
		}
		if m := h.ask("5.178.168.192.in-addr.arpa.", dns.TypePTR); len(m.Answer) != 1 || m.Answer[0].(*dns.PTR).Ptr != "nas.fritz.box." {
			t.Errorf("PTR is %v", m)
		}
		if m := h.ask("none.fritz.box.", dns.TypeA); m.Rcode != dns.RcodeNameError {
			t.Errorf("a name the router does not know is %v", m)
		}
		if m := h.ask("nas.fritz.box.", dns.TypeAAAA); m.Rcode != dns.RcodeSuccess || len(m.Answer) != 0 {
			t.Errorf("AAAA is %v", m)
		}
		if m := h.ask("fritz.box.", dns.TypeA); m.Rcode != dns.RcodeSuccess {
			t.Errorf("the zone itself is denied: %v", m)
		}
	}
}

// TestARouterThatAsksUsBackEndsTheCircle: a router with us as its upstream asks
// us again for what it does not know of a zone that we ask it for.
func TestARouterThatAsksUsBackEndsTheCircle(t *testing.T) {
	// Our port has to be known before the router starts, and its before ours.
	packets, stream := pair(t)
	us := packets.LocalAddr().(*net.UDPAddr).AddrPort()
	packets.Close()
	stream.Close()
	router := dnsmasq(t, fmt.Sprintf("--server=127.0.0.1#%d", us.Port()), "--host-record=nas.lan,192.168.178.5")
	h := start(t, newWorld(t).addr, func(c *dnsserver.Config) {
		c.Listen = []netip.AddrPort{us}
		c.Forwards = []dnsserver.Forward{{Zone: "lan", Upstream: waiting(t, 2*time.Second, router)}}
	})
	if got := addresses(h.ask("nas.lan.", dns.TypeA).Answer); !slices.Equal(got, []string{"192.168.178.5"}) {
		t.Errorf("what the router knows is %v", got)
	}
	if m := h.ask("none.lan.", dns.TypeA); len(m.Answer) != 0 {
		t.Errorf("what nobody knows is %v", m)
	}
	if q := h.Status().Queries; q.Total > 20 {
		t.Errorf("one question became %d", q.Total)
	}
}

func TestDigSeesRecordsAsTheyAre(t *testing.T) {
	dig := program(t, "dig")
	h := start(t, newWorld(t, "outside.example.net. 300 IN A 11.22.33.44").addr, nil)
	h.zone.Store(myZone(t))
	host, port, _ := net.SplitHostPort(h.addr)
	for question, want := range map[string]string{
		"Web.example.org A":                 "Web.example.org.\t60\tIN\tCNAME\twww.example.org.\nwww.example.org.\t60\tIN\tCNAME\tnas.example.org.\nnas.example.org.\t60\tIN\tA\t192.168.1.20\nnas.example.org.\t60\tIN\tA\t192.168.1.21",
		"_mqtt._tcp.example.org SRV":        "_mqtt._tcp.example.org.\t60\tIN\tSRV\t0 5 8883 mqtt.example.org.\n_mqtt._tcp.example.org.\t60\tIN\tSRV\t1 5 8883 nas.example.org.",
		"30.1.168.192.in-addr.arpa PTR":     "30.1.168.192.in-addr.arpa. 60\tIN\tPTR\tprinter.example.org.",
		"cloud.example.org A":               "cloud.example.org.\t60\tIN\tCNAME\toutside.example.net.\noutside.example.net.\t300\tIN\tA\t11.22.33.44",
		"text.example.org TXT +dnssec":      "text.example.org.\t60\tIN\tTXT\t\"only a text\"",
		"broker.example.org AAAA +nordflag": "broker.example.org.\t60\tIN\tCNAME\tmqtt.example.org.",
	} {
		args := append([]string{"@" + host, "-p", port, "+noall", "+answer", "+tries=1", "+time=10"}, strings.Fields(question)...)
		out, err := exec.Command(dig, args...).CombinedOutput()
		var lines []string
		for line := range strings.Lines(string(out)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, ";") {
				lines = append(lines, strings.Join(strings.Fields(line), " "))
			}
		}
		if got := strings.Join(lines, "\n"); err != nil || got != strings.ReplaceAll(want, "\t", " ") {
			t.Errorf("dig %s says\n%s\nwant\n%s (%v)", question, got, want, err)
		}
	}
}
