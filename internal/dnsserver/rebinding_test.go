package dnsserver_test

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

var homePrefixes = []netip.Prefix{netip.MustParsePrefix("2600:1:2:3::/64"), netip.MustParsePrefix("198.51.100.0/29")}

func TestInside(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "127.255.0.9": true, "10.1.2.3": true, "172.16.0.1": true, "172.31.255.255": true, "192.168.0.1": true,
		"169.254.169.254": true, "0.0.0.0": true, "0.1.2.3": true, "100.64.0.1": true, "100.127.255.255": true, "255.255.255.255": true,
		"::": true, "::1": true, "fc00::1": true, "fd12::1": true, "fe80::1": true, "fec0::1": true,
		"::ffff:192.168.1.1": true, "::ffff:127.0.0.1": true, "::192.168.1.1": true, "64:ff9b::10.0.0.1": true, "64:ff9b::7f00:1": true,
		"64:ff9b:1::1": true, "2002:c0a8:101::1": true, "2600:1:2:3::9": true, "198.51.100.7": true, "64:ff9b::198.51.100.7": true,
		"::ffff:198.51.100.7": true,
		"11.22.33.44":         false, "172.15.0.1": false, "172.32.0.1": false, "100.63.0.1": false, "100.128.0.1": false, "198.51.100.8": false,
		"2600:1:2:4::9": false, "::ffff:8.8.8.8": false, "64:ff9b::8.8.8.8": false, "2002:808:808::1": false, "2001:db8::1": false, "1.0.0.127": false,
	} {
		if got := dnsserver.Inside(netip.MustParseAddr(addr), homePrefixes); got != want {
			t.Errorf("%s is inside: %v", addr, got)
		}
	}
}

func TestAnswersThatLeadIntoTheHouseAreRefused(t *testing.T) {
	w := newWorld(t,
		"evil.example.net. 300 IN A 11.22.33.44", "evil.example.net. 300 IN A 192.168.1.1", "evil.example.net. 300 IN AAAA fd00::1",
		"mapped.example.net. 300 IN AAAA 64:ff9b::c0a8:101", "own.example.net. 300 IN AAAA 2600:1:2:3::9",
		"hint.example.net. 300 IN HTTPS 1 . alpn=h2 ipv4hint=11.22.33.44,127.0.0.1", "hint6.example.net. 300 IN SVCB 1 x.example.net. ipv6hint=fe80::1",
		"alias.example.net. 300 IN CNAME evil.example.net.", "toallowed.example.net. 300 IN CNAME ip.plex.direct.",
		"ip.plex.direct. 300 IN A 192.168.1.5", "good.example.net. 300 IN A 11.22.33.44", "2.0.0.127.rbl.example.net. 300 IN A 127.0.0.2",
		`evil.example.net. 300 IN TXT "192.168.1.1"`, "home.example.net. 300 IN CNAME mqtt.example.org.", "mqtt.example.org. 300 IN A 192.168.7.7")
	h := start(t, w.addr, func(c *dnsserver.Config) {
		c.RebindAllow, c.OwnPrefixes = []string{"Plex.direct."}, func() []netip.Prefix { return homePrefixes }
	})
	for range 2 { // from upstream, then from the cache
		for name, qtype := range map[string]uint16{
			"Evil.example.net.": dns.TypeA, "mapped.example.net.": dns.TypeAAAA, "own.example.net.": dns.TypeAAAA, "hint.example.net.": dns.TypeHTTPS,
			"hint6.example.net.": dns.TypeSVCB, "alias.example.net.": dns.TypeA, "toallowed.example.net.": dns.TypeA, "2.0.0.127.rbl.example.net.": dns.TypeA,
		} {
			wantNoData(t, h.ask(name, qtype), name)
		}
		for name, want := range map[string]string{"IP.Plex.Direct.": "192.168.1.5", "good.example.net.": "11.22.33.44", "home.example.net.": "192.168.1.10"} {
			if got := addresses(h.ask(name, dns.TypeA).Answer); !slices.Equal(got, []string{want}) {
				t.Errorf("%s is %v, want %s", name, got, want)
			}
		}
		if m := h.ask("evil.example.net.", dns.TypeTXT); len(m.Answer) != 1 {
			t.Errorf("a text is %v", m)
		}
	}
	if got := h.Status().Queries; got.Rebind != 8 {
		t.Errorf("%d answers are counted as refused, want 8", got.Rebind)
	}
	if w.count("evil.example.net.", dns.TypeA) != 1 {
		t.Error("a refused answer is asked for again")
	}
}

