package main

// The watchers of the public address, one for each family that is wanted, and
// what wakes them.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/lan"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// makeWAN makes the watcher of the IPv4 address, and that of the IPv6 address
// where a record says one.
func (d *daemon) makeWAN(c, old *concerns) (err error) {
	c.wan, c.wan6 = old.wan, nil
	if old.wan == nil || !slices.Equal(old.cfg.WANSources, c.cfg.WANSources) {
		if c.wan, err = d.newWatcher(c.cfg, wan.IPv4, c.cfg.WANSources, nil); err != nil {
			return err
		}
	}
	if !wantsIPv6(c.cfg.DDNS) {
		return nil
	}
	if old.wan6 != nil && slices.Equal(old.cfg.WANSourcesIPv6, c.cfg.WANSourcesIPv6) && old.cfg.WANIPv6Interface == c.cfg.WANIPv6Interface {
		c.wan6 = old.wan6
		return nil
	}
	c.wan6, err = d.newWatcher(c.cfg, wan.IPv6, c.cfg.WANSourcesIPv6, ipv6Source(c.cfg.WANIPv6Interface))
	return err
}

// wantsIPv6 reports whether a record says an IPv6 address.
func wantsIPv6(cfg ddns.Config) bool {
	return slices.ContainsFunc(cfg.Records, func(r ddns.RecordConfig) bool { return r.Type == "AAAA" })
}

// newWatcher makes the watcher of a family. First, where it is not nil, is a
// source beside those of specs.
func (d *daemon) newWatcher(from *config.Config, family wan.Family, specs []wan.SourceSpec, first wan.Source) (*wan.Watcher, error) {
	var sources []wan.Source
	if first != nil {
		sources = append(sources, first)
	}
	for _, spec := range specs {
		source, err := d.wanSource(spec)
		if err != nil {
			return nil, fmt.Errorf("setting up the source %s of the public address: %w", spec, err)
		}
		sources = append(sources, source)
	}
	cfg := from.WAN
	cfg.Family = family
	cfg.OwnPrefixes, cfg.Log = lan.OwnPrefixes, component(d.log, "wan")
	cfg.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	cfg.SecondRouter, cfg.Eventful = d.router.SecondRouter, d.hearsRouter
	return wan.New(cfg, sources), nil
}

// wanSource makes one source of the public address.
func (d *daemon) wanSource(spec wan.SourceSpec) (wan.Source, error) {
	switch spec.Type {
	case "igd":
		return wan.NewRouterSource(spec.Type, d.router.ExternalAddress), nil
	case "natpmp":
		return wan.NewRouterSource(spec.Type, d.router.NATPMPAddress), nil
	case "pcp":
		return wan.NewRouterSource(spec.Type, d.router.PCPAddress), nil
	case "interface":
		return wan.NewInterface(spec, nil), nil
	case "static":
		return wan.NewStatic(spec), nil
	}
	return wan.NewOutside(spec, d.dial)
}

// ipv6Source is our own interface: that of the IPv6 default route where name
// is empty.
func ipv6Source(name string) wan.Source {
	label := "interface"
	if name != "" {
		label += ":" + name
	}
	return wan.NewIPv6Interface(label, func() ([]netip.Addr, error) {
		list, err := lan.GlobalIPv6(name)
		addrs := make([]netip.Addr, len(list))
		for i, a := range list {
			addrs[i] = a.Addr
		}
		return addrs, err
	})
}

// addressesFor are the addresses that the records of c follow.
func addressesFor(c *concerns) ddns.Addresses {
	addresses := ddns.Addresses{V4: c.wan.Address()}
	if c.wan6 != nil {
		addresses.V6 = c.wan6.Address()
	}
	return addresses
}

// wanStatus is what is known of both families.
func (c *concerns) wanStatus() wan.Status {
	four := c.wan.Status().Load()
	if c.wan6 == nil {
		return four
	}
	return four.With6(c.wan6.Status().Load())
}

// hint wakes every watcher of the config in force: something happened that may
// have changed an address.
func (d *daemon) hint(kind string) {
	c := d.now.Load()
	c.wan.Hint(kind)
	if c.wan6 != nil {
		c.wan6.Hint(kind)
	}
}

// hearsRouter reports whether the router's events reach us.
func (d *daemon) hearsRouter() bool {
	events := d.router.Status().Load().Events.GENA
	return events.On && events.Heard
}

// hearRouter passes the router's hints on until ctx ends.
func (d *daemon) hearRouter(ctx context.Context) error {
	return follow(ctx, d.router.Hints(), func(h router.Hint) {
		if h.Count > 0 {
			d.now.Load().portmap.Hint(hintWords[h.Kind])
			d.hint(h.Kind)
		}
	})
}

// hearKernel passes changes of our own addresses and routes on until ctx ends.
// A kernel that tells none, as under some containers' filters, costs seconds
// and nothing else.
func (d *daemon) hearKernel(ctx context.Context) error { return d.moves.run(ctx, d.hint, d.log) }

// forgetOld has the DNS server forget what it kept of our public names when
// the public address of a family changes.
func (d *daemon) forgetOld(ctx context.Context, w *wan.Watcher) error {
	return dnsserver.PurgeOn(ctx, d.dns, w.Address(), func(old, now fact.Observation) []string {
		if old.SameValue(now) {
			return nil
		}
		var names []string
		for _, r := range d.now.Load().cfg.DDNS.Records {
			names = append(names, r.Domain)
		}
		return names
	})
}
