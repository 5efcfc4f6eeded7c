package portmap

// Outcomes that are not good, each with its plain sentence, what a person can
// do, and how long to wait.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	actionRouter = "Look whether the router answers at all; restarting it often helps. If it stays so, forward the port in the router by hand."
	actionByHand = "Switch on UPnP (automatic port forwarding) for this host in the router, or forward the port there by hand and set enabled = false under [portmap]."
)

// refused explains a router's refusal of Add.
func (k *Keeper) refused(ctx context.Context, f *forward, fault *fact.GatewayFault) outcome {
	switch fault.Code {
	case codeConflict:
		return k.contested(ctx, f)
	case codeActionFailed:
		return k.actionFailed(ctx, f, fault)
	}
	problem, action := explain(fault, f.ExternalPort, k.gw.Describe())
	out := k.failed(f, problem, action)
	out.wait = k.backoff(f, 30*time.Second, 15*time.Minute)
	if fault.Code == codeNotAuthorized {
		out.wait = k.backoff(f, 5*time.Minute, 30*time.Minute) // only a person can change it
	}
	return out
}

// explain says in words what an error code means, and what to do about it.
func explain(fault *fact.GatewayFault, port uint16, router string) (problem, action string) {
	switch fault.Code {
	case codeNotAuthorized:
		action = "Allow this host to forward ports in the router's UPnP settings, or forward the port there by hand and set enabled = false under [portmap]."
		if strings.Contains(strings.ToUpper(router), "FRITZ") {
			action = "In the FRITZ!Box, open this host under Internet > Freigaben and tick “Selbstständige Portfreigaben” (permit independent port sharing)."
		}
		return "the router does not permit this forward (error 606): this host may not forward ports, or not to another host than itself", action
	case codeSamePort:
		return "the router forwards a port only to the same port inside (error 724)",
			"Make the service's external_port and the port of its address the same."
	case codeTableFull:
		return "the router's table of forwards is full (error 728)",
			"Delete forwards in the router that nobody needs, or restart it."
	case codeOtherService:
		return fmt.Sprintf("port %d is taken by a forward set up in the router or by a service of its own (error 729)", port),
			fmt.Sprintf("Delete the router's own rule for port %d (or move its remote access to another port), or choose another external_port.", port)
	}
	return fmt.Sprintf("the router refused the forward: error %d (%s)", fault.Code, fault.Text), actionByHand
}

// contested follows error 718, which says that the port is taken and is also
// what a router in secure mode says of a forward to another host.
func (k *Keeper) contested(ctx context.Context, f *forward) outcome {
	e, err := k.gw.Get(ctx, f.Protocol, f.ExternalPort)
	switch {
	case isNoMapping(err):
		out := k.failed(f, fmt.Sprintf("the router's secure mode refuses a forward to another host than the one asking (error 718): it would lead to %s", f.Internal.Addr()),
			fmt.Sprintf("Run edgeguard on %s itself (in a container, with the host's network), switch secure mode off in the router, or forward the port there by hand.", f.Internal.Addr()))
		out.wait = k.backoff(f, time.Minute, 15*time.Minute)
		return out
	case err != nil:
		return k.failed(f, "the router says that the port is taken (error 718), and by whom could not be read: "+err.Error(), actionRouter)
	}
	switch f.holder(e) {
	case ours:
		f.seen(e.Lease, time.Now())
		if !e.Enabled {
			return k.switchedOff(f)
		}
		f.renewAfter = time.Now().Add(conflictWait)
		return k.active(f)
	case byHand:
		return k.handMade(f, e)
	}
	return k.conflict(f, e)
}

// actionFailed follows error 501, which says nothing. The usual reason is that
// the router itself has no public address.
func (k *Keeper) actionFailed(ctx context.Context, f *forward, fault *fact.GatewayFault) outcome {
	const action = "Look at the router's internet page. Behind another router, put that one in bridge mode or forward the port there too; behind the provider's NAT (100.64.0.0/10), ask the provider for a public IPv4 address."
	seen, err := k.gw.ExternalAddress(ctx)
	problem := fmt.Sprintf("the router refused the forward without a reason: error 501 (%s)", fault.Text)
	var todo = actionRouter
	switch {
	case err == nil && seen.State == fact.None:
		problem, todo = "the router's WAN address is missing or not public: forwarding cannot work", action
	case err == nil && seen.State == fact.Known && !public(seen.Addr):
		problem, todo = fmt.Sprintf("the router's WAN address is %s, which is not public: forwarding cannot work", seen.Addr), action
	}
	out := k.failed(f, problem, todo)
	out.wait = k.backoff(f, 30*time.Second, 15*time.Minute)
	return out
}

