package main

// The home's DNS as doctor sees it.

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/lan"
)

// lookDNS asks whoever answers where the config has the DNS server listen.
func (x *examiner) lookDNS(ctx context.Context) {
	listen := resolveAll(x.c.cfg.DNSListen, x.own)
	names, err := localNames(x.c.cfg, x.c.services, x.c.hairpin.Names().Load())
	if err != nil {
		x.in.DNS.DNS = fact.Link{Summary: fmt.Sprintf("The names of the house could not be put together: %v.", err)}
		return
	}
	said := dnsserver.Look(ctx, dnsserver.LookConfig{
		Servers: dnsserver.Reachable(listen, x.own), Overrides: names,
		Holder: func(network string, addr netip.AddrPort) string {
			if holder, found := lan.PortHolder(network, addr); found {
				return holder.String()
			}
			return ""
		},
	})
	said.ClientsLink = x.in.DNS.ClientsLink
	x.in.DNS = said
}

// localNames are the names that the LAN is to be answered with the services'
// addresses for, given the names of the certificates; those left out for which
// the config has a record of its own.
func localNames(cfg *config.Config, services []serviceAddresses, learned []fact.ServiceNames) ([]zone.Override, error) {
	list, _ := overrides(services, learned)
	list = withoutRemote(list, cfg.RemoteNames())
	local, err := zone.Build(zone.Config{Overrides: list, Records: cfg.Records, TTL: cfg.DNSTTL, NoPTR: !cfg.DNSPTR})
	if err != nil {
		return nil, err
	}
	return unshadowed(local), nil
}

// unshadowed are the names of local that no record of the config stands before.
func unshadowed(local *zone.Zone) []zone.Override {
	shadowed := local.Shadowed()
	return slices.DeleteFunc(slices.Clone(local.Overrides()), func(o zone.Override) bool { return slices.Contains(shadowed, o.Name) })
}
