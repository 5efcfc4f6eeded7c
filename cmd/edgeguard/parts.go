package main

// Running the concerns, and putting others in their place while everything else
// goes on.

import (
	"context"
	"fmt"
	"slices"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
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
	p.start(c.ddns, c.ddns.Run)
	p.start(c.portmap, c.portmap.Run, func(ctx context.Context) error { return d.followRouter(ctx, c) })
	p.start(c.hairpin, c.hairpin.Run,
		func(ctx context.Context) error { return follow(ctx, c.hairpin.Names(), d.learn) },
		func(ctx context.Context) error { return followForwards(ctx, c) })
	p.start(c.notify, c.notify.Run)
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
// others. A forward that next still wants is opened again by next.
func stopConcerns(p *parts, old, next *concerns) {
	old.ddns.HandOver(next.ddns)
	for _, pair := range [][2]any{
		{old.notify, next.notify}, {old.hairpin, next.hairpin}, {old.portmap, next.portmap}, {old.ddns, next.ddns},
		{old.wan, next.wan}, {old.wan6, next.wan6},
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
	d.now.Store(next)
	if err := d.rebuildZone(); err != nil {
		d.log.Error("the local names of the new config could not be taken over; the old ones are kept", "err", err)
	}
	stopConcerns(p, old, next)
	d.startConcerns(p, next)
	return nil
}

// followRouter looks after the forwards at once when the router is another one
// or has started anew.
func (d *daemon) followRouter(ctx context.Context, c *concerns) error {
	var generation uint64
	return follow(ctx, d.router.Status(), func(s router.Status) {
		if s.Generation != generation {
			generation = s.Generation
			c.portmap.Kick()
		}
	})
}

// followForwards looks at the router's loopback anew whenever a forward comes
// into force: what was refused before proves nothing any more.
func followForwards(ctx context.Context, c *concerns) error {
	before := 0
	return follow(ctx, c.portmap.Status(), func(s portmap.Status) {
		active := 0
		for _, f := range s.Forwards {
			if f.State == portmap.StateActive {
				active++
			}
		}
		if active > before {
			c.hairpin.Kick()
		}
		before = active
	})
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
