package dnsserver_test

// What is answered at once against the slow reference, on any question.

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// comparison is a server with its reference.
type comparison struct {
	s       *dnsserver.Server
	slow    *slow
	clients []netip.Addr
}

// compared returns a server whose zone has every kind of name.
func compared(t testing.TB) *comparison {
	t.Helper()
	cfg := zone.Config{
		Overrides: []zone.Override{mqtt, both, six, {Name: "*.example.com", V4: both.V4}, {Name: "mqtt.home.arpa", V4: mqtt.V4},
			{Name: "*.wild.example.org", V6: six.V6}, {Name: "www.wild.example.org", V4: both.V4}, {Name: "a.lot.example.org", V6: many(16)}},
		Records: append(slices.Clone(myRecords), rec("printer.example.org", "CNAME", "printer.local"), rec("self.example.org", "CNAME", "localhost"),
			rec("home.example.org", "CNAME", "mqtt.home.arpa"), rec("lots.example.org", "CNAME", "a.lot.example.org"),
			rec("back.example.org", "CNAME", "10.1.168.192.in-addr.arpa"), rec("any.example.org", "SRV", "0 0 1 ."), rec("any.example.org", "TXT", "x")),
	}
	own := []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("fd00::/64")}
	s, local := build(t, silent(t), func(c *dnsserver.Config) {
		c.RateLimit, c.OwnPrefixes = -1, func() []netip.Prefix { return own }
	})
	local.Store(built(t, cfg))
	return &comparison{s, newSlow(cfg, own), []netip.Addr{lanHost, netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("::ffff:192.168.1.9"),
		netip.MustParseAddr("fd00::9"), netip.MustParseAddr("172.16.5.5"), netip.MustParseAddr("fe80::9%eth0")}}
}

// many returns so many addresses, every second of them on fd00::/64.
func many(n int) (list []netip.Addr) {
	for i := range n {
		list = append(list, netip.AddrFrom16([16]byte{0: 0xfd, 2: byte(i % 2), 15: byte(i + 100)}))
	}
	return list
}

// check asks with packet and holds the reply against the reference.
func (c *comparison) check(t rapid.TB, packet []byte, client netip.Addr) {
	t.Helper()
	q := new(wire.Question)
	outcome := wire.Parse(new(wire.Question), packet)
	out, ok := c.s.Inline([]byte("xx"), q, packet, client)
	rcode, formed := map[wire.Outcome]int{wire.Bad: dns.RcodeFormatError, wire.Unsupported: dns.RcodeNotImplemented,
		wire.Version: dns.RcodeBadVers, wire.OnlyCookie: dns.RcodeSuccess}[outcome]
	got := new(dns.Msg)
	switch {
	case outcome == wire.Drop:
		if ok {
			t.Fatalf("% x is answered", packet)
		}
		return
	case ok:
		if err := got.Unpack(out[2:]); err != nil {
			t.Fatalf("unpacking the reply to % x: %v", packet, err)
		}
	}
	if formed {
		if !ok || got.Rcode != rcode || len(got.Answer)+len(got.Ns) != 0 || got.Id != q.ID || !got.Response {
			t.Fatalf("% x is answered with %v", packet, got)
		}
		return
	}
	asked := new(dns.Msg)
	if err := asked.Unpack(withoutEDNS(packet, q)); err != nil {
		t.Fatalf("unpacking % x: %v", packet, err)
	}
	want := c.slow.answer(asked, client.Unmap().WithZone(""))
	if ok != (want != nil) {
		t.Fatalf("%v is answered at once: %v with %v, want %v", asked, ok, got, want)
	}
	if want == nil {
		return
	}
	limit := 512
	if q.EDNS {
		want.SetEdns0(wire.UDPSize, q.DO)
		limit = min(max(int(q.UDPSize), 512), wire.UDPSize)
	}
	if client, _ := q.Cookie(); client != nil {
		theirs := cookieOf(got)
		if len(theirs) != 48 || !strings.HasPrefix(theirs, hexOf(client)) {
			t.Fatalf("the cookie is %q for %x", theirs, client)
		}
		want.IsEdns0().Option = got.IsEdns0().Option // what the server's part says is the jar's
	}
	if len(out)-2 > limit {
		t.Fatalf("%d octets for a client that takes %d", len(out)-2, limit)
	}
	if sizeOf(want) > limit {
		want.Truncated, want.Answer, want.Ns = true, nil, nil
	}
	if got.String() != want.String() {
		t.Fatalf("for %s got\n%v\nwant\n%v", client, got, want)
	}
}

// withoutEDNS returns a question without its OPT record.
func withoutEDNS(packet []byte, q *wire.Question) []byte {
	packet = bytes.Clone(packet[:wire.HeaderLen+len(q.Name())+4])
	packet[11] = 0
	return packet
}

func hexOf(octets []byte) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, o := range octets {
		b.WriteByte(digits[o>>4])
		b.WriteByte(digits[o&15])
	}
	return b.String()
}

