package portmap

// One round for one forward: read back, judge, ask, read back.

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// UPnP error codes (WANIPConnection:2, section 2.4.3 and following).
const (
	codeInvalidArgs   = 402
	codeActionFailed  = 501
	codeNotAuthorized = 606
	codeConflict      = 718
	codeSamePort      = 724
	codeOnlyPermanent = 725
	codeTableFull     = 728
	codeOtherService  = 729
)

// outcome is how a round ended.
type outcome struct {
	state    State
	problem  string // LastError
	conflict string
	action   string
	note     string
	refused  bool
	wait     time.Duration // until the next round
}

// tend looks at the router's entry for f and does what is needed.
func (k *Keeper) tend(ctx context.Context, f *forward) outcome {
	entry, err := k.gw.Get(ctx, f.Protocol, f.ExternalPort)
	fault := (*fact.GatewayFault)(nil)
	switch {
	case err == nil:
		return k.judge(ctx, f, entry)
	case isNoMapping(err):
		if f.vanished(time.Now()) {
			k.rememberEndless("its leases end at once")
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
	switch f.holder(e) {
	case ours:
		f.seen(e.Lease, now)
		at := f.renewAt(k.cfg.Lease, now)
		if e.Enabled && (at.IsZero() || at.After(now)) {
			return k.active(f)
		}
		return k.renew(ctx, f, e)
	case byHand:
		return k.handMade(f, e)
	case stale:
		return k.add(ctx, f)
	}
	return k.conflict(f, e)
}

// renew asks again for an entry that stands. Where that fails it still stands,
// and the failure is only a warning.
func (k *Keeper) renew(ctx context.Context, f *forward, e fact.Mapping) outcome {
	stands := e.Enabled
	end := f.expires
	out := k.add(ctx, f)
	if stands && (out.state == StateFailed || out.state == StateUnconfirmed) && (end.IsZero() || end.After(time.Now())) {
		out.state = StateActive
		out.problem = "the forward stands, but renewing it failed: " + out.problem
		if f.expires = end; !end.IsZero() {
			out.wait = min(out.wait, time.Until(end)+time.Second)
		}
	}
	return out
}

// active is the outcome where our entry is in force.
func (k *Keeper) active(f *forward) outcome {
	wait := k.cfg.ReadBack
	now := time.Now()
	if at := f.renewAt(k.cfg.Lease, now); at.After(now) {
		wait = min(wait, at.Sub(now))
	}
	out := outcome{state: StateActive, wait: wait}
	if !f.expires.IsZero() {
		out.wait = min(out.wait, f.expires.Sub(now)+time.Second)
	}
	if k.endless[k.gw.Identity()] {
		out.note = "this router keeps forwards only without an end, so it stays if edgeguard is not stopped cleanly"
	}
	return out
}

// add asks for the forward and reads it back.
func (k *Keeper) add(ctx context.Context, f *forward) outcome {
	err := k.ask(ctx, f)
	fault := (*fact.GatewayFault)(nil)
	switch {
	case err == nil:
		return k.confirm(ctx, f)
	case ctx.Err() != nil:
		return outcome{}
	case errors.As(err, &fault):
		return k.refused(ctx, f, fault)
	case errors.Is(err, fact.ErrNoRouter):
		return k.unreachable(f, err)
	}
	return k.unsure(ctx, f, err)
}

// ask calls Add with the lease that this router takes, and learns which one
// that is: 725 says that it takes none that ends, and some say 402.
func (k *Keeper) ask(ctx context.Context, f *forward) error {
	f.asked = true
	id := k.gw.Identity()
	lease, other := k.cfg.Lease, time.Duration(0)
	if k.endless[id] {
		lease, other = other, lease
	}
	err := k.gw.Add(ctx, f.wanted(lease))
	if isFault(err, codeOnlyPermanent, codeInvalidArgs) {
		if again := k.gw.Add(ctx, f.wanted(other)); again == nil {
			if other == 0 {
				k.rememberEndless("it refuses leases that end")
			} else {
				delete(k.endless, id)
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

func (k *Keeper) rememberEndless(why string) {
	if id := k.gw.Identity(); id != "" && !k.endless[id] {
		k.endless[id] = true
		k.log.Info("asking this router for forwards without an end from now on", "router", k.gw.Describe(), "reason", why)
	}
}

// confirm reads back what the router has just taken.
func (k *Keeper) confirm(ctx context.Context, f *forward) outcome {
	e, err := k.gw.Get(ctx, f.Protocol, f.ExternalPort)
	switch {
	case isNoMapping(err):
		return k.unlisted(f, "the router took the forward, but does not list it")
	case err != nil:
		return k.unlisted(f, "the router took the forward, but it could not be read back: "+err.Error())
	case e.Internal != f.Internal:
		return k.conflict(f, e)
	case !e.Enabled:
		return k.switchedOff(f)
	}
	if f.altered = ""; f.holder(e) == byHand {
		f.altered = e.Description
	}
	now := time.Now()
	f.seen(e.Lease, now)
	f.granted = e.Lease
	if f.addedLease > 0 && e.Lease > 0 && e.Lease < f.addedLease/2 {
		// The renewal did not lengthen it: ask again only as its end nears.
		f.granted, f.renewAfter = f.addedLease, now.Add(max(e.Lease/2, 5*time.Second))
		if f.fresh && e.Lease < tooSoon {
			k.rememberEndless("its leases end within moments")
		}
	}
	out := k.active(f)
	out.wait = min(out.wait, k.between(30*time.Second, time.Minute))
	return out
}

// unsure follows an Add whose outcome is unknown: what is there now decides.
func (k *Keeper) unsure(ctx context.Context, f *forward, cause error) outcome {
	e, err := k.gw.Get(ctx, f.Protocol, f.ExternalPort)
	switch {
	case err == nil && f.holder(e) == ours && e.Enabled:
		f.seen(e.Lease, time.Now())
		if at := f.renewAt(k.cfg.Lease, time.Now()); at.IsZero() || at.After(time.Now()) {
			return k.active(f)
		}
	case err == nil && f.holder(e) == others:
		return k.conflict(f, e)
	case err == nil && f.holder(e) == byHand:
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
