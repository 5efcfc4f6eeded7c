package dnsserver_test

// Rate limits, refusals and each client's share.

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

func limitedTo(rate int, own ...string) func(*dnsserver.Config) {
	return func(c *dnsserver.Config) {
		c.RateLimit = rate
		c.OwnPrefixes = func() (list []netip.Prefix) {
			for _, p := range own {
				list = append(list, netip.MustParsePrefix(p))
			}
			return list
		}
		c.Gateways = func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("192.168.1.1")} }
	}
}

func TestRateLimitIsATokenBucketForEachClient(t *testing.T) {
	s, _ := build(t, silent(t), limitedTo(10, "fd77:88::/64", "172.18.0.0/16"))
	now := time.Now().Add(time.Minute)
	within := func(addr string, now time.Time) (n int) {
		for s.Over(netip.MustParseAddr(addr), now) == 0 && n < 1000 {
			n++
		}
		return n
	}
	if n := within("192.168.1.7", now); n != 21 { // two seconds' worth, and the one that is due
		t.Errorf("%d questions at once", n)
	}
	if n := within("192.168.1.7", now.Add(time.Second)); n != 10 {
		t.Errorf("%d questions after a second", n)
	}
	if wait := s.Over(netip.MustParseAddr("192.168.1.7"), now.Add(time.Second)); wait <= 0 || wait > 100*time.Millisecond {
		t.Errorf("the next one waits for %v", wait)
	}
	for addr, want := range map[string]int{
		"192.168.1.8": 21, "::ffff:192.168.1.8": 0, // the same again
		"fd77:88::1": 21, "fd77:88::2": 21, // in a network of ours each address counts
		"2001:db8::1": 21, "2001:db8::2": 0, "2001:db8:0:1::1": 21, // elsewhere the /64
		"fe80::1%eth0": 21, "fe80::2%eth0": 21,
		"127.0.0.1": 1000, "192.168.1.1": 1000, "172.18.0.1": 1000, // us, the gateway, Docker's bridge
		"172.18.0.9": 21,
	} {
		if want == 0 {
			continue // after its sibling, below
		}
		if n := within(addr, now); n != want {
			t.Errorf("%s: %d questions at once, want %d", addr, n, want)
		}
	}
	for _, addr := range []string{"::ffff:192.168.1.8", "2001:db8::2"} {
		if n := within(addr, now); n != 0 {
			t.Errorf("%s is another client than its sibling", addr)
		}
	}
	off, _ := build(t, silent(t), limitedTo(-1))
	for range 100_000 {
		if off.Over(netip.MustParseAddr("192.168.1.7"), now) != 0 {
			t.Fatal("a limit of -1 limits")
		}
	}
}

