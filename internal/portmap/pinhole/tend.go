package pinhole

// One round for one pinhole: is it there, is it time to renew it, is it to be
// opened?

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
)

// outcome is how a round ended.
type outcome struct {
	state    State
	problem  string // LastError
	action   string
	note     string
	internal netip.AddrPort // what it was about; invalid leaves what there was
	refused  bool
	wait     time.Duration // until the next round
	// unspoken is whether the router does not speak this method at all, and
	// elsewhere whether another method may do what this one did not.
	unspoken, elsewhere bool
}

// tend looks after one pinhole.
func (k *Keeper) tend(ctx context.Context, h *hole) outcome {
	addr, known := h.Address()
	switch {
	case !known:
		return outcome{state: StateWaiting, note: "the service's IPv6 address is not known, so nothing is opened and nothing is closed", wait: lookWait}
	case !isGlobal(addr):
		return outcome{state: StateWaiting, note: fmt.Sprintf("the service's IPv6 address %s is not one that the internet can reach", addr), wait: lookWait}
	}
	want := record{service: h.Service, protocol: h.Protocol, internal: netip.AddrPortFrom(addr, h.Port), lease: k.cfg.Lease, router: k.fw.Identity()}
	k.dismiss(h, want)
	out := k.byMethods(ctx, h, want)
	out.internal = want.internal
	return out
}

// dismiss lets go of what was opened for another address, or on another router.
func (k *Keeper) dismiss(h *hole, want record) {
	if a := h.asked; a != nil && (a.internal != want.internal || a.elsewhere(want.router)) {
		k.retire(*a, false)
		h.asked = nil
	}
	if h.made == nil {
		return
	}
	switch m := *h.made; {
	case m.internal != want.internal, m.elsewhere(want.router),
		!slices.Contains(k.cfg.Methods, m.method):
		k.retire(m, h.sure)
	case time.Now().Before(m.ends):
		return
	}
	h.made, h.sure = nil, false
}

// byMethods asks in the method that has opened the pinhole, or else in one
// after the other.
func (k *Keeper) byMethods(ctx context.Context, h *hole, want record) outcome {
	var best outcome
	asked := false
	for _, method := range k.cfg.Methods {
		if h.made != nil && h.made.method != method {
			continue
		}
		var out outcome
		switch method {
		case fact.MethodIGD:
			out = k.byIGD(ctx, h, want)
		case fact.MethodPCP:
			out = k.byPCP(ctx, h, want)
		default:
			continue
		}
		if ctx.Err() != nil || !out.unspoken && !out.elsewhere {
			return out
		}
		if !asked || best.unspoken && !out.unspoken {
			best = out // what a router says is worth more than that it says nothing
		}
		asked = true
	}
	if !asked {
		return k.none(h, want, "no protocol that can open one is to be used")
	}
	if best.unspoken {
		return k.none(h, want, best.problem)
	}
	return best
}

// byIGD looks after a pinhole by UPnP.
func (k *Keeper) byIGD(ctx context.Context, h *hole, want record) outcome {
	if h.made == nil || !h.sure {
		return k.open(ctx, h, want)
	}
	if due := h.made.ends.Add(-h.made.lease / 2); !time.Now().Before(due) {
		err := k.fw.UpdatePinhole(k.changing, h.made.id, want.pinhole())
		if err == nil {
			k.opened(h, want, h.made.id)
			return k.active(h)
		}
		if !isFault(err) {
			return k.unsure(h, "renewing it failed: "+err.Error())
		}
		return k.open(ctx, h, want) // mostly 704: it is gone
	}
	if h.blind {
		return k.active(h)
	}
	working, err := k.fw.CheckPinhole(ctx, h.made.id, want.pinhole())
	switch {
	case err == nil && working:
		return k.active(h)
	case err == nil, isFault(err):
		// 704 says that it is gone, and miniupnpd up to 2.3.4 says 402 or 606
		// then. Opening one that is there opens no second.
		return k.open(ctx, h, want)
	}
	return k.unsure(h, "the router could not be asked whether it stands: "+err.Error())
}

// open asks the router for its settings and then for the pinhole, and checks
// it. Where it is there already that renews it.
func (k *Keeper) open(ctx context.Context, h *hole, want record) outcome {
	enabled, inbound, err := k.fw.FirewallStatus(ctx)
	switch {
	case errors.Is(err, fact.ErrNoFirewall), errors.Is(err, fact.ErrNoRouter):
		h.sure = false
		return outcome{unspoken: true, problem: err.Error()}
	case err != nil && !isFault(err):
		return k.unsure(h, "the router could not be asked: "+err.Error())
	case err == nil && !enabled:
		h.made = nil
		return k.unfiltered()
	case err == nil && !inbound:
		return k.refused(h, want, &fact.GatewayFault{Action: "GetFirewallStatus", Code: codeNotAllowed})
	}
	if ctx.Err() != nil {
		return outcome{}
	}
	want.method = fact.MethodIGD
	k.asking(h, want)
	id, err := k.fw.AddPinhole(k.changing, want.pinhole())
	if err == nil || isFault(err) || errors.Is(err, fact.ErrNoFirewall) {
		h.asked = nil
	}
	if fault := (*fact.GatewayFault)(nil); errors.As(err, &fault) {
		h.sure = false
		out := k.refused(h, want, fault)
		if out.state == StateFailed && h.made != nil {
			out.state = StateUnconfirmed // what was opened before may stand until its end
		}
		return out
	}
	switch {
	case errors.Is(err, fact.ErrNoFirewall), errors.Is(err, fact.ErrNoRouter):
		h.sure = false
		return outcome{unspoken: true, problem: err.Error()}
	case err != nil:
		return k.unsure(h, "whether the router opened it is not known: "+err.Error())
	}
	k.opened(h, want, id)
	k.save() // before anything else can go wrong
	return k.confirm(ctx, h, want)
}

