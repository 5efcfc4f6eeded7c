package router

// One call at a time, and what happens when the router is no longer there.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/igd"
)

// do makes a call on the router, which it finds first where none is known. A
// call that finds the router gone makes it search once more. It is then made
// again if it only reads, or if it cannot have been carried out: a change
// whose outcome is unknown is the caller's to look after.
func (r *Router) do(ctx context.Context, reads bool, call func(context.Context, *igd.Device) error) error {
	if err := r.take(ctx); err != nil {
		return err
	}
	defer r.give()
	if err := r.find(ctx); err != nil {
		return err
	}
	err := call(ctx, r.device)
	lost := lostIn(ctx, err)
	if lost == nil {
		return err
	}
	r.log.Info("the router is not where it was, searching again", "router", r.Describe(), "err", err)
	if again := r.discover(ctx, true); again != nil {
		return fmt.Errorf("%w; then %w", err, again)
	}
	if lost.MayHaveActed && !reads {
		return err
	}
	err = call(ctx, r.device)
	if lostIn(ctx, err) != nil {
		// It answers the search and not the call. The next call searches.
		r.device = nil
	}
	return err
}

// take waits for the turn; give ends it.
func (r *Router) take(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the router to be free: %w", context.Cause(ctx))
	}
}

func (r *Router) give() { <-r.turn }

// lostIn returns the LostError in err, or nil where there is none or where it
// was the caller who gave up.
func lostIn(ctx context.Context, err error) *igd.LostError {
	if lost := (*igd.LostError)(nil); errors.As(err, &lost) && ctx.Err() == nil {
		return lost
	}
	return nil
}

// remember is how long a search that failed stands for the calls that follow.
// While Run runs, which hears of a router that comes, that grows to a minute:
// calls come every few seconds, also in homes that have no such router.
func (r *Router) remember() time.Duration {
	if !r.running.Load() {
		return r.timing.memory
	}
	return min(r.timing.memory<<min(r.miss.inARow-1, 10), max(r.timing.memory, time.Minute))
}

// find makes sure that r.device is the router at the present gateway. Now and
// then it looks whether the router has moved, unless Run does, so that calls
// need not wait for that.
func (r *Router) find(ctx context.Context) error {
	gateway, err := r.gateway()
	switch {
	case r.device != nil && err == nil && gateway != r.device.Gateway():
		r.log.Info("the default gateway has changed", "from", r.device.Gateway(), "to", gateway)
	case r.device != nil && (r.running.Load() || time.Since(r.where.checked) < r.timing.recheck):
		return nil
	case r.device != nil:
		again, grave := r.stale(ctx)
		if !again {
			return nil
		}
		return r.discover(ctx, grave)
	case r.miss.err != nil && gateway == r.miss.gateway && time.Since(r.miss.at) < r.remember():
		return r.miss.err
	}
	return r.discover(ctx, true)
}