// sizeOf returns the octets of a message in which owners, but for those within
// a row of CNAME records, and MNAME are pointers, and no other name is.
func sizeOf(m *dns.Msg) int {
	length := func(name string) int { n, _ := dns.PackDomainName(name, make([]byte, 256), 0, nil, false); return n }
	size := wire.HeaderLen + length(m.Question[0].Name) + 4
	for i, rr := range slices.Concat(m.Answer, m.Ns, m.Extra) {
		octets := make([]byte, 1<<14)
		n, err := dns.PackRR(rr, octets, 0, nil, false)
		if err != nil {
			panic(err)
		}
		size += n
		if _, opt := rr.(*dns.OPT); opt {
			continue
		}
		if _, alias := rr.(*dns.CNAME); !alias || i == 0 {
			size += 2 - length(rr.Header().Name)
		}
		if soa, ok := rr.(*dns.SOA); ok {
			size += 2 - length(soa.Ns)
		}
	}
	return size
}

// names lists names that are the zone's or special, and such as nearly are.
func (c *comparison) names() (names []string) {
	names = slices.Concat(slowDenied, slowOthers, []string{"example.com.", "example.net.", "mask.icloud.com.", "."})
	for name := range c.slow.records {
		names = append(names, strings.TrimPrefix(name, "*."))
	}
	for name := range c.slow.above {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

var askedTypes = []uint16{1, 28, 255, 65, 64, 5, 39, 16, 33, 12, 257, 2, 43, 6, 15, 41, 0, 249, 250, 251, 252, 253, 254, 65280}

// drawQuestion draws a packed question, mostly about one of names.
func drawQuestion(rt *rapid.T, names []string) []byte {
	text := rapid.SampledFrom(names).Draw(rt, "name")
	for range rapid.IntRange(0, 2).Draw(rt, "labels below") {
		text = strings.TrimSuffix(rapid.SampledFrom([]string{"a", "_b", "*", "xn--ab", "1"}).Draw(rt, "label")+"."+text, ".") + "."
	}
	if rapid.IntRange(0, 9).Draw(rt, "cut") == 0 && len(text) > 2 {
		text = strings.TrimPrefix(text[1:], ".")
	}
	name := []byte(text)
	for i, c := range name {
		if 'a' <= c && c <= 'z' && rapid.Bool().Draw(rt, "upper") {
			name[i] -= 'a' - 'A'
		}
	}
	r := new(dns.Msg)
	r.Id, r.RecursionDesired, r.CheckingDisabled = rapid.Uint16().Draw(rt, "ID"), rapid.Bool().Draw(rt, "RD"), rapid.Bool().Draw(rt, "CD")
	r.AuthenticatedData, r.Zero, r.Authoritative = rapid.Bool().Draw(rt, "AD"), rapid.Bool().Draw(rt, "Z"), rapid.Bool().Draw(rt, "AA")
	class := rapid.SampledFrom([]uint16{1, 1, 1, 1, 1, 1, 3, 254, 255}).Draw(rt, "class")
	r.Question = []dns.Question{{Name: string(name), Qtype: rapid.SampledFrom(askedTypes).Draw(rt, "type"), Qclass: class}}
	if rapid.Bool().Draw(rt, "EDNS") {
		opt := r.SetEdns0(rapid.Uint16().Draw(rt, "size"), rapid.Bool().Draw(rt, "DO")).IsEdns0()
		opt.SetVersion(uint8(max(0, rapid.IntRange(-9, 1).Draw(rt, "version"))))
		for range rapid.IntRange(0, 3).Draw(rt, "options") {
			code := rapid.SampledFrom([]uint16{dns.EDNS0COOKIE, dns.EDNS0TCPKEEPALIVE, dns.EDNS0NSID, dns.EDNS0PADDING, 65001}).Draw(rt, "code")
			data := rapid.SliceOfN(rapid.Byte(), 0, 48).Draw(rt, "data")
			if code == dns.EDNS0COOKIE && rapid.Bool().Draw(rt, "whole") {
				data = append(data, make([]byte, 8)...)[:8]
			}
			opt.Option = append(opt.Option, &dns.EDNS0_LOCAL{Code: code, Data: data})
		}
	}
	packed, err := r.Pack()
	if err != nil {
		rt.Skip("not a question that can be packed")
	}
	return packed
}

func TestInlineAgreesWithASlowReference(t *testing.T) {
	c := compared(t)
	names := c.names()
	rapid.Check(t, func(rt *rapid.T) {
		for range 20 {
			c.check(rt, drawQuestion(rt, names), rapid.SampledFrom(c.clients).Draw(rt, "client"))
		}
	})
}

// FuzzInline holds every answer at once against the reference, on any octets.
func FuzzInline(f *testing.F) {
	c := compared(f)
	for i, name := range c.names() {
		m := new(dns.Msg).SetQuestion(name, askedTypes[i%len(askedTypes)])
		if i%2 == 0 {
			m.SetEdns0(uint16(i*10), i%4 == 0)
		}
		f.Add(pack(f, m), byte(i))
	}
	f.Add(pack(f, withCookie(question("mqtt.example.org."), clientCookie)), byte(0))
	f.Fuzz(func(t *testing.T, packet []byte, client byte) {
		c.check(t, packet, c.clients[int(client)%len(c.clients)])
	})
}