// conflict is the outcome where another holds the port.
func (k *Keeper) conflict(f *forward, e fact.Mapping) outcome {
	wait := k.between(conflictWait*9/10, conflictWait)
	if e.Lease > 0 {
		wait = min(wait, max(e.Lease+2*time.Second, 30*time.Second))
	}
	return outcome{
		state:    StateConflict,
		conflict: heldBy(f, e),
		action:   fmt.Sprintf("Delete that entry in the router or wait for its end, or choose another external_port for the service %q.", f.Service),
		wait:     wait,
	}
}

// heldBy says who holds a port, and for how long.
func heldBy(f *forward, e fact.Mapping) string {
	who := e.Internal.Addr().String()
	if e.Internal.Addr() == f.Internal.Addr() {
		who = fmt.Sprintf("port %d of %s", e.Internal.Port(), who)
	}
	text := fmt.Sprintf("port %d is held by %s", f.ExternalPort, who)
	if e.Description != "" {
		text += " '" + e.Description + "'"
	}
	if e.Lease == 0 {
		return text + ", without an end"
	}
	return text + " for another " + inWords(e.Lease)
}

// inWords rounds a duration to something a person would say.
func inWords(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Round(time.Second)/time.Second))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Round(time.Minute)/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Round(time.Hour)/time.Hour))
	}
	return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
}

// handMade is the outcome where somebody set up the same forward.
func (k *Keeper) handMade(f *forward, e fact.Mapping) outcome {
	if !e.Enabled {
		return k.switchedOff(f)
	}
	wait := k.cfg.ReadBack
	if e.Lease > 0 {
		wait = min(wait, e.Lease+time.Second)
	}
	f.expires = time.Time{}
	f.ends(e.Lease, time.Now())
	note := "somebody else has set up this forward in the router, so edgeguard leaves it alone"
	if e.Description != "" {
		note = fmt.Sprintf("somebody else has set up this forward in the router ('%s'), so edgeguard leaves it alone", e.Description)
	}
	return outcome{state: StateActive, note: note, wait: wait}
}

func (k *Keeper) switchedOff(f *forward) outcome {
	return k.failed(f, fmt.Sprintf("the router lists the forward of port %d, but it is switched off there", f.ExternalPort),
		"Switch the forward on in the router, or delete it there so that edgeguard can make its own.")
}

// unreachable is the outcome where the router could not be asked.
func (k *Keeper) unreachable(f *forward, err error) outcome {
	if errors.Is(err, fact.ErrNoRouter) {
		out := k.failed(f, err.Error(), actionByHand)
		out.refused = false // a kick means that there is a router now
		return out
	}
	stands := !f.addedAt.IsZero() && (f.addedLease == 0 || time.Now().Before(f.addedAt.Add(f.addedLease)))
	if stands {
		return k.unlisted(f, "the router took the forward, but it could not be read back: "+err.Error())
	}
	return k.failed(f, "the router could not be asked: "+err.Error(), actionRouter)
}

// unlisted is the outcome where the router took the forward, or may have, and
// reading it back does not show it.
func (k *Keeper) unlisted(f *forward, problem string) outcome {
	return outcome{state: StateUnconfirmed, problem: problem, action: actionRouter, refused: true,
		wait: max(k.backoff(f, 5*time.Second, conflictWait), 5*time.Second)}
}

func (k *Keeper) failed(f *forward, problem, action string) outcome {
	return outcome{state: StateFailed, problem: problem, action: action, refused: true,
		wait: k.backoff(f, 5*time.Second, conflictWait)}
}

// sharedSpace is the address space of carriers' NAT (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// public reports whether the internet can reach addr. It explains a refusal
// and decides nothing.
func public(addr netip.Addr) bool {
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && !sharedSpace.Contains(addr)
}
