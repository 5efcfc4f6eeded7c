package config

// [dns] and [status]: where to listen, whom to ask, who may ask.

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// dns reads [dns].
func (b *builder) dns(raw rawDNS, c *Config) {
	b.dnsListen(raw, c)
	b.upstreams(raw, c)
	b.dnsTransport(raw, c)
	seen := map[netip.Prefix]bool{}
	for _, t := range raw.Allow.v {
		p, err := parsePrefix(t.v)
		switch {
		case err != nil:
			b.fail(t.at, "%v", err)
			continue
		case p.Bits() == 0:
			b.warn(t.at, "%s lets everybody ask; where the internet can reach this port, strangers will use it to attack others, so name only networks you know", p)
		}
		if !seen[p] {
			seen[p] = true
			c.DNS.Allow = append(c.DNS.Allow, p)
		}
	}
	c.DNS.CacheBytes = b.number(raw.CacheBytes, defaultCacheBytes, 0, 1<<30, "bytes, 0 for no cache")
	if c.DNS.CacheBytes == 0 {
		c.DNS.CacheBytes = -1 // in dnsserver 0 is the default
	}
	b.dnsCache(raw, c)
	c.DNSTTL = time.Duration(b.number(raw.TTLSeconds, defaultTTL, 1, 86400, "seconds")) * time.Second
}

func (b *builder) dnsListen(raw rawDNS, c *Config) {
	var places []origin
	for _, t := range b.list(raw.Listen, defaultDNSListen) {
		l, err := ParseListen(t.v)
		if err != nil {
			b.fail(t.at, "%v", err)
			continue
		}
		same := slices.IndexFunc(c.DNSListen, func(other Listen) bool { return l.covers(other) || other.covers(l) })
		if same >= 0 {
			b.fail(t.at, "%s and %s, %s, hold the same address; nobody can listen on it twice, so take one out", l, c.DNSListen[same], places[same])
			continue
		}
		c.DNSListen, places = append(c.DNSListen, l), append(places, t.at)
	}
}

// covers reports whether listening on l takes other too, as far as that is
// known before the LAN address is.
func (l Listen) covers(other Listen) bool {
	switch {
	case l.Port != other.Port || l.Port == 0:
		return false
	case l.LAN:
		return other.LAN
	case !l.Addr.IsValid():
		return true
	case l.Addr == netip.IPv4Unspecified() && other.Addr.IsValid():
		return other.Addr.Is4()
	case l.Addr == netip.IPv6Unspecified() && other.Addr.IsValid():
		return other.Addr.Is6()
	}
	return l.Addr == other.Addr || l.Addr == netip.IPv4Unspecified() && other.LAN
}

// holds reports whether asking server would ask l, as far as that is known
// before the LAN address is.
func (l Listen) holds(server netip.AddrPort) bool {
	if l.LAN || l.Port != server.Port() {
		return false
	}
	every := !l.Addr.IsValid() || l.Addr.IsUnspecified()
	return l.Addr == server.Addr() || every && server.Addr().IsLoopback()
}

// listen reads one HOST:PORT.
func (b *builder) listen(t text, absent string) Listen {
	if !t.ok {
		t.v = absent
	}
	l, err := ParseListen(t.v)
	if err != nil {
		b.fail(t.at, "%v", err)
	}
	return l
}

// parsePrefix reads a prefix or a single address.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf(`%s is neither a network nor an address; write it like "10.8.0.0/24" or "10.8.0.2"`, show(text))
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf(`%s is no network of IPv4; write it like "10.8.0.0/24"`, show(text))
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}