// asking notes, before the router is asked, what may be open from now on.
func (k *Keeper) asking(h *hole, want record) {
	want.id, want.router = unknownID, k.fw.Identity()
	want.ends, want.doubt = time.Now().Add(want.lease), time.Now().Add(doubtFor)
	h.asked = &want
	k.save()
}

// opened notes that the router has opened or renewed the pinhole.
func (k *Keeper) opened(h *hole, want record, id uint16) {
	want.method, want.id, want.ends = fact.MethodIGD, id, time.Now().Add(want.lease)
	if want.router = k.fw.Identity(); want.router == "" && h.made != nil {
		want.router = h.made.router
	}
	h.made, h.sure = &want, true
}

// confirm asks whether what was just opened stands.
func (k *Keeper) confirm(ctx context.Context, h *hole, want record) outcome {
	working, err := k.fw.CheckPinhole(ctx, h.made.id, want.pinhole())
	fault := (*fact.GatewayFault)(nil)
	switch {
	case err == nil && working:
		return k.active(h)
	case err == nil:
		return k.unsure(h, "the router took it and says that it does not work")
	case errors.As(err, &fault) && fault.Code == codeNoSuchEntry:
		h.sure = false
		return k.unsure(h, "the router took it and does not know it (error 704)")
	case fault != nil:
		h.blind = true
		return k.active(h)
	}
	return k.unsure(h, "the router took it and could not be asked whether it stands: "+err.Error())
}

// byPCP looks after a pinhole by PCP, which can be asked only by asking again.
func (k *Keeper) byPCP(ctx context.Context, h *hole, want record) outcome {
	want.method = fact.MethodPCP
	if h.made != nil && h.sure && time.Now().Before(h.made.ends.Add(-h.made.lease/2)) {
		return k.active(h)
	}
	if h.nonce == [12]byte{} {
		rand.Read(h.nonce[:]) // never fails
	}
	want.nonce = h.nonce
	if ctx.Err() != nil {
		return outcome{}
	}
	k.asking(h, want)
	grant, err := k.fw.Map(k.changing, want.request())
	if err == nil || errors.Is(err, fact.ErrNotSpoken) || errors.As(err, new(*fact.MapFault)) {
		h.asked = nil
	}
	fault := (*fact.MapFault)(nil)
	switch {
	case errors.Is(err, fact.ErrNotSpoken):
		h.sure = false
		return outcome{unspoken: true, problem: err.Error()}
	case errors.As(err, &fault):
		h.made, h.sure = nil, false
		out := k.failed(h, "the router refused the pinhole by PCP: "+fault.Text, byHand(want))
		out.elsewhere = true
		return out
	case err != nil:
		// Asked for again with this nonce, it is the same one.
		return k.unsure(h, "whether the router opened it is not known: "+err.Error())
	}
	want.lease = min(max(grant.Lease.Truncate(time.Second), time.Second), maxLease)
	want.ends, want.router = time.Now().Add(want.lease), k.fw.Identity()
	h.made, h.sure = &want, true
	k.save()
	if grant.External.Port() != want.internal.Port() {
		k.retire(want, true)
		h.made, h.sure = nil, false
		return k.failed(h, fmt.Sprintf("the router opened port %d in place of %d, which clients do not dial, so it is given back", grant.External.Port(), want.internal.Port()), byHand(want))
	}
	out := k.active(h)
	if at := grant.External.Addr(); at.Is6() && !at.IsUnspecified() && at != want.internal.Addr() {
		out.problem = fmt.Sprintf("the internet reaches it at %s and not at its own address", at)
		out.action = "Let the name's AAAA record lead to that address."
	}
	return out
}

// active is the outcome where the pinhole stands.
func (k *Keeper) active(h *hole) outcome {
	wait := time.Until(h.made.ends.Add(-h.made.lease / 2))
	out := outcome{state: StateActive}
	if h.made.method == fact.MethodIGD {
		if h.blind {
			out.note = "this router does not tell whether a pinhole stands"
		} else {
			wait = min(wait, loop.Jitter(k.cfg.Check, k.cfg.Rand))
		}
	}
	out.wait = max(wait, time.Second)
	return out
}

// unsure is the outcome where the router could not be asked, or gave no clear
// answer.
func (k *Keeper) unsure(h *hole, problem string) outcome {
	out := k.failed(h, problem, actionRouter)
	if h.made != nil && time.Now().Before(h.made.ends) {
		out.state = StateUnconfirmed
		out.wait = min(out.wait, max(time.Until(h.made.ends), time.Second))
	}
	return out
}

func (k *Keeper) failed(h *hole, problem, action string) outcome {
	return outcome{state: StateFailed, problem: problem, action: action, refused: true,
		wait: loop.Backoff(h.failures, 5*time.Second, 5*time.Minute, k.cfg.Rand)}
}

// isFault reports whether err is the router's refusal by UPnP.
func isFault(err error) bool {
	fault := (*fact.GatewayFault)(nil)
	return errors.As(err, &fault)
}
