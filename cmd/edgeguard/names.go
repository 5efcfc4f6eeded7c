package main

// Which names mean which service: configured ones and those of trusted
// certificates, put together for the DNS server.

import (
	"net/netip"
	"slices"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// serviceAddresses is where a service is in the LAN.
type serviceAddresses struct {
	name   string
	v4, v6 []netip.Addr
	names  []string // configured, canonical, wildcards included
	// wildcard is whether the wildcards of its certificate count.
	wildcard bool
}

// sameAs reports whether both are one service at the same place.
func (s serviceAddresses) sameAs(t serviceAddresses) bool {
	return s.name == t.name && slices.Equal(s.v4, t.v4) && slices.Equal(s.v6, t.v6)
}

// nameConflict is a name that two certificates claim at different addresses.
type nameConflict struct {
	Name, Kept, Refused string
}

// overrides lists the names that the LAN is answered with. A configured name
// goes before a certificate's, and the service that comes first in the config
// before the later one: a certificate can add names, never take one away.
// learned is in any order; services that it does not name have none.
func overrides(services []serviceAddresses, learned []fact.ServiceNames) ([]zone.Override, []nameConflict) {
	b := overrideBuilder{owner: map[string]serviceAddresses{}}
	for _, s := range services {
		for _, name := range s.names {
			b.claim(s, name, "configured")
		}
	}
	for _, s := range services {
		for _, l := range learned {
			if l.Service != s.name {
				continue
			}
			names := l.Names
			if s.wildcard {
				names = slices.Concat(names, l.Wildcards)
			}
			for _, name := range names {
				b.claim(s, name, "certificate of "+s.name)
			}
		}
	}
	return b.list, b.conflicts
}

type overrideBuilder struct {
	owner     map[string]serviceAddresses
	list      []zone.Override
	conflicts []nameConflict
}

func (b *overrideBuilder) claim(s serviceAddresses, name, reason string) {
	holder, taken := b.owner[name]
	switch {
	case !taken:
		b.owner[name] = s
		b.list = append(b.list, zone.Override{Name: name, V4: s.v4, V6: s.v6, Reason: reason})
	case !slices.Equal(holder.v4, s.v4) || !slices.Equal(holder.v6, s.v6):
		b.conflicts = append(b.conflicts, nameConflict{Name: name, Kept: holder.name, Refused: s.name})
	}
}
