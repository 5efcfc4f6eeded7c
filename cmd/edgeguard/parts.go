package main

// Running the concerns, and putting others in their place while everything else
// goes on.

import (
	"context"
	"fmt"
	"slices"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/watch"
	"golang.org/x/sync/errgroup"
)

// parts are the running concerns. Only one goroutine uses it.
type parts struct {
	ctx     context.Context
	group   *errgroup.Group
	running map[any]*part // by the concern
}

// part is one running concern.
type part struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// start runs what belongs to the concern key, unless it runs already.
func (p *parts) start(key any, runs ...func(context.Context) error) {
	if p.running[key] != nil {
		return
	}
	ctx, cancel := context.WithCancel(p.ctx)
	made := &part{cancel, make(chan struct{})}
	p.running[key] = made
	p.group.Go(func() error {
		defer close(made.ended)
		defer cancel()
		together, ctx := errgroup.WithContext(ctx)
		for _, run := range runs {
			together.Go(func() error { return run(ctx) })
		}
		return together.Wait()
	})
}

// stop ends the concern key, if it runs, and waits for its end.
func (p *parts) stop(key any) {
	if running := p.running[key]; running != nil {
		running.cancel()
		<-running.ended
		delete(p.running, key)
	}
}

// startConcerns runs what of c does not run yet.
func (d *daemon) startConcerns(p *parts, c *concerns) {
	d.startPools(p, c)
	p.start(c.wan, c.wan.Run, func(ctx context.Context) error { return d.forgetOld(ctx, c.wan) })
	if c.wan6 != nil {
		p.start(c.wan6, c.wan6.Run, func(ctx context.Context) error { return d.forgetOld(ctx, c.wan6) })
	}
	p.start(c.ddns, c.ddns.Run, func(ctx context.Context) error { return d.followRecords(ctx, c.ddns) })
	d.startKeeper(p, c)
	p.start(c.pinholes, c.pinholes.Run, func(ctx context.Context) error { return d.followRouter(ctx, c.pinholes) })
	p.start(c.locator, c.locator.Run, func(ctx context.Context) error { return d.seek(ctx, c) },
		func(ctx context.Context) error { return d.followLocator(ctx, c.locator) })
	p.start(c.hairpin, c.hairpin.Run,
		func(ctx context.Context) error { return d.hintLocator(ctx, c.hairpin) },
		func(ctx context.Context) error { return follow(ctx, c.hairpin.Names(), d.learn) },
		func(ctx context.Context) error { return d.followRouter(ctx, routerNews{c.hairpin}) },
		func(ctx context.Context) error { return d.followReach(ctx, c) },
		func(ctx context.Context) error { return d.tellKeeper(ctx, c.hairpin) })
	d.startCert(p, c)
	if c.checker != nil {
		p.start(c.checker, c.checker.Run)
	}
	p.start(c.notify, c.notify.Run)
}

// startKeeper runs c's keeper of the forwards.
func (d *daemon) startKeeper(p *parts, c *concerns) {
	p.start(c.portmap, c.portmap.Run, func(ctx context.Context) error { return d.followRouter(ctx, c.portmap) },
		func(ctx context.Context) error { return d.followForwards(ctx, c.portmap.Status()) })
}

// startPools runs the DNS servers that are asked under c.
func (d *daemon) startPools(p *parts, c *concerns) {
	for _, pool := range c.pools() {
		p.start(pool, pool.Run)
	}
}

// pools are all DNS servers that are asked under c.
func (c *concerns) pools() []*upstream.Pool {
	return append([]*upstream.Pool{c.upstream}, c.forwards...)
}

// stopConcerns ends what of old is not in next, those first that lean on
// others. What next still wants of the records, the forwards and the pinholes is
// left as it is.
func stopConcerns(p *parts, old, next *concerns) {
	old.ddns.HandOver(next.ddns)
	old.portmap.HandOver(next.portmap, old.cfg.Relay == next.cfg.Relay)
	old.pinholes.HandOver(next.pinholes)
	for _, pair := range [][2]any{
		{old.cert, next.cert}, {old.notify, next.notify}, {old.checker, next.checker}, {old.hairpin, next.hairpin}, {old.pinholes, next.pinholes}, {old.portmap, next.portmap}, {old.ddns, next.ddns},
		{old.wan, next.wan}, {old.wan6, next.wan6}, {old.locator, next.locator},
	} {
		if pair[0] != pair[1] {
			p.stop(pair[0])
		}
	}
	stopPools(p, old, next)
}

// stopPools ends the pools of old that are not in next.
func stopPools(p *parts, old, next *concerns) {
	for _, pool := range old.pools() {
		if !slices.Contains(next.pools(), pool) {
			p.stop(pool)
		}
	}
}

// reconfigure puts cfg in force. An error changes nothing.
func (d *daemon) reconfigure(p *parts, cfg *config.Config) error {
	old := d.now.Load()
	next, err := d.makeConcerns(cfg, old)
	if err != nil {
		return err
	}
	// The new upstream must work before a question meets it, and the old one
	// until no question does.
	d.startPools(p, next)
	if err := d.dns.Reconfigure(d.dnsConfig(next)); err != nil {
		stopPools(p, next, old)
		return fmt.Errorf("setting up the DNS server: %w", err)
	}
	d.secrets.add(cfg)
	d.carryNames(old, next)
	d.now.Store(next)
	if err := d.rebuildZone(); err != nil {
		d.log.Error("the local names of the new config could not be taken over; the old ones are kept", "err", err)
	}
	stopConcerns(p, old, next)
	d.startConcerns(p, next)
	d.stir()
	d.moves.tell() // which router is meant, and where we listen, may be others now
	return nil
}

// followRouter has a keeper look after what it has on the router at once when the router is another one
// or has started anew.
func (d *daemon) followRouter(ctx context.Context, keeper interface{ Kick(why string) }) error {
	var generation uint64
	return follow(ctx, d.router.Status(), func(s router.Status) {
		if s.Generation != generation {
			generation = s.Generation
			keeper.Kick("the router was found anew")
		}
	})
}

// followForwards has those who look at a keeper's forwards from inside and from outside, under
// the config in force, look anew whenever one comes into force: what was refused before proves
// nothing any more. It belongs to the keeper, which they may outlive, and which may outlive them.
func (d *daemon) followForwards(ctx context.Context, forwards *watch.Value[portmap.Status]) error {
	before := 0
	return follow(ctx, forwards, func(s portmap.Status) {
		active := 0
		for _, f := range s.Forwards {
			if f.State == portmap.StateActive {
				active++
			}
		}
		if active > before {
			c := d.now.Load()
			c.hairpin.Kick()
			if c.checker != nil {
				c.checker.Kick()
			}
		}
		before = active
	})
}

// followReach tells the keeper of the forwards at once what was seen of them
// from inside.
func (d *daemon) followReach(ctx context.Context, c *concerns) error {
	return follow(ctx, c.hairpin.Status(), func(hairpin.Status) { d.now.Load().portmap.Refresh() })
}

// follow calls act with the value as it is and with each later one, until ctx
// ends.
func follow[T any](ctx context.Context, v *watch.Value[T], act func(T)) error {
	for {
		value, changed := v.Get()
		act(value)
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}