func TestRebindProtectionIsSwitched(t *testing.T) {
	w := newWorld(t, "evil.example.net. 300 IN A 192.168.1.1")
	h := start(t, w.addr, func(c *dnsserver.Config) { c.NoRebindProtection = true })
	if got := addresses(h.ask("evil.example.net.", dns.TypeA).Answer); len(got) != 1 || h.Status().Queries.Rebind != 0 {
		t.Errorf("without protection: %v", got)
	}
}

func TestUnaskedAddressesInsideAreLeftOut(t *testing.T) {
	m := new(dns.Msg).SetQuestion("example.net.", dns.TypeMX)
	m.Response = true
	for i, text := range []string{"example.net. 300 IN MX 10 mail.example.net.", "mail.example.net. 300 IN A 192.168.1.1"} {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			m.Answer = append(m.Answer, rr)
		} else {
			m.Extra = append(m.Extra, rr)
		}
	}
	s, _ := build(t, silent(t), nil)
	out := filtered(t, s, m)
	if len(out.Answer) != 1 || len(out.Extra) != 0 {
		t.Errorf("the answer is %v", out)
	}
}

// filtered passes a reply through the filter.
func filtered(t testing.TB, s *dnsserver.Server, m *dns.Msg) *dns.Msg {
	t.Helper()
	q := new(wire.Question)
	if wire.Parse(q, pack(t, new(dns.Msg).SetQuestion(m.Question[0].Name, m.Question[0].Qtype))) != wire.Good {
		t.Skip("no question")
	}
	r, err := wire.NewResponse(pack(t, m))
	if err != nil {
		t.Skip("no response")
	}
	kept, err := s.Filter(q, r)
	if err != nil {
		t.Fatal(err)
	}
	out := new(dns.Msg)
	if err := out.Unpack(kept.Append(nil, q, 0, wire.MaxMessage)); err != nil {
		t.Fatalf("what the filter made cannot be read: %v", err)
	}
	return out
}

