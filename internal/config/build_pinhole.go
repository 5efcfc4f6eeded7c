package config

// Pinholes: which services are reached at an IPv6 address of their own.

import (
	"net/netip"
	"slices"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Internal is where the pinhole leads. Current is what Record is to say now, and
// of no account where there is no Record. While that is unknown, the config's
// Address stands; the zero AddrPort means that there is nothing to let through
// to, or that it is not known yet.
func (p Pinhole) Internal(current fact.Observation) netip.AddrPort {
	addr := p.Address
	if p.Record != "" && current.State != fact.Unknown {
		addr = current.Addr
	}
	if !globalUnicast.Contains(addr) {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, p.Port)
}

// servicePinholes lists the services with a global IPv6 address, be it their
// own, their lan_ipv6 or that of an AAAA record of theirs. A record that two
// domains say alike counts once.
func servicePinholes(c *Config) (list []Pinhole) {
	for _, s := range c.Services {
		if s.Remote {
			continue
		}
		p := Pinhole{Service: s.Name, Protocol: fact.TCP, Port: s.Port}
		for _, addr := range []netip.Addr{s.LANIPv6, s.Address.Addr()} {
			if globalUnicast.Contains(addr) {
				p.Address = addr
			}
		}
		hosts := map[netip.Addr]bool{}
		for _, rec := range c.DDNS.Records {
			if rec.Type == typeAAAA && !hosts[rec.Host] && c.leadsTo(rec.Domain, s) {
				hosts[rec.Host] = true
				p.Record = rec.Domain
				list = append(list, p)
			}
		}
		if p.Record == "" && p.Address.IsValid() {
			list = append(list, p)
		}
	}
	return list
}

// leadsTo reports whether a domain is a name of a service, or of one at the same
// addresses.
func (c *Config) leadsTo(domain string, s Service) bool {
	return domain != "" && slices.ContainsFunc(c.Services, func(other Service) bool {
		return other.samePlace(s) && (slices.Contains(other.Names, domain) || slices.Contains(other.Wildcards, domain))
	})
}
