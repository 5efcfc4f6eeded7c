package router

// Suspicions that the router has restarted or moved, and the searches that
// Run makes of its own accord.

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
)

const (
	suspicionGap    = 2 * time.Second // between two searches that events set off,
	suspicionRefill = time.Minute     // and under a flood of them,
	suspicionBurst  = 5               // once there were so many
)

// suspicion is a reason to search the router again.
type suspicion struct {
	why string
	at  time.Time
	// location and bootID are what the router says of itself now; empty where
	// it did not say.
	location, bootID string
	// certain is whether it has restarted for certain, so that one that is
	// known to be as it says may still be the one from before.
	certain bool
	// restarted is whether the router itself said so, by datagrams: then what
	// is kept on it may be gone, whether a search finds it or not.
	restarted bool
	// before is how the router was found when the suspicion arose.
	before found
	// notBefore is when to search at the earliest; zero means at once.
	notBefore time.Time
}

// suspect notes a suspicion and wakes the search. It never blocks.
func (r *Router) suspect(s suspicion) {
	s.at = time.Now()
	r.mu.Lock()
	s.before = r.known
	if r.suspicion != nil && r.suspicion.notBefore.Before(s.notBefore) {
		s.notBefore = r.suspicion.notBefore
	}
	s.restarted = s.restarted || r.suspicion != nil && r.suspicion.restarted
	r.suspicion = &s
	r.mu.Unlock()
	r.searches.Kick()
}

// pending returns the suspicion that stands, or nil.
func (r *Router) pending() *suspicion {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.suspicion
}

// settle takes a suspicion back unless a newer one stands.
func (r *Router) settle(s *suspicion) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.suspicion == s {
		r.suspicion = nil
	}
}

// newSearches returns the loop that searches in Run: for a router where none
// is known, again where there is a suspicion, and now and then where all is
// well.
func (r *Router) newSearches() *loop.Loop {
	return loop.New(loop.Config{Name: "router", Step: r.searchStep, MinBackoff: 5 * time.Second, MaxBackoff: 5 * time.Minute})
}

func (r *Router) searchStep(ctx context.Context) (time.Duration, error) {
	s := r.pending()
	if s == nil {
		return r.timing.recheck, r.hold(ctx, r.look)
	}
	now := time.Now()
	if wait := max(s.notBefore.Sub(now), r.searched.wait(now)); wait > 0 {
		return wait, nil
	}
	err := r.hold(ctx, func(ctx context.Context) error { return r.again(ctx, s) })
	if ctx.Err() == nil {
		r.settle(s)
	}
	return r.timing.recheck, err
}

// hold takes the turn for f.
func (r *Router) hold(ctx context.Context, f func(context.Context) error) error {
	if err := r.take(ctx); err != nil {
		return err
	}
	defer r.give()
	return f(ctx)
}

// look searches where no router is known, and checks on one that is. The turn
// is held.
func (r *Router) look(ctx context.Context) error {
	gateway, err := r.gateway()
	switch {
	case r.device == nil || err != nil || gateway != r.device.Gateway():
		return r.find(ctx)
	case time.Since(r.where.checked) < r.timing.recheck:
		return nil
	}
	again, grave := r.stale(ctx)
	if !again {
		return nil
	}
	return r.discover(ctx, grave)
}

// again searches because of a suspicion, unless the router was found meanwhile
// and is what the suspicion says. The turn is held.
func (r *Router) again(ctx context.Context, s *suspicion) error {
	if r.device != nil && !s.holds(r.where) {
		return nil
	}
	r.log.Info("the router may have restarted, searching again", "why", s.why)
	r.searched.took(time.Now())
	unfound, grave := r.device == nil, s.certain || s.restarted
	if !unfound && !grave {
		gateway, err := r.gateway()
		if err == nil && gateway == r.device.Gateway() {
			switch r.check(ctx) {
			case asBefore:
				r.log.Debug("the router is as it was, so it was not the router that said so", "why", s.why)
				return nil
			case mute:
				grave = true // nothing speaks against it
			case otherwise:
			}
		}
	}
	if unfound && s.restarted {
		r.grow(s.why) // before the search, which may find nothing and takes its time
	}
	err := r.discover(ctx, grave)
	if errors.Is(err, fact.ErrNoRouter) && !unfound && s.restarted && ctx.Err() == nil {
		r.grow(s.why)
	}
	if errors.Is(err, fact.ErrNoRouter) && ctx.Err() == nil {
		r.miss = miss{} // whoever asks next tries for himself
	}
	return err
}

// holds reports whether the suspicion still holds of a router that was found so:
// whether it was found before, and is not what the suspicion says.
func (s *suspicion) holds(where found) bool {
	asSaid := s.location != "" && s.bootID == where.bootID && host(s.location) == host(where.location)
	changed := where.bootID != s.before.bootID || host(where.location) != host(s.before.location)
	return !where.began.After(s.at) && (!asSaid || s.certain && !changed)
}

// host is the host and port of a URL; empty where it is none.
func host(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return ""
	}
	return u.Host
}
