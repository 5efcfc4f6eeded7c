package config

// The lower half of the addresses that AAAA records say, as in RFC 4291,
// section 2.5.1: the home's prefix comes and goes, the interface identifier of
// the device stays.

import (
	"net/netip"
	"slices"
	"strings"
)

// ipv6Host reads ipv6_host; the zero Addr where there is none.
func (b *builder) ipv6Host(t text, types []string) netip.Addr {
	if !t.ok {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(t.v)
	const form = `write the last four groups of the device's IPv6 address, such as "::1a2b:3cff:fe4d:5e6f"`
	switch {
	case !slices.Contains(types, typeAAAA):
		b.fail(t.at, `this is for the AAAA record; write types = ["A", "AAAA"], or take this key out`)
	case err != nil, !addr.Is6(), addr.Is4In6(), addr.Zone() != "":
		b.fail(t.at, "%s is not the lower half of an IPv6 address; %s", show(t.v), form)
	case upperHalf(addr) != [8]byte{}:
		b.fail(t.at, "%s has an upper half, which the internet provider gives and changes; %s", addr, form)
	case lowerHalf(addr) == netip.IPv6Unspecified():
		b.fail(t.at, "%s is no device; %s", addr, form)
	default:
		return addr
	}
	return netip.Addr{}
}

// hosts gives the AAAA records without an ipv6_host the lower half of their
// service's IPv6 address, where it is known.
func (b *builder) hosts(raw []rawDDNS, c *Config) {
	for i := range c.DDNS.Records {
		rec := &c.DDNS.Records[i]
		if rec.Type != typeAAAA || rec.Host.IsValid() || rec.Domain == "" || raw[b.tableOf[i]].IPv6Host.given {
			continue
		}
		at := slices.IndexFunc(c.Services, func(s Service) bool {
			return slices.Contains(s.Names, rec.Domain) || slices.Contains(s.Wildcards, rec.Domain)
		})
		if at < 0 {
			continue
		}
		addr := c.Services[at].LANIPv6
		if own := c.Services[at].Address.Addr(); own.Is6() {
			addr = own
		}
		if !addr.Is6() || addr.Is4In6() || !localOrGlobal(addr) {
			continue
		}
		rec.Host = lowerHalf(addr)
		if uniqueLocal.Contains(addr) {
			b.warn(raw[b.tableOf[i]].keyOf("ipv6_host"), "the AAAA record of %s will end in %s, the lower half of its service's local address %s; many devices have another one in their public address, so look there and write ipv6_host",
				show(rec.Domain), strings.TrimPrefix(rec.Host.String(), "::"), addr)
		}
	}
}

func upperHalf(a netip.Addr) (half [8]byte) {
	all := a.As16()
	copy(half[:], all[:8])
	return half
}

// lowerHalf is a with its first 64 bits zero.
func lowerHalf(a netip.Addr) netip.Addr {
	all := a.As16()
	clear(all[:8])
	return netip.AddrFrom16(all)
}
