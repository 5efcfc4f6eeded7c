package main

// The keeper of the pinholes in the router's IPv6 firewall, and what it is told.

import (
	"context"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
)

// makePinholes makes the keeper of c, or takes over that of old.
func (d *daemon) makePinholes(c, old *concerns) error {
	same := slices.Equal(old.cfg.Pinholes, c.cfg.Pinholes) && old.cfg.Portmap.Lease == c.cfg.Portmap.Lease &&
		reflect.DeepEqual(old.cfg.Portmap.Methods, c.cfg.Portmap.Methods) && old.cfg.StateDir == c.cfg.StateDir
	if old.pinholes != nil && same {
		c.pinholes = old.pinholes
		return nil
	}
	cfg := pinhole.Config{
		Lease: c.cfg.Portmap.Lease, Methods: c.cfg.Portmap.Methods,
		Own:       func(a netip.Addr) bool { return slices.Contains(ownAddresses(), a) },
		StateFile: filepath.Join(c.cfg.StateDir, "pinholes.json"), Log: component(d.log, "pinhole"),
	}
	for _, p := range c.cfg.Pinholes {
		cfg.Pinholes = append(cfg.Pinholes, pinhole.Pinhole{
			Service: p.Service, Protocol: p.Protocol, Port: p.Port,
			Address: func() (netip.Addr, bool) { return d.leadsTo(p) },
		})
	}
	c.pinholes = pinhole.New(cfg, d.router)
	return nil
}

// leadsTo is the address that a pinhole leads to, going by what the records are
// to say under the config in force; false while nobody knows.
func (d *daemon) leadsTo(p config.Pinhole) (netip.Addr, bool) {
	c := d.now.Load()
	if c == nil {
		return netip.Addr{}, false // it is being made
	}
	return leadsTo(p, c.ddns.Status().Load())
}

func leadsTo(p config.Pinhole, records ddns.Status) (netip.Addr, bool) {
	var current fact.Observation
	for _, r := range records.Records {
		if r.Name == p.Record && r.Type == "AAAA" {
			current = r.Desired
		}
	}
	to := p.Internal(current)
	return to.Addr(), to.IsValid()
}

// followRecords wakes the keeper of the pinholes when the address that an AAAA
// record is to say has changed.
func (d *daemon) followRecords(ctx context.Context, m *ddns.Manager) error {
	var before []fact.Observation
	return follow(ctx, m.Status(), func(s ddns.Status) {
		var now []fact.Observation
		for _, r := range s.Records {
			if r.Type == "AAAA" {
				now = append(now, r.Desired)
			}
		}
		same := func(a, b fact.Observation) bool { return a.State == b.State && a.Addr == b.Addr }
		if !slices.EqualFunc(before, now, same) {
			d.now.Load().pinholes.Kick("the address of a record has changed")
		}
		before = now
	})
}
