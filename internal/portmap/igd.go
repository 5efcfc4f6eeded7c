package portmap

// The part of UPnP-IGD in a round: read back, judge, ask, read back.

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/memory"
)

// byIGD looks at the router's entry for f and does what is needed.
func (k *Keeper) byIGD(ctx context.Context, f *forward) outcome {
	entry, err := k.gw.Get(ctx, f.Protocol, f.ExternalPort)
	fault := (*fact.GatewayFault)(nil)
	switch {
	case err == nil:
		return k.judge(ctx, f, entry)
	case isNoMapping(err):
		if f.vanished(time.Now()) {
			k.rememberEndless("its leases end at once")
		}
		if f.grant == nil && !f.fresh {
			f.missing(time.Now())
		}
		f.fresh = true
		defer func() { f.fresh = false }()
		return k.add(ctx, f)
	case errors.As(err, &fault):
		if !f.addedAt.IsZero() && time.Since(f.addedAt) < f.addedLease/2 {
			return k.unlisted(f, "the router took the forward, but does not let it be read back: "+err.Error())
		}
		return k.add(ctx, f)
	}
	return k.unreachable(f, err)
}

// judge decides on an entry that was read back.
func (k *Keeper) judge(ctx context.Context, f *forward, e fact.Mapping) outcome {
	now := time.Now()
	switch k.holder(f, e) {
	case ours:
		f.asked = true
		f.seen(e.Lease, now)
		at := f.renewAt(k.cfg.Lease, now)
		if e.Enabled && (at.IsZero() || at.After(now)) {
			k.noteMade(f, e)
			return k.active(f)
		}
		return k.renew(ctx, f, e)
	case byHand:
		return k.handMade(f, e)
	case granted, moved:
		return k.add(ctx, f)
	}
	return k.conflict(f, e)
}

// renew asks again for an entry that stands. Where that fails it still stands,
// and the failure is only a warning.
func (k *Keeper) renew(ctx context.Context, f *forward, e fact.Mapping) outcome {
	stands := e.Enabled
	end := f.expires
	if f.stuck && e.Lease > 0 && e.Lease <= lastCall {
		// Asking again does not lengthen it. Only now, as deleting an entry
		// before asking loses it on routers that then refuse.
		if err := k.delete(ctx, f.Protocol, f.ExternalPort); err == nil {
			stands = false
		}
	}
	out := k.add(ctx, f)
	bad := out.state == StateFailed || out.state == StateUnconfirmed
	if stands && bad && (end.IsZero() || end.After(time.Now())) {
		out.state, out.until = StateActive, end
		out.problem = "the forward stands, but renewing it failed: " + out.problem
		out.next, out.ownHost = false, false
		if f.expires = end; !end.IsZero() {
			out.wait = min(out.wait, time.Until(end)+time.Second)
		}
	}
	return out
}

// active is the outcome where our entry was just read back as in force.
func (k *Keeper) active(f *forward) outcome {
	wait := k.cfg.ReadBack
	now := time.Now()
	if at := f.renewAt(k.cfg.Lease, now); at.After(now) {
		wait = min(wait, at.Sub(now))
	}
	out := outcome{state: StateActive, wait: wait, until: f.expires, looked: true}
	if !f.expires.IsZero() {
		out.wait = min(out.wait, f.expires.Sub(now)+time.Second)
	}
	switch r := k.memory.Router(k.router); {
	case r.Endless:
		out.note = "this router keeps forwards only without an end, so it stays if edgeguard is not stopped cleanly"
		if r.EndlessWhy != "" {
			out.note += " (" + r.EndlessWhy + ")"
		}
	case r.NoLeases:
		out.note = "this router does not show how long forwards last, so they are renewed by the clock"
	}
	return out
}

// add asks for the forward and reads it back.
func (k *Keeper) add(ctx context.Context, f *forward) outcome {
	err := k.ask(ctx, f)
	fault := (*fact.GatewayFault)(nil)
	switch {
	case ctx.Err() != nil:
		return outcome{}
	case err == nil:
		return k.confirm(ctx, f)
	case errors.As(err, &fault):
		return k.refused(ctx, f, fault)
	case errors.Is(err, fact.ErrNoRouter):
		return k.unreachable(f, err)
	}
	return k.unsure(ctx, f, err)
}

// mostLease is the longest lease there is (WANIPConnection:2, section 2.3.16).
const mostLease = 604800 * time.Second

