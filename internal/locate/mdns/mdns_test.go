package mdns_test

// Messages of multicast DNS, right ones and others. Asking and hearing in a real
// network is in test/lab.

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/locate/mdns"
	"github.com/miekg/dns"
)

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func a(name, addr string, ttl uint32) dns.RR {
	// The top bit of the class asks that caches be flushed (section 10.2).
	return &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET | 1<<15, Ttl: ttl}, A: net.ParseIP(addr)}
}

func message(response bool, answers ...dns.RR) *dns.Msg {
	m := new(dns.Msg)
	m.Response = response
	m.Answer = answers
	return m
}

func TestParse(t *testing.T) {
	one, two := netip.MustParseAddr("192.168.1.10"), netip.MustParseAddr("192.168.1.11")
	extra := message(true)
	extra.Extra = []dns.RR{a("broker.local.", "192.168.1.10", 120)}
	for name, c := range map[string]struct {
		data  []byte
		addrs []netip.Addr
		ttl   time.Duration
	}{
		"one":        {pack(t, message(true, a("Broker.LOCAL.", "192.168.1.10", 120))), []netip.Addr{one}, 2 * time.Minute},
		"two":        {pack(t, message(true, a("broker.local.", "192.168.1.10", 120), a("broker.local.", "192.168.1.11", 10))), []netip.Addr{one, two}, 10 * time.Second},
		"additional": {pack(t, extra), []netip.Addr{one}, 2 * time.Minute},
		"another":    {pack(t, message(true, a("other.local.", "192.168.1.10", 120))), nil, 0},
		"goodbye":    {pack(t, message(true, a("broker.local.", "192.168.1.10", 0))), nil, 0},
		"a question": {pack(t, message(false, a("broker.local.", "192.168.1.10", 120))), nil, 0},
		"garbage":    {[]byte("\x00\x00\x84\x00\xff\xff"), nil, 0},
		"nothing":    {nil, nil, 0},
	} {
		got := mdns.Parse(c.data, "broker.local")
		if !slices.Equal(got.Addrs, c.addrs) || got.TTL != c.ttl {
			t.Errorf("%s: %+v, want %v for %v", name, got, c.addrs, c.ttl)
		}
	}
}

func TestParseIsBounded(t *testing.T) {
	m := message(true)
	for i := range 400 {
		m.Answer = append(m.Answer, a("broker.local.", netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), 120))
	}
	m.Compress = true
	if got := mdns.Parse(pack(t, m), "broker.local"); len(got.Addrs) != 8 {
		t.Errorf("%d addresses", len(got.Addrs))
	}
}

func TestAskEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := mdns.Ask(ctx, "nobody-is-called-this.local"); err == nil {
		t.Errorf("an answer without asking: %+v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(pack(f, message(true, a("broker.local.", "192.168.1.10", 120))))
	f.Add([]byte("\x00\x00\x84\x00\x00\x00\xff\xff\x00\x00\x00\x00\xc0\x0c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := mdns.Parse(data, "broker.local")
		if len(got.Addrs) > 8 || len(got.Addrs) > 0 && got.TTL <= 0 {
			t.Errorf("%+v", got)
		}
		for _, addr := range got.Addrs {
			if !addr.Is4() {
				t.Errorf("%v", addr)
			}
		}
	})
}
