package gena

// Keeping one subscription: renew it at half of its time, and when it is lost
// have the router searched again and subscribe anew.

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/edgeguard/edgeguard/internal/loop"
)

const (
	minBackoff = 2 * time.Second
	maxBackoff = 10 * time.Minute
	goodbye    = time.Second // for UNSUBSCRIBE at the end
	settled    = time.Minute // a subscription that held so long was no failure
)

// Router is the router, as far as this package needs one. Its requests are
// paced among the others that the router gets.
type Router interface {
	// Target is where to subscribe now, and a channel that is closed once that
	// may be another place.
	Target() (Target, <-chan struct{})
	// Subscribe, Renew and Unsubscribe make the Client's requests at a target.
	Subscribe(ctx context.Context, at Target, callback string) (Grant, error)
	Renew(ctx context.Context, at Target, sid string) (Grant, error)
	Unsubscribe(ctx context.Context, at Target, sid string) error
	// Lost has the router searched again, as it has forgotten the subscription
	// or is not where it was, and returns after the search.
	Lost(ctx context.Context, at Target, why error)
}

// Callback is a Receiver.
type Callback interface {
	Callback() string
	Confirm(sid string)
	Close()
}

// Keeper keeps a subscription. Its fields must be set before Run.
type Keeper struct {
	// Router is who is subscribed to; required.
	Router Router
	// Listen starts a receiver for a target; required.
	Listen func(Target) (Callback, error)
	// Report is told whether there is a subscription, and where there is none
	// the reason, in words; required, must not block.
	Report func(on bool, why string)
	// Log; required.
	Log *slog.Logger
	// Rand gives the jitter; nil means the process's own source.
	Rand *rand.Rand
}

// held is a subscription that stands.
type held struct {
	target   Target
	callback Callback
	grant    Grant
	began    time.Time
	renewed  bool
}

// Run keeps a subscription until ctx ends, and then gives it back.
func (k *Keeper) Run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		target, changed := k.Router.Target()
		if target.URL == "" {
			k.Report(false, "no router that has events is known")
			failures = 0
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		h, err := k.subscribe(ctx, target)
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			failures++
			k.fail(ctx, target, failures, err)
			continue
		}
		if failures > 0 {
			k.Log.Info("the router sends events again")
		}
		k.Report(true, "")
		err = k.keep(ctx, h)
		h.callback.Close()
		switch {
		case err == nil || h.renewed || time.Since(h.began) > settled:
			failures = 0
		default:
			failures++
		}
		if err != nil && failures > 1 {
			now, _ := k.Router.Target() // the loss has changed it
			k.fail(ctx, now, failures-1, err)
		}
	}
	k.Report(false, "stopped")
}

// subscribe starts a receiver and subscribes it.
func (k *Keeper) subscribe(ctx context.Context, target Target) (*held, error) {
	callback, err := k.Listen(target)
	if err != nil {
		return nil, err
	}
	grant, err := k.Router.Subscribe(ctx, target, callback.Callback())
	if err != nil {
		callback.Close()
		return nil, err
	}
	callback.Confirm(grant.SID)
	k.Log.Debug("subscribed to the router's events", "sid", grant.SID, "for", grant.For)
	return &held{target: target, callback: callback, grant: grant, began: time.Now()}, nil
}

// keep renews h until it is lost, which is the error, or until the router is
// at another place or ctx ends, which is none.
func (k *Keeper) keep(ctx context.Context, h *held) error {
	timer := time.NewTimer(h.grant.For / 2)
	defer timer.Stop()
	for {
		now, changed := k.Router.Target()
		old := h.target
		found := now != old
		if !found {
			select {
			case <-ctx.Done():
				k.giveBack(ctx, h)
				return nil
			case <-changed:
				continue
			case <-timer.C:
			}
		}
		h.target = now
		if now.URL != old.URL || now.Gateway != old.Gateway || now.Local != old.Local {
			return nil
		}
		// It is time, or the router was found anew at the same place: does it
		// still know us?
		grant, err := k.Router.Renew(ctx, h.target, h.grant.SID)
		if ctx.Err() != nil {
			k.giveBack(ctx, h)
			return nil
		}
		if err != nil {
			if now, _ := k.Router.Target(); now != h.target {
				continue // it was found anew meanwhile: ask there
			}
			k.Log.Info("the router's events are lost", "err", err)
			k.Report(false, fmt.Sprintf("the subscription was lost: %v", err))
			if !found { // else the search has just been made
				k.Router.Lost(ctx, h.target, err)
			}
			return err
		}
		h.grant, h.renewed = grant, true
		timer.Reset(grant.For / 2)
	}
}

// giveBack ends the subscription, so that the router need not find out.
func (k *Keeper) giveBack(ctx context.Context, h *held) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if err := k.Router.Unsubscribe(ctx, h.target, h.grant.SID); err != nil {
		k.Log.Debug("the subscription was not given back", "err", err)
	}
}

// fail reports a failure and waits by how many there were, or until there is
// another router.
func (k *Keeper) fail(ctx context.Context, target Target, failures int, err error) {
	wait := loop.Backoff(failures-1, minBackoff, maxBackoff, k.Rand)
	k.Report(false, err.Error())
	if failures == 1 {
		k.Log.Info("the router sends no events", "err", err, "again_in", wait)
	} else {
		k.Log.Debug("the router sends no events still", "err", err, "again_in", wait)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		now, changed := k.Router.Target()
		if now != target {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-changed:
		}
	}
}
