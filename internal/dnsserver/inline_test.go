package dnsserver_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

var lanHost = netip.MustParseAddr("192.168.1.77")

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func TestInlineAnswersDoNotAllocate(t *testing.T) {
	w := newWorld(t, "www.example.net. 300 IN A 11.22.33.44", "alias.example.net. 300 IN CNAME www.example.net.")
	w.add(t, "nas.example.org. 300 IN MX 10 mail.example.org.", "nas.fritz.box. 300 IN A 192.168.178.5", "ip.plex.direct. 300 IN A 192.168.1.5")
	h := start(t, w.addr, func(c *dnsserver.Config) {
		forwarding(t, w.addr, "fritz.box")(c)
		c.RebindAllow = []string{"plex.direct"}
		c.OwnPrefixes = func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")} }
	})
	h.zone.Store(built(t, zone.Config{Records: myRecords, Overrides: []zone.Override{mqtt, both, six, {Name: "*.example.com", V4: both.V4}}}))
	for _, c := range []struct {
		name  string
		qtype uint16
	}{
		{"mqtt.example.org.", dns.TypeA}, {"both.example.org.", dns.TypeAAAA}, {"mqtt.example.org.", dns.TypeHTTPS},
		{"10.1.168.192.in-addr.arpa.", dns.TypePTR}, {"printer.local.", dns.TypeA}, {"localhost.", dns.TypeA},
		{"www.example.net.", dns.TypeA}, {"alias.example.net.", dns.TypeA}, {"none.example.net.", dns.TypeA},
		{"nas.example.org.", dns.TypeA}, {"nas.example.org.", dns.TypeTXT}, {"nas.example.org.", dns.TypeMX}, {"_mqtt._tcp.example.org.", dns.TypeSRV},
		{"web.example.org.", dns.TypeA}, {"broker.example.org.", dns.TypeAAAA}, {"30.1.168.192.in-addr.arpa.", dns.TypePTR},
		{"any.example.com.", dns.TypeA}, {"nas.fritz.box.", dns.TypeA}, {"gns.alt.", dns.TypeA}, {"ip.plex.direct.", dns.TypeA},
	} {
		m := new(dns.Msg).SetQuestion(c.name, c.qtype).SetEdns0(1232, true)
		h.exchange("udp", m) // what comes from upstream is in the cache from here on
		packet, q, out, answered := pack(t, m), new(wire.Question), make([]byte, 0, wire.UDPSize), true
		if n := testing.AllocsPerRun(100, func() {
			var ok bool
			_, ok = h.Inline(out, q, packet, lanHost)
			answered = answered && ok
		}); n != 0 || !answered {
			t.Errorf("%s %s: %v allocations, answered inline %v", c.name, dns.TypeToString[c.qtype], n, answered)
		}
	}
}

