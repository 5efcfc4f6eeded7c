package portmap

// One round for one forward: the methods in their order, until one of them
// makes it or says something that holds for all.

import (
	"context"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/memory"
)

// firstAgain is how long a method that works is kept before the first of the
// list is tried again.
const firstAgain = time.Hour

// outcome is how a round ended, or one method's part in it.
type outcome struct {
	state    State
	method   fact.Method
	problem  string // LastError
	conflict string
	action   string
	steps    []string
	note     string
	until    time.Time // LeaseExpiresAt
	refused  bool
	wait     time.Duration // until the next round

	looked  bool // the router has just shown or granted it
	next    bool // another method may do what this one did not
	absent  bool // the router does not speak this method, or it cannot serve here
	ownHost bool // that is because the service is on another host than this one
	offered bool // another port was granted in the place of ours
	direct  bool // somebody's entry leads to the service itself, past the relay
}

// tend looks at f's forward and does what is needed.
func (k *Keeper) tend(ctx context.Context, f *forward) outcome {
	if k.manual() {
		return k.byHand(f, "")
	}
	k.meet()
	f.replaced, f.blind = false, false
	mode := k.relayMode(f)
	if mode == RelayOn || mode == RelayAuto && k.ownHostOnly() {
		return k.relayed(ctx, f)
	}
	f.client = f.Internal
	out := k.walk(ctx, f)
	switch {
	case ctx.Err() != nil:
	case out.ownHost && mode == RelayAuto:
		if out = k.relayed(ctx, f); out.state == StateActive && !out.direct {
			k.learn(func(r *memory.Router) { r.OwnHostOnly = time.Now().Round(0).Truncate(time.Second) })
		}
	case out.state == StateActive:
		f.closeRelay()
		if mode == RelayAuto {
			k.learn(func(r *memory.Router) { r.OwnHostOnly = time.Time{} })
		}
	case mode == RelayOff:
		f.closeRelay()
	}
	return out
}

// walk tries the methods in their order.
func (k *Keeper) walk(ctx context.Context, f *forward) outcome {
	var failed []outcome
	for _, method := range k.order(f) {
		out := k.by(ctx, f, method)
		out.method = method
		if ctx.Err() != nil {
			return out
		}
		stands := f.grantStands() && f.grant.method != method
		if out.next || stands && (out.state == StateFailed || out.state == StateUnconfirmed) {
			failed = append(failed, out)
			continue
		}
		if out.offered && slices.ContainsFunc(failed, func(o outcome) bool { return telling(o) == 2 }) {
			// UPnP has said why this port is not to be had; another one offered
			// in its place does not mean that somebody holds it.
			wait := out.wait
			out = k.none(f, failed)
			out.wait = min(out.wait, wait)
			return out
		}
		if out.state == StateActive {
			out = k.chosen(ctx, f, out)
		}
		return out
	}
	return k.none(f, failed)
}

// by does one method's part.
func (k *Keeper) by(ctx context.Context, f *forward, method fact.Method) outcome {
	if method == fact.MethodIGD {
		return k.byIGD(ctx, f)
	}
	return k.byGrant(ctx, f, method)
}

// order is the order of the methods for f: what works is kept, and after a
// while, or on another router, the first is tried again.
func (k *Keeper) order(f *forward) []fact.Method {
	methods, now := k.cfg.Methods, time.Now()
	liked := f.method
	if liked == "" {
		liked = k.memory.Router(k.router).Method
		if f.firstAt.IsZero() {
			f.firstAt = now.Add(firstAgain)
		}
	}
	if !slices.Contains(methods, liked) || liked == methods[0] || !now.Before(f.firstAt) {
		return methods
	}
	rest := slices.DeleteFunc(slices.Clone(methods), func(m fact.Method) bool { return m == liked })
	return append([]fact.Method{liked}, rest...)
}

// chosen notes the method that worked, and takes away what others made.
func (k *Keeper) chosen(ctx context.Context, f *forward, out outcome) outcome {
	if f.method != out.method || !time.Now().Before(f.firstAt) {
		f.firstAt = time.Now().Add(firstAgain)
	}
	if f.method != out.method && f.method != "" {
		k.log.Info("another method forwards the port now", "service", f.Service, "from", f.method, "to", out.method)
	}
	f.method = out.method
	k.learn(func(r *memory.Router) { r.Method = out.method })
	if out.method != k.cfg.Methods[0] {
		out.wait = min(out.wait, max(time.Until(f.firstAt), 0)+time.Second)
	}
	if !k.giveBack(ctx, f, out.method) || out.method != fact.MethodIGD {
		return out
	}
	// Routers with one table for all methods have taken ours away with it.
	f.fresh = true
	defer func() { f.fresh = false }()
	if again := k.byIGD(ctx, f); ctx.Err() == nil {
		again.method, again.next = out.method, false
		return again
	}
	return out
}

// none is the outcome where no method made the forward.
func (k *Keeper) none(f *forward, failed []outcome) outcome {
	best := failed[0]
	absent := true
	for _, out := range failed {
		absent = absent && out.absent
		if telling(out) > telling(best) {
			best = out
		}
	}
	if first := failed[0]; best.absent && best.ownHost && !first.ownHost {
		best.problem = first.problem + ", and " + best.problem
	}
	best.next = false
	if f.grantStands() {
		return k.notRenewed(f, best.problem, best.action)
	}
	f.lapse()
	if !absent {
		return best
	}
	if f.worked {
		best.problem = "the router gives no answer now that would make the forward, though it did before: " + best.problem
		best.action = actionSilent
		return best
	}
	out := k.byHand(f, best.problem)
	if out.ownHost = best.ownHost; out.ownHost {
		out.action = best.action // which names the forward by hand, too
		if slices.Contains(k.cfg.Methods, fact.MethodIGD) {
			out.action = "Switch on UPnP in the router. Or: " + out.action
		}
	}
	out.wait = best.wait
	return out
}

// telling ranks what methods say, for people: a refusal says more than that
// only this host may ask, and that more than silence.
func telling(out outcome) int {
	switch {
	case out.absent && !out.ownHost:
		return 0
	case out.absent:
		return 1
	}
	return 2
}