// FuzzRebindingFilter holds that no address inside gets through, whatever the
// records and wherever they stand, and that an answer without one is untouched.
// Which addresses are inside is told by a second way.
func FuzzRebindingFilter(f *testing.F) {
	f.Add([]byte{11, 22, 33, 44}, []byte{192, 168, 1, 1}, uint8(0))
	f.Add([]byte{127, 0, 0, 1}, []byte{8, 8, 8, 8}, uint8(3))
	f.Add([]byte(net.ParseIP("64:ff9b::a00:1")), []byte{8, 8, 8, 8}, uint8(5))
	f.Add([]byte(net.ParseIP("::ffff:10.0.0.1")), []byte(net.ParseIP("fd00::1")), uint8(14))
	s, _ := build(f, silent(f), func(c *dnsserver.Config) { c.OwnPrefixes = func() []netip.Prefix { return homePrefixes } })
	f.Fuzz(func(t *testing.T, one, two []byte, shape uint8) {
		m := new(dns.Msg).SetQuestion("www.example.net.", dns.TypeA)
		m.Response = true
		bad := false
		for i, octets := range [][]byte{one, two} {
			addr, ok := netip.AddrFromSlice(octets)
			if !ok {
				return
			}
			bits := shape >> (4 * i)
			h := dns.RR_Header{Name: "www.example.net.", Class: dns.ClassINET, Ttl: 300}
			var rr dns.RR
			switch {
			case bits&1 == 0 && addr.Is4():
				h.Rrtype = dns.TypeA
				rr = &dns.A{Hdr: h, A: octets}
			case bits&1 == 0:
				h.Rrtype = dns.TypeAAAA
				rr = &dns.AAAA{Hdr: h, AAAA: octets}
			case addr.Is4():
				h.Rrtype = dns.TypeHTTPS
				rr = &dns.HTTPS{SVCB: dns.SVCB{Hdr: h, Priority: 1, Target: ".", Value: []dns.SVCBKeyValue{&dns.SVCBIPv4Hint{Hint: []net.IP{octets}}}}}
			default:
				h.Rrtype = dns.TypeSVCB
				if net.IP(octets).To4() != nil {
					return // miekg/dns packs no such hint
				}
				rr = &dns.SVCB{Hdr: h, Priority: 1, Target: "x.example.net.", Value: []dns.SVCBKeyValue{&dns.SVCBAlpn{Alpn: []string{"h2"}}, &dns.SVCBIPv6Hint{Hint: []net.IP{octets}}}}
			}
			if bits&2 == 0 {
				m.Answer = append(m.Answer, rr)
			} else {
				m.Extra = append(m.Extra, rr)
			}
			bad = bad || slowInside(octets)
		}
		out := filtered(t, s, m)
		for _, rr := range slices.Concat(out.Answer, out.Extra) {
			for _, octets := range octetsOf(rr) {
				if slowInside(octets) {
					t.Fatalf("%v gets through", rr)
				}
			}
		}
		if !bad && (len(out.Answer) != len(m.Answer) || len(out.Extra) != len(m.Extra)) {
			t.Fatalf("%v became %v", m, out)
		}
	})
}

func octetsOf(rr dns.RR) (list [][]byte) {
	hints := func(s dns.SVCB) {
		for _, kv := range s.Value {
			switch v := kv.(type) {
			case *dns.SVCBIPv4Hint:
				for _, ip := range v.Hint {
					list = append(list, ip.To4())
				}
			case *dns.SVCBIPv6Hint:
				for _, ip := range v.Hint {
					list = append(list, ip.To16())
				}
			}
		}
	}
	switch v := rr.(type) {
	case *dns.A:
		return [][]byte{v.A.To4()}
	case *dns.AAAA:
		return [][]byte{v.AAAA.To16()}
	case *dns.HTTPS:
		hints(v.SVCB)
	case *dns.SVCB:
		hints(*v)
	}
	return list
}

// slowInside tells by net.IP what is inside.
func slowInside(octets []byte) bool {
	ip := net.IP(octets)
	for _, p := range homePrefixes {
		_, n, _ := net.ParseCIDR(p.String())
		if len(n.IP) == len(octets) && n.Contains(ip) {
			return true
		}
	}
	if len(octets) == 4 {
		_, cgnat, _ := net.ParseCIDR("100.64.0.0/10")
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || octets[0] == 0 || ip.Equal(net.IPv4bcast) || cgnat.Contains(ip)
	}
	for _, form := range []struct {
		cidr string
		at   int
	}{{"::/96", 12}, {"64:ff9b::/96", 12}, {"2002::/16", 2}} {
		if _, n, _ := net.ParseCIDR(form.cidr); n.Contains(ip) && slowInside(octets[form.at:form.at+4]) {
			return true
		}
	}
	if four := ip.To4(); four != nil {
		return slowInside(four)
	}
	_, site, _ := net.ParseCIDR("fec0::/10")
	_, nat64, _ := net.ParseCIDR("64:ff9b:1::/48")
	return ip.IsLoopback() || ip.IsUnspecified() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || site.Contains(ip) || nat64.Contains(ip)
}