func TestMalformedQuestions(t *testing.T) {
	s, _ := build(t, silent(t), nil)
	good := pack(t, new(dns.Msg).SetQuestion("a.example.", dns.TypeA))
	for name, c := range map[string]struct {
		packet []byte
		want   int
	}{
		"two questions": {append([]byte{1, 2, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0}, good[12:]...), dns.RcodeFormatError},
		"status":        {pack(t, &dns.Msg{MsgHdr: dns.MsgHdr{Opcode: dns.OpcodeStatus}}), dns.RcodeNotImplemented},
		"CHAOS":         {pack(t, &dns.Msg{Question: []dns.Question{{Name: "version.bind.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}}}), dns.RcodeRefused},
		"AXFR":          {pack(t, new(dns.Msg).SetAxfr("mqtt.example.org.")), dns.RcodeRefused},
		"override, CH":  {pack(t, &dns.Msg{Question: []dns.Question{{Name: "mqtt.example.org.", Qtype: dns.TypeA, Qclass: dns.ClassCHAOS}}}), dns.RcodeRefused},
	} {
		out, ok := s.Inline(nil, new(wire.Question), c.packet, lanHost)
		m := new(dns.Msg)
		if !ok || m.Unpack(out) != nil || m.Rcode != c.want {
			t.Errorf("%s: %v", name, m)
		}
	}
	for name, packet := range map[string][]byte{"short": good[:5], "response": pack(t, new(dns.Msg).SetReply(new(dns.Msg).SetQuestion("a.", 1)))} {
		if out, ok := s.Inline(nil, new(wire.Question), packet, lanHost); ok || len(out) != 0 {
			t.Errorf("%s is answered with % x", name, out)
		}
	}
	if got := s.Status().Queries; got.Malformed != 4 || got.Refused != 3 || got.Total != 7 {
		t.Errorf("counts are %+v", got)
	}
}

func TestACL(t *testing.T) {
	own := []netip.Prefix{netip.MustParsePrefix("2600:1:2:3::/64"), netip.MustParsePrefix("0.0.0.0/0")}
	s, _ := build(t, silent(t), func(c *dnsserver.Config) {
		c.Allow = []netip.Prefix{netip.MustParsePrefix("100.64.7.0/24"), netip.MustParsePrefix("::ffff:11.22.33.0/120")}
		c.OwnPrefixes = func() []netip.Prefix { return own }
	})
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "10.1.2.3": true, "172.31.255.1": true, "172.32.0.1": false, "192.168.1.1": true,
		"169.254.1.1": true, "fe80::1%eth0": true, "fd12::1": true, "::ffff:192.168.1.1": true, "::ffff:8.8.8.8": false,
		"100.64.0.1": false, "100.64.7.9": true, "11.22.33.44": true, "11.22.34.44": false, "8.8.8.8": false,
		"2600:1:2:3::9": true, "2600:1:2:4::9": false,
	} {
		if got := s.Permits(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s may ask: %v, want %v", addr, got, want)
		}
	}
	own = []netip.Prefix{netip.MustParsePrefix("2600:1:2:4::/64")}
	s.RefreshACL()
	if s.Permits(netip.MustParseAddr("2600:1:2:3::9")) || !s.Permits(netip.MustParseAddr("2600:1:2:4::9")) {
		t.Error("new own prefixes do not count after a refresh")
	}
	out, ok := s.Inline(nil, new(wire.Question), pack(t, new(dns.Msg).SetQuestion("mqtt.example.org.", dns.TypeA)), netip.MustParseAddr("8.8.8.8"))
	m := new(dns.Msg)
	if !ok || m.Unpack(out) != nil || m.Rcode != dns.RcodeRefused || len(m.Answer) != 0 {
		t.Errorf("a stranger gets %v", m)
	}
	if st := s.Status(); st.Queries.Refused != 1 || st.ClientsTotal != 0 {
		t.Errorf("a stranger is counted as %+v, %d clients", st.Queries, st.ClientsTotal)
	}
}

func TestClientsAreRememberedWithinABound(t *testing.T) {
	s, _ := build(t, silent(t), nil)
	packet := pack(t, new(dns.Msg).SetQuestion("mqtt.example.org.", dns.TypeA))
	ask := func(addr netip.Addr) { s.Inline(nil, new(wire.Question), packet, addr) }
	ask(netip.MustParseAddr("127.0.0.1"))
	if st := s.Status(); len(st.Clients) != 0 || st.ClientsTotal != 0 {
		t.Errorf("loopback is a client: %v", st.Clients)
	}
	for i := range 3 * dnsserver.MaxClients {
		ask(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	ask(lanHost)
	ask(netip.MustParseAddr("::ffff:192.168.1.77"))
	st := s.Status()
	if len(st.Clients) != 256 || st.ClientsTotal > dnsserver.MaxClients || st.ClientsTotal < dnsserver.MaxClients/2 {
		t.Errorf("%d clients are listed of %d", len(st.Clients), st.ClientsTotal)
	}
	if c := st.Clients[0]; c.Address != lanHost || c.Queries != 2 || time.Since(c.LastAt) > time.Hour {
		t.Errorf("the latest client is %+v", c)
	}
}

// inlineAnswer asks as a client and must be answered at once.
func inlineAnswer(t testing.TB, s *dnsserver.Server, name string, qtype uint16, client string) *dns.Msg {
	t.Helper()
	out, ok := s.Inline(nil, new(wire.Question), pack(t, new(dns.Msg).SetQuestion(name, qtype)), netip.MustParseAddr(client))
	m := new(dns.Msg)
	if !ok {
		t.Fatalf("%s %s is not answered at once", name, dns.TypeToString[qtype])
	}
	if err := m.Unpack(out); err != nil {
		t.Fatal(err)
	}
	return m
}