func TestRateLimitMemoryIsBoundedAndFreeOfAllocation(t *testing.T) {
	s, _ := build(t, silent(t), limitedTo(10))
	now, i := time.Now(), 0
	if n := testing.AllocsPerRun(20_000, func() {
		i++
		s.Over(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOverTheLimitIsTruncatedAndComesOverTCP(t *testing.T) {
	w := newWorld(t, "e.example.net. 300 IN A 11.22.33.44")
	h := startWith(t, w.addr, func(c *dnsserver.Config) { c.RateLimit = 1 }, (*dnsserver.Server).LimitLoopback)
	last := ""
	for i := 0; last == ""; i++ { // one a second, over two seconds
		name := fmt.Sprintf("n%d.example.net.", i)
		switch m := h.ask(name, dns.TypeA); {
		case m.Truncated && len(m.Answer) == 0 && m.Rcode == dns.RcodeSuccess:
			last = name
		case m.Rcode != dns.RcodeNameError || i > 200:
			t.Fatalf("answer is %v", m)
		}
	}
	if n := h.Status().Queries.Limited; n != 1 || w.count(last, dns.TypeA) != 0 {
		t.Errorf("%d are counted as limited, and upstream was asked %d times", n, w.count(last, dns.TypeA))
	}
	if m := h.exchange("tcp", question("e.example.net.")); len(m.Answer) != 1 {
		t.Errorf("over TCP: %v", m)
	}
	for range 3 { // what costs nothing has a limit of its own
		if m := h.ask("mqtt.example.org.", dns.TypeA); len(m.Answer) != 1 {
			t.Errorf("an override: %v", m)
		}
	}
}

func TestInlineAnswersHaveAVeryHighLimit(t *testing.T) {
	s, _ := build(t, silent(t), limitedTo(100))
	packet, q := pack(t, question("mqtt.example.org.")), new(wire.Question)
	whole := 0
	for i := range 10_000 {
		m := new(dns.Msg)
		if out, ok := s.Inline(nil, q, packet, lanHost); !ok || m.Unpack(out) != nil {
			t.Fatalf("question %d is not answered", i)
		}
		if !m.Truncated {
			whole++
		}
	}
	if whole < 4000 || whole == 10_000 || s.Status().Queries.Limited != uint64(10_000-whole) {
		t.Errorf("%d whole answers, counted as %+v", whole, s.Status().Queries)
	}
}

func TestRefusalsToStrangersAreFew(t *testing.T) {
	s, _ := build(t, silent(t), nil)
	packet, q := pack(t, question("mqtt.example.org.")), new(wire.Question)
	from := func(addr string) (replies int) {
		for range 1000 {
			if _, ok := s.Inline(nil, q, packet, netip.MustParseAddr(addr)); ok {
				replies++
			}
		}
		return replies
	}
	if n := from("8.8.8.8"); n < 1 || n > 100 {
		t.Errorf("%d refusals leave for 1,000 questions", n)
	}
	if n := from("8.8.8.9"); n > 50 {
		t.Errorf("%d refusals leave for a neighbour in the same network", n)
	}
	if n := from("9.9.9.9"); n < 1 {
		t.Error("another network gets none")
	}
	if st := s.Status(); st.Queries.Refused != 3000 || st.Queries.Limited < 2700 {
		t.Errorf("counts are %+v", st.Queries)
	}
}

// fromLoopback asks from an address of loopback.
func fromLoopback(t testing.TB, h *house, local string) *net.UDPConn {
	t.Helper()
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(h.addr))
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(local)}, to)
	if err != nil {
		t.Skipf("this host has no %s: %v", local, err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patient))
	return conn
}

func TestOneClientsHangingQuestionsDoNotStarveTheOthers(t *testing.T) {
	const workers, hanging = 64, 10_000
	w := newWorld(t, "www.example.net. 300 IN A 11.22.33.44")
	w.hang("hang.example.net.")
	h := startWith(t, w.addr, func(c *dnsserver.Config) {
		c.Workers, c.Upstream, c.RateLimit = workers, waiting(t, time.Minute, w.addr), -1
	}, (*dnsserver.Server).LimitLoopback)
	greedy, reply := fromLoopback(t, h, "127.0.0.5"), make([]byte, 512)
	for i := range hanging {
		if _, err := greedy.Write(pack(t, question(fmt.Sprintf("n%d.hang.example.net.", i)))); err != nil {
			t.Fatal(err)
		}
		if i >= workers/2 { // its share is used up: each further one is told so at once
			n, err := greedy.Read(reply)
			if err != nil {
				t.Fatalf("question %d: %v", i, err)
			}
			if m := new(dns.Msg); m.Unpack(reply[:n]) != nil || m.Rcode != dns.RcodeServerFailure {
				t.Fatalf("question %d gets %v", i, m)
			}
		}
	}
	modest := fromLoopback(t, h, "127.0.0.6")
	if _, err := modest.Write(pack(t, question("www.example.net."))); err != nil {
		t.Fatal(err)
	}
	n, err := modest.Read(reply)
	if err != nil {
		t.Fatal(err)
	}
	if m := new(dns.Msg); m.Unpack(reply[:n]) != nil || len(m.Answer) != 1 {
		t.Errorf("the other client gets %v", m)
	}
}

func TestEverybodyBehindOneAddressIsSaid(t *testing.T) {
	ours := func(a netip.Addr) bool { return a == netip.MustParseAddr("172.17.0.2") }
	gateway := func(a netip.Addr) bool {
		return a == netip.MustParseAddr("172.17.0.1") || a == netip.MustParseAddr("192.168.1.1")
	}
	seen := func(addr string, n uint64) dnsserver.ClientSeen {
		return dnsserver.ClientSeen{Address: netip.MustParseAddr(addr), Queries: n}
	}
	for name, c := range map[string]struct {
		recent []dnsserver.ClientSeen
		want   string
	}{
		"Docker's bridge": {[]dnsserver.ClientSeen{seen("172.17.0.1", 500), seen("172.17.0.2", 3)},
			"all questions come from 172.17.0.1, Docker's bridge: host networking is needed to tell devices apart"},
		"the router": {[]dnsserver.ClientSeen{seen("192.168.1.1", 500)},
			"all questions come from 192.168.1.1, the gateway: it asks for the devices, which can be told apart only if its DHCP hands out this server's address"},
		"one device":       {[]dnsserver.ClientSeen{seen("192.168.1.7", 500)}, ""},
		"too few to judge": {[]dnsserver.ClientSeen{seen("172.17.0.1", 5)}, ""},
		"devices as well":  {[]dnsserver.ClientSeen{seen("172.17.0.1", 500), seen("192.168.1.7", 1)}, ""},
		"nobody":           {nil, ""},
	} {
		if got := dnsserver.Everybody(c.recent, ours, gateway); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	// And in the link, with the bridge guessed from our own network.
	s, _ := build(t, silent(t), func(c *dnsserver.Config) {
		c.OwnPrefixes = func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("172.30.0.0/16")} }
	})
	packet, q := pack(t, question("mqtt.example.org.")), new(wire.Question)
	for range 200 {
		s.Inline(nil, q, packet, netip.MustParseAddr("172.30.0.1"))
	}
	if e := s.Status().ClientsLink.Evidence; len(e) != 1 {
		t.Errorf("evidence is %q", e)
	}
}
