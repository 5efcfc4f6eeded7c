package dnsserver_test

// Replies leave from the address that was asked.

import (
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
)

// eachLoop runs a test with every packet loop that this system has.
func eachLoop(t *testing.T, test func(*testing.T, packet.Mode)) {
	modes := []packet.Mode{packet.Netpoller}
	if runtime.GOOS == "linux" {
		modes = append(modes, packet.Batch)
	}
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) { test(t, mode) })
	}
}

// connected returns a UDP socket that hears nobody but the address it asks.
func connected(t testing.TB, addr netip.AddrPort) *net.UDPConn {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		t.Skipf("this host has no way to %s: %v", addr, err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patient))
	return conn
}

func TestEveryAddressRepliesFromTheOneAsked(t *testing.T) {
	eachLoop(t, everyAddressRepliesFromTheOneAsked)
}

func everyAddressRepliesFromTheOneAsked(t *testing.T, mode packet.Mode) {
	w := newWorld(t, "www.example.net. 300 IN A 11.22.33.44")
	h := start(t, w.addr, func(c *dnsserver.Config) { c.Listen, c.PacketLoop = dnsserver.Every(0), mode })
	bound := h.Status().Listen
	if len(bound) == 0 || bound[0].Addr() != netip.IPv4Unspecified() || len(bound) == 2 && bound[1].Addr() != netip.IPv6Unspecified() {
		t.Fatalf("bound are %v", bound)
	}
	if len(h.Status().Waiting) != 0 {
		t.Errorf("waiting are %v", h.Status().Waiting)
	}
	for _, text := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"} {
		addr := netip.MustParseAddr(text)
		i := slices.IndexFunc(bound, func(b netip.AddrPort) bool { return b.Addr().Is4() == addr.Is4() })
		if i < 0 {
			t.Logf("this host has no IPv6, so %s is left out", addr)
			continue
		}
		h.addr = netip.AddrPortFrom(addr, bound[i].Port()).String()
		if got := addresses(h.ask("mqtt.example.org.", dns.TypeA).Answer); len(got) != 1 {
			t.Errorf("%s: inline answer is %v", addr, got)
		}
		if got := addresses(h.ask("www.example.net.", dns.TypeA).Answer); len(got) != 1 {
			t.Errorf("%s: answer from upstream is %v", addr, got)
		}
		if got := addresses(h.exchange("tcp", question("mqtt.example.org.")).Answer); len(got) != 1 {
			t.Errorf("%s: answer over TCP is %v", addr, got)
		}
	}
}

func TestRepliesOfAnUnspecifiedAddressDoNotAllocate(t *testing.T) {
	eachLoop(t, repliesOfAnUnspecifiedAddressDoNotAllocate)
}

func repliesOfAnUnspecifiedAddressDoNotAllocate(t *testing.T, mode packet.Mode) {
	for _, c := range []struct{ listen, ask string }{{"0.0.0.0:0", "127.0.0.2"}, {"[::]:0", "::1"}} {
		if conn, err := net.ListenPacket("udp", net.JoinHostPort(c.ask, "0")); err != nil {
			t.Logf("this host has no %s: %v", c.ask, err)
			continue
		} else {
			conn.Close()
		}
		h := start(t, silent(t), func(cfg *dnsserver.Config) {
			cfg.Listen, cfg.PacketLoop = []netip.AddrPort{netip.MustParseAddrPort(c.listen)}, mode
		})
		conn := connected(t, netip.AddrPortFrom(netip.MustParseAddr(c.ask), h.Status().Listen[0].Port()))
		packet, reply := pack(t, question("mqtt.example.org.")), make([]byte, 512)
		var failed error
		// What the whole process allocates, from the question's way in to the
		// reply's way out.
		n := testing.AllocsPerRun(200, func() {
			if _, err := conn.Write(packet); err != nil {
				failed = err
			}
			if _, err := conn.Read(reply); err != nil {
				failed = err
			}
		})
		if n != 0 || failed != nil {
			t.Errorf("%s: %v allocations for a question and its reply, %v", c.listen, n, failed)
		}
	}
}
