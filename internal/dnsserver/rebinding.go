package dnsserver

// Refusing what would make a browser attack the house: a name of the outside
// world with an address inside (DNS rebinding).

import (
	"fmt"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// rebindTTL is for how many seconds a refused answer is remembered: a person
// who exempts the name should not wait long.
const rebindTTL = 60

// insidePrefixes are addresses that no name of the outside world should have,
// beside the ones netip.Addr knows.
var insidePrefixes = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), // this host, to many systems
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), // RFC 6598
	netip.MustParsePrefix("255.255.255.255/32"),
	netip.MustParsePrefix("::/127"), // unspecified and loopback
	netip.MustParsePrefix("fc00::/7"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("fec0::/10"),      // RFC 3879, as some systems still use it
	netip.MustParsePrefix("64:ff9b:1::/48"), // RFC 8215: a translator of the house's own
}

// embedded are the ways to write an IPv4 address as an IPv6 one, each with the
// octet at which the IPv4 address starts.
var embedded = []struct {
	netip.Prefix
	at int
}{
	{netip.MustParsePrefix("::ffff:0:0/96"), 12}, // RFC 4291, section 2.5.5.2
	{netip.MustParsePrefix("::/96"), 12},         // RFC 4291, section 2.5.5.1
	{netip.MustParsePrefix("64:ff9b::/96"), 12},  // RFC 6052, section 2.1
	{netip.MustParsePrefix("2002::/16"), 2},      // RFC 3056, section 2
}

// inside reports whether addr leads into the house, or to the client itself.
func inside(addr netip.Addr, own []netip.Prefix) bool {
	if addr.Is6() {
		octets := addr.As16()
		for _, e := range embedded {
			v4 := netip.AddrFrom4([4]byte(octets[e.at:]))
			if holds(e.Prefix, octets) && inside(v4, own) {
				return true
			}
		}
		addr = netip.AddrFrom16(octets).Unmap()
	}
	return contains(insidePrefixes, addr) || contains(own, addr)
}

// holds is Contains for the octets of an IPv6 address: netip keeps 4-in-6
// addresses out of IPv6 prefixes.
func holds(p netip.Prefix, octets [16]byte) bool {
	base := p.Addr().As16()
	for i := range p.Bits() / 8 {
		if base[i] != octets[i] {
			return false
		}
	}
	return true
}

// newRebindExempt returns the names whose answers, and those of names below them,
// may lead inside. The owner of the address does not count: anybody can point an
// alias at an exempt name.
func newRebindExempt(names []string) (*suffixes[bool], error) {
	exempt := make(map[string]bool)
	for _, name := range names {
		key, err := wire.PackName(name)
		if err != nil {
			return nil, fmt.Errorf("exempting a name from the rebinding filter: %w", err)
		}
		exempt[string(key)] = true
	}
	return newSuffixes(exempt), nil
}

// filters reports whether the answer to q has to pass filter.
func (r *rules) filters(q *wire.Question, local *zone.Zone) bool {
	if r.cfg.NoRebindProtection {
		return false
	}
	exempt, _, _, _ := r.exempt.find(q, 0)
	return !exempt && !local.LedTo(q)
}

// filter returns upstream's response to q as it may be kept and passed on, and
// whether that differs. One address inside spoils the whole answer, as to mix
// it with others is the attack itself: it becomes NODATA, as NXDOMAIN would
// deny the name's other types and the names below it (RFC 8020), and a failure
// would send clients to ask again and elsewhere. Additional records that nobody
// asked for are just left out.
func (r *rules) filter(q *wire.Question, local *zone.Zone, resp *wire.Response) (*wire.Response, bool, error) {
	own := r.viewOf(netip.Addr{}).Own
	var answer, additional bool
	for a := range resp.Addresses {
		if !inside(a.Addr, own) || a.OwnedBy(resp, local) { // Bend drops those
			continue
		}
		answer, additional = answer || !a.Additional, additional || a.Additional
	}
	switch {
	case answer:
		resp, err := wire.NoData(q, rebindTTL)
		return resp, true, err
	case additional:
		resp, err := withoutAdditional(resp)
		return resp, true, err
	}
	return resp, false, nil
}

// withoutAdditional returns r without its additional section.
func withoutAdditional(r *wire.Response) (*wire.Response, error) {
	var m dns.Msg
	if err := m.Unpack(r.Packed()); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	m.Extra, m.Compress = nil, true
	packed, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("packing the answer: %w", err)
	}
	return wire.NewResponse(packed)
}