// ask asks with the lease that this router takes, and learns which one
// that is: 725 says that it takes none that ends, and some say 402.
func (k *Keeper) ask(ctx context.Context, f *forward) error {
	k.noteAsked(f)
	lease, other := min(k.cfg.Lease, mostLease), time.Duration(0)
	if k.endless() {
		lease, other = other, lease
	}
	err := k.enter(ctx, f, lease)
	if isFault(err, codeOnlyPermanent, codeInvalidArgs) {
		if again := k.enter(ctx, f, other); again == nil {
			if other == 0 {
				k.learn(func(r *memory.Router) { r.NoEndless = false })
				k.rememberEndless("it refuses leases that end")
			} else {
				k.learn(func(r *memory.Router) { r.Endless, r.EndlessWhy, r.NoEndless = false, "", true })
			}
			lease, err = other, nil
		} else if !isFault(again, codeOnlyPermanent, codeInvalidArgs) {
			err = again
		}
	}
	if err == nil {
		f.added(lease, time.Now())
	}
	return err
}

// confirm reads back what the router has just taken.
func (k *Keeper) confirm(ctx context.Context, f *forward) outcome {
	e, err := k.gw.Get(ctx, f.Protocol, f.ExternalPort)
	switch {
	case isNoMapping(err):
		return k.unlisted(f, "the router took the forward, but does not list it")
	case err != nil:
		return k.unlisted(f, "the router took the forward, but it could not be read back: "+err.Error())
	case e.Internal != f.client && k.holder(f, e) == moved && !f.replaced:
		return k.replace(ctx, f) // it took our asking, and kept the old entry
	case e.Internal != f.client:
		return k.conflict(f, e)
	case !e.Enabled:
		return k.switchedOff(f)
	}
	k.noteMade(f, e)
	k.noteLease(f, e.Lease)
	out := k.active(f)
	out.wait = min(out.wait, k.between(30*time.Second, time.Minute))
	return out
}

// noteLease learns from the lease that was read back right after asking.
func (k *Keeper) noteLease(f *forward, left time.Duration) {
	f.readAfter(left, f.fresh, time.Now())
	if hidden := left == 0; f.addedLease > 0 && hidden != k.memory.Router(k.router).NoLeases {
		k.learn(func(r *memory.Router) { r.NoLeases = hidden })
	}
	if f.fresh && f.addedLease >= 2*tooSoon && left > 0 && left < tooSoon {
		k.rememberEndless("its leases end within moments")
	}
}

// replace deletes an entry of ours that leads elsewhere and asks again: many
// routers change an entry only for the host it leads to.
func (k *Keeper) replace(ctx context.Context, f *forward) outcome {
	f.replaced = true
	if err := k.delete(ctx, f.Protocol, f.ExternalPort); err != nil {
		return k.failed(f, "an entry of edgeguard's own, from before the service's address changed, could not be deleted: "+err.Error(), actionRouter)
	}
	k.log.Info("deleted an entry of our own that led elsewhere", "service", f.Service, "port", f.ExternalPort)
	return k.add(ctx, f)
}

// unsure follows an Add whose outcome is unknown: what is there now decides.
func (k *Keeper) unsure(ctx context.Context, f *forward, cause error) outcome {
	e, err := k.gw.Get(ctx, f.Protocol, f.ExternalPort)
	switch {
	case err == nil && k.holder(f, e) == ours && e.Enabled:
		f.seen(e.Lease, time.Now())
		if at := f.renewAt(k.cfg.Lease, time.Now()); at.IsZero() || at.After(time.Now()) {
			k.noteMade(f, e)
			return k.active(f)
		}
	case err == nil && k.holder(f, e) == others:
		return k.conflict(f, e)
	case err == nil && k.holder(f, e) == byHand:
		return k.handMade(f, e)
	case isNoMapping(err):
		return k.failed(f, "the router did not make the forward: "+cause.Error(), actionRouter)
	}
	return k.unlisted(f, "could not confirm the forward: "+cause.Error())
}

func isNoMapping(err error) bool { return errors.Is(err, fact.ErrNoMapping) }

// isFault reports whether err is a router's refusal with one of the codes.
func isFault(err error, codes ...int) bool {
	fault := (*fact.GatewayFault)(nil)
	return errors.As(err, &fault) && slices.Contains(codes, fault.Code)
}
