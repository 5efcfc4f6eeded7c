package handed

// The IPv6 routers that were heard, as long as what they said counts.

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/lan/radv"
)

// maxRouters bounds the routers that are remembered: whoever is in the LAN can
// invent some.
const maxRouters = 16

// minHeard is for how long a router is remembered at least: to be one for no
// time is said once, and lets nothing else be said of it.
const minHeard = time.Minute

type routerKey struct {
	addr  netip.Addr
	index int
}

// heardRouter is the last advertisement of a router, and until when it counts.
type heardRouter struct {
	said  radv.Advertisement
	until time.Time
}

// hear hears the routers until ctx ends.
func (w *Watcher) hear(ctx context.Context) {
	for {
		err := w.cfg.listen(ctx, w.hears, w.heard)
		if ctx.Err() != nil {
			return
		}
		if w.deaf(err) {
			w.cfg.Log.Info("which DNS servers the IPv6 routers tell of is not known", "err", err)
			w.rounds.Kick()
		}
		timer := time.NewTimer(hearAgain)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// hears notes that the routers are heard from now on.
func (w *Watcher) hears() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.routers, w.unheard = map[routerKey]heardRouter{}, ""
}

// heard notes what a router said.
func (w *Watcher) heard(a radv.Advertisement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := routerKey{a.Router, a.Interface}
	before, known := w.routers[key]
	if w.routers == nil || !known && len(w.routers) >= maxRouters {
		return
	}
	life := max(a.Lifetime, a.DNSLifetime, minHeard)
	until := time.Now().Add(min(life, 30*24*time.Hour))
	w.routers[key] = heardRouter{a, until}
	if !known || !sameWords(before.said, a) {
		w.rounds.Kick()
	}
}

// sameWords reports whether two advertisements of a router say the same of DNS.
func sameWords(a, b radv.Advertisement) bool {
	return a.Other == b.Other && (a.Lifetime == 0) == (b.Lifetime == 0) && slices.Equal(a.DNS, b.DNS) && slices.Equal(a.Search, b.Search)
}

// forgetRouters forgets all routers: they are of another network.
func (w *Watcher) forgetRouters() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.routers)
}

// fillRouters puts the routers on our interface into next, and returns when the
// first of them counts no more.
func (w *Watcher) fillRouters(next *Status) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	next.Routers, next.RoutersError = nil, w.unheard
	if w.routers == nil {
		return askEvery
	}
	next.Routers = []radv.Advertisement{}
	wait, now := askEvery, time.Now()
	for key, r := range w.routers {
		switch {
		case !now.Before(r.until):
			delete(w.routers, key)
		case r.said.Interface == w.place.Index:
			said := r.said
			said.Lifetime = min(said.Lifetime, time.Second) // is one or is none: what counts down is no news
			said.DNSLifetime = 0
			next.Routers = append(next.Routers, said)
			wait = min(wait, r.until.Sub(now))
		}
	}
	slices.SortFunc(next.Routers, func(a, b radv.Advertisement) int { return cmp.Compare(a.Router.String(), b.Router.String()) })
	return wait
}
