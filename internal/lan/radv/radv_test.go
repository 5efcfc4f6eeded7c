package radv_test

// Advertisements as routers write them, and as nobody should.

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/ipv6"

	"github.com/edgeguard/edgeguard/internal/lan/radv"
)

var router = netip.MustParseAddr("fe80::1%eth0")

// advertisement is one with these flags and options, whose lengths it puts in.
func advertisement(flags byte, options ...[]byte) []byte {
	b := []byte{134, 0, 0, 0, 64, flags, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0}
	return append(b, slices.Concat(options...)...)
}

func option(kind byte, lifetime uint32, body ...[]byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind, 0, 0, 0}, lifetime)
	b = append(b, slices.Concat(body...)...)
	b = append(b, make([]byte, (8-len(b)%8)%8)...)
	b[1] = byte(len(b) / 8)
	return b
}

func rdnss(lifetime uint32, servers ...string) []byte {
	var body []byte
	for _, s := range servers {
		body = append(body, netip.MustParseAddr(s).AsSlice()...)
	}
	return option(25, lifetime, body)
}

func TestParse(t *testing.T) {
	prefix := append([]byte{3, 4, 64, 0xc0}, make([]byte, 28)...)
	for name, c := range map[string]struct {
		message []byte
		want    string // other, DNS, how long, search; empty: not believed
	}{
		"nothing of DNS":    {advertisement(0, prefix), "false [] 0s []"},
		"a server":          {advertisement(0, prefix, rdnss(1800, "fd00::1")), "false [fd00::1] 30m0s []"},
		"two options":       {advertisement(0x40, rdnss(600, "fd00::1", "fe80::1"), rdnss(1200, "2001:db8::1", "fd00::1")), "true [fd00::1 fe80::1 2001:db8::1] 20m0s []"},
		"used no more":      {advertisement(0x80, rdnss(0, "fd00::1")), "true [] 0s []"},
		"for ever":          {advertisement(0, rdnss(1<<32-1, "fd00::1")), fmt.Sprint("false [fd00::1] ", radv.Forever, " []")},
		"no server's":       {advertisement(0, rdnss(600, "::", "ff02::1", "fd00::1")), "false [fd00::1] 10m0s []"},
		"domains":           {advertisement(0, option(31, 600, []byte("\x05fritz\x03box\x00\x03lan\x00"))), "false [] 0s [fritz.box lan]"},
		"domains cut":       {advertisement(0, option(31, 600, []byte("\x03lan\x00\x3fab"))), "false [] 0s [lan]"},
		"domains and evil":  {advertisement(0, option(31, 600, []byte("\x05\x1b[31m\x00"))), "false [] 0s [[31m]"},
		"half a server":     {advertisement(0, option(25, 600, make([]byte, 8))), "false [] 0s []"},
		"an empty option":   {advertisement(0, []byte{25, 0, 0, 0, 0, 0, 0, 0}), ""},
		"a cut option":      {advertisement(0, rdnss(600, "fd00::1"))[:30], ""},
		"too many options":  {advertisement(0, slices.Repeat([]byte{1, 1, 0, 0, 0, 0, 0, 0}, 65)), ""},
		"cut":               {advertisement(0)[:15], ""},
		"a solicitation":    {append([]byte{133}, advertisement(0)[1:]...), ""},
		"another code":      {append([]byte{134, 1}, advertisement(0)[2:]...), ""},
		"nothing":           {nil, ""},
		"more than we keep": {advertisement(0, rdnss(600, "fd00::1", "fd00::2", "fd00::3", "fd00::4", "fd00::5", "fd00::6", "fd00::7", "fd00::8", "fd00::9")), "false [fd00::1 fd00::2 fd00::3 fd00::4 fd00::5 fd00::6 fd00::7 fd00::8] 10m0s []"},
	} {
		a, ok := radv.Parse(c.message, router)
		got := fmt.Sprintf("%v %v %v %v", a.Other, a.DNS, a.DNSLifetime, a.Search)
		switch {
		case ok != (c.want != ""), ok && got != c.want:
			t.Errorf("%s: %q, %v, want %q", name, got, ok, c.want)
		case ok && (a.Router != router.WithZone("") || a.Lifetime != 30*time.Minute):
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// Only a neighbour can send with the hop limit 255, and a router speaks from its
// link-local address (RFC 4861, section 6.1.2).
func TestOnlyNeighboursAreBelieved(t *testing.T) {
	message := advertisement(0, rdnss(600, "fd00::1"))
	from := func(addr string) *net.IPAddr { return &net.IPAddr{IP: net.ParseIP(addr), Zone: "eth0"} }
	for _, c := range []struct {
		control *ipv6.ControlMessage
		from    net.Addr
		want    bool
	}{
		{&ipv6.ControlMessage{HopLimit: 255, IfIndex: 3}, from("fe80::1"), true},
		{&ipv6.ControlMessage{HopLimit: 254, IfIndex: 3}, from("fe80::1"), false},
		{nil, from("fe80::1"), false},
		{&ipv6.ControlMessage{HopLimit: 255, IfIndex: 3}, from("fd00::1"), false},
		{&ipv6.ControlMessage{HopLimit: 255, IfIndex: 3}, from("192.168.1.1"), false},
		{&ipv6.ControlMessage{HopLimit: 255, IfIndex: 3}, &net.UDPAddr{IP: net.ParseIP("fe80::1")}, false},
	} {
		if a, ok := radv.Believe(message, c.control, c.from); ok != c.want || ok && a.Interface != 3 {
			t.Errorf("%+v from %v: %+v, %v", c.control, c.from, a, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(advertisement(0x40, rdnss(600, "fd00::1", "2001:db8::1"), option(31, 600, []byte("\x05fritz\x03box\x00"))))
	f.Add(advertisement(0))
	f.Fuzz(func(t *testing.T, message []byte) {
		a, ok := radv.Parse(message, router)
		if !ok {
			return
		}
		if len(a.DNS) > radv.MaxDNS || len(a.Search) > radv.MaxSearch || (len(a.DNS) > 0) != (a.DNSLifetime > 0) || a.Lifetime < 0 {
			t.Errorf("believed is %+v", a)
		}
		for _, s := range a.DNS {
			if s.IsUnspecified() || s.IsMulticast() || s.Is4In6() {
				t.Errorf("a DNS server is %v", s)
			}
		}
		for _, s := range a.Search {
			if s != strings.TrimSpace(s) || len(s) > 253 || strings.ContainsAny(s, "\n\x1b") {
				t.Errorf("a domain is %q", s)
			}
		}
	})
}
