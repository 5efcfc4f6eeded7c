package dnsserver_test

// Cookies.

import (
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// withCookie adds a cookie to a question, in hexadecimal.
func withCookie(m *dns.Msg, cookie string) *dns.Msg {
	m.SetEdns0(1232, false).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie}}
	return m
}

func cookieOf(m *dns.Msg) string {
	if opt := m.IsEdns0(); opt != nil && len(opt.Option) == 1 {
		if c, ok := opt.Option[0].(*dns.EDNS0_COOKIE); ok {
			return c.Cookie
		}
	}
	return ""
}

const clientCookie = "2464c4abcf10c957"

func TestCookiesAreGivenAndNeverRequired(t *testing.T) {
	w := newWorld(t, "www.example.net. 300 IN A 11.22.33.44")
	h := start(t, w.addr, nil)
	for _, name := range []string{"mqtt.example.org.", "www.example.net.", "www.example.net.", "printer.local."} { // override, upstream, cache, special
		got := cookieOf(h.exchange("udp", withCookie(question(name), clientCookie)))
		if len(got) != 48 || !strings.HasPrefix(got, clientCookie+"01000000") {
			t.Errorf("%s: cookie is %q", name, got)
		}
		// A forged server cookie is replaced and nobody is asked for a good one.
		m := h.exchange("udp", withCookie(question(name), clientCookie+"0100000000000000ffffffffffffffff"))
		if again := cookieOf(m); len(again) != 48 || m.Rcode == dns.RcodeBadCookie || strings.HasSuffix(again, "ff") {
			t.Errorf("%s: with a forged cookie: %v", name, m)
		}
	}
	if n := w.count("www.example.net.", dns.TypeA); n != 1 {
		t.Errorf("upstream was asked %d times: the cookie is part of the key", n)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.options != 0 {
		t.Errorf("%d options went upstream", w.options)
	}
}

func TestMalformedCookieIsFormErr(t *testing.T) {
	h := start(t, silent(t), nil)
	for _, cookie := range []string{"01", clientCookie + "01", clientCookie + strings.Repeat("00", 33)} {
		if m := h.exchange("udp", withCookie(question("mqtt.example.org."), cookie)); m.Rcode != dns.RcodeFormatError {
			t.Errorf("cookie %s: %v", cookie, m)
		}
	}
}

func TestVerifiedStrangerIsAlwaysRefused(t *testing.T) {
	s, _ := build(t, silent(t), nil)
	stranger, q := netip.MustParseAddr("8.8.8.8"), new(wire.Question)
	out, _ := s.Inline(nil, q, pack(t, withCookie(question("a."), clientCookie)), stranger)
	m := new(dns.Msg)
	if err := m.Unpack(out); err != nil || m.Rcode != dns.RcodeRefused || cookieOf(m) == "" {
		t.Fatalf("first reply is %v, %v", m, err)
	}
	packet := pack(t, withCookie(question("a."), cookieOf(m)))
	for range 1000 {
		if _, ok := s.Inline(nil, q, packet, stranger); !ok {
			t.Fatal("one who sent our cookie back is taken for a forgery")
		}
	}
}

func TestCookiesDoNotAllocateInline(t *testing.T) {
	s, _ := build(t, silent(t), nil)
	packet, q, out := pack(t, withCookie(question("mqtt.example.org."), clientCookie)), new(wire.Question), make([]byte, 0, wire.UDPSize)
	if n := testing.AllocsPerRun(100, func() { s.Inline(out, q, packet, lanHost) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestIdentityIsRefused(t *testing.T) {
	h := start(t, silent(t), nil)
	for _, name := range []string{"version.bind.", "id.server.", "hostname.bind.", "version.server."} {
		m := new(dns.Msg)
		m.Question = []dns.Question{{Name: name, Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}}
		client := &dns.Client{Timeout: patient}
		if reply, _, err := client.Exchange(m, h.addr); err != nil || reply.Rcode != dns.RcodeRefused || len(reply.Answer) != 0 {
			t.Errorf("%s: %v, %v", name, reply, err)
		}
	}
}

// tool runs a program against the server, or skips where it is absent.
func tool(t *testing.T, h *house, name string, arguments ...string) string {
	t.Helper()
	path := lookPath(t, name)
	host, port, err := net.SplitHostPort(h.addr)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, append([]string{"@" + host, "-p", port}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, arguments, err, out)
	}
	return string(out)
}

func TestDigTakesOurCookie(t *testing.T) {
	h := start(t, newWorld(t, "www.example.net. 300 IN A 11.22.33.44").addr, nil)
	if out := tool(t, h, "dig", "+cookie="+clientCookie, "www.example.net."); !strings.Contains(out, "(good)") || !strings.Contains(out, "11.22.33.44") {
		t.Errorf("dig says:\n%s", out)
	}
	if out := tool(t, h, "dig", "+cookie", "+qr", "+keepalive", "+tcp", "mqtt.example.org."); !strings.Contains(out, "KEEPALIVE: 30.0 secs") || !strings.Contains(out, "(good)") {
		t.Errorf("dig says:\n%s", out)
	}
	if out := tool(t, h, "dig", "+header-only", "+cookie="+clientCookie); !strings.Contains(out, "NOERROR") || !strings.Contains(out, "(good)") {
		t.Errorf("without a question dig says:\n%s", out)
	}
}

func TestKdigOverTCPPipelines(t *testing.T) {
	h := start(t, newWorld(t, "www.example.net. 300 IN A 11.22.33.44").addr, nil)
	out := tool(t, h, "kdig", "+tcp", "+keepopen", "+short", "www.example.net.", "mqtt.example.org.", "www.example.net.")
	if strings.Join(strings.Fields(out), " ") != "11.22.33.44 192.168.1.10 11.22.33.44" {
		t.Errorf("kdig says:\n%s", out)
	}
}
