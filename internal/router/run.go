package router

// Run: everything that goes on without being called.

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// placeEvery is how often Run looks whether the gateway or our own address
// toward it has changed, where nobody tells of that or there is no gateway.
const placeEvery = 3 * time.Second

// place is where the router is and where we are.
type place struct {
	gateway, local netip.Addr
	// link is the interface's index: a socket does not outlive its interface,
	// even where another one gets the same address.
	link int
	// bridged is whether the gateway is in no network of ours, so that what it
	// tells all hosts does not come here.
	bridged bool
}

// Run listens to what the router announces, and searches for it where none is
// known, until ctx ends. It then gives its subscription back, ends its
// goroutines and returns nil. That something cannot be listened to is said in
// Status and never an error. Run must not be called twice at a time.
func (r *Router) Run(ctx context.Context) error {
	r.running.Store(true)
	defer r.running.Store(false)
	at := watch.New(place{}, func(a, b place) bool { return a == b })
	var tasks sync.WaitGroup
	tasks.Go(func() { r.hints.run(ctx) })
	tasks.Go(func() { _ = r.searches.Run(ctx) }) // always nil
	tasks.Go(func() { _ = r.newSurveys().Run(ctx) })
	tasks.Go(func() { r.followPlace(ctx, at) })
	for _, e := range r.ears() {
		tasks.Go(func() { e.run(ctx, at) })
	}
	tasks.Go(func() { r.newKeeper().Run(ctx) })
	tasks.Wait()
	return nil
}

// followPlace keeps at up to date.
func (r *Router) followPlace(ctx context.Context, at *watch.Value[place]) {
	timer := time.NewTimer(placeEvery)
	defer timer.Stop()
	for {
		// Without a route there is nothing new to listen on; the old sockets
		// hear nothing, and cost nothing.
		now, err := r.here()
		if err == nil {
			if before := at.Load(); at.Store(now) && before.gateway.IsValid() {
				r.grow("the way to the router is " + now.String() + " now")
				r.searches.Kick()
			}
		}
		timer.Stop()
		if err != nil || r.cfg.Moved == nil {
			timer.Reset(placeEvery)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.cfg.Moved:
		case <-timer.C:
		}
	}
}

// here returns where the router and we are now.
func (r *Router) here() (place, error) {
	gateway, err := r.gateway()
	if err != nil {
		return place{}, err
	}
	if err := r.peer(gateway).Check(); err != nil {
		return place{}, err
	}
	local, err := localToward(gateway)
	if err != nil {
		return place{}, err
	}
	links, _, bridged := r.networks(gateway)
	return place{gateway: gateway, local: local, link: linkOf(links, local), bridged: bridged}, nil
}

// linkOf returns the index of the interface that has the address; 0 where it
// is not known.
func linkOf(links []ssdp.Link, addr netip.Addr) int {
	for _, l := range links {
		if slices.ContainsFunc(l.Nets, func(n netip.Prefix) bool { return n.Addr() == addr }) {
			return l.Index
		}
	}
	return 0
}

// String is the place for people.
func (p place) String() string { return fmt.Sprintf("%s toward %s", p.local, p.gateway) }
