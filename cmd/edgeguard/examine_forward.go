package main

// Where the services are, and whether the street reaches them, as doctor sees it.

import (
	"context"
	"fmt"
	"sync"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/hairpin/checker"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

// find looks once for the services that the config does not give an address of,
// beginning where the daemon found them last, and returns the concerns of what it
// found; those in force where there are none to look for.
func (x *examiner) find(ctx context.Context) *concerns {
	if len(x.c.locator.Services()) == 0 {
		return x.c
	}
	hearing, end := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { _ = x.d.seek(hearing, x.c) })
	x.c.locator.Look(ctx)
	end()
	group.Wait()
	next := *x.c
	next.cfg = x.c.cfg.Located(x.c.locator.Addresses())
	if err := refuseExposed(next.cfg, x.own); err != nil {
		return x.c // what was known stays, as in the daemon
	}
	next.services = addressesOf(next.cfg.Services)
	if err := x.d.makeHairpin(&next, &concerns{cfg: &config.Config{}}); err != nil {
		return x.c
	}
	return &next
}

func (x *examiner) lookForward(ctx context.Context) {
	cfg := x.c.cfg.Portmap
	cfg.GatewayAddr = x.d.gateway
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { x.in.Outside = x.lookOutside(ctx) })
	if !cfg.Enabled || len(cfg.Methods) == 0 {
		// Only calling the public address tells of a forward made by hand.
		x.in.Hairpin = x.c.hairpin.Look(ctx)
		cfg.Reached = func(service string) portmap.Reach { return reachOf(x.in.Hairpin, service) }
	}
	x.in.Portmap = portmap.Look(ctx, cfg, x.d.router)
	for _, p := range x.c.cfg.Pinholes {
		x.in.Portmap.Link.Evidence = append(x.in.Portmap.Link.Evidence,
			fmt.Sprintf("%s: whether the router's firewall lets IPv6 through to port %d is known to the running daemon alone", p.Service, p.Port))
	}
}

// lookOutside asks the checker on the Internet once, where one is configured.
func (x *examiner) lookOutside(ctx context.Context) checker.Status {
	c := &concerns{cfg: x.c.cfg, wan: x.c.wan}
	if err := x.d.makeChecker(c, &concerns{cfg: &config.Config{}}); err != nil || c.checker == nil {
		return checker.Status{}
	}
	return c.checker.Look(ctx)
}
