package portmap

// The refusals of UPnP-IGD: each error code with its reaction, its plain
// sentence, and what a person can do.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// UPnP error codes (UPnP Device Architecture 1.1, section 3.2.2;
// WANIPConnection:2, section 2.5.16 and following).
const (
	codeInvalidAction   = 401
	codeInvalidArgs     = 402
	codeActionFailed    = 501
	codeNotImplemented  = 602
	codeNotAuthorized   = 606
	codeNoSuchEntry     = 714
	codeSourceWildcard  = 715
	codePortWildcard    = 716
	codeConflict        = 718
	codeSamePort        = 724
	codeOnlyPermanent   = 725
	codeAnySourceOnly   = 726
	codeAnyPortOnly     = 727
	codeTableFull       = 728
	codeOtherService    = 729
	codeClientWildcard  = 732
	leastRefused        = 30 * time.Second
	mostRefused         = 15 * time.Minute
	leastNotAuthorized  = 5 * time.Minute // only a person can change it
	mostNotAuthorized   = 30 * time.Minute
	mostListed          = 256 // entries of a full table that are counted
	actionOwnRequest    = "Forward the port in the router by hand and set methods = [\"manual\"] under [portmap]; a firmware update of the router may help, too."
	sentenceOwnRequest  = "the router does not take the request (error %d): "
	sentenceStaticRule  = "port %d is taken by a forward set up in the router or by a service of its own (error 729)"
	sentenceNoWAN       = "the router's WAN address is missing or not public: forwarding cannot work"
	sentenceWANNoPublic = "the router's WAN address is %s, which is not public: forwarding cannot work"
)

// refused follows a router's refusal of Add.
func (k *Keeper) refused(ctx context.Context, f *forward, fault *fact.GatewayFault) outcome {
	switch fault.Code {
	case codeConflict:
		return k.contested(ctx, f)
	case codeActionFailed:
		return k.actionFailed(ctx, f, fault)
	}
	problem, action := explain(fault, f.ExternalPort, k.gw.Describe())
	out := k.refusal(f, problem, action)
	switch fault.Code {
	case codeTableFull:
		problem = k.crowd(ctx)
		out.problem += problem
	case codeNotAuthorized:
		out.wait = k.backoff(f, leastNotAuthorized, mostNotAuthorized)
		if k.otherClient(f) {
			out.ownHost = true
			out.problem = fmt.Sprintf("the router does not permit this forward (error 606): this host may not forward ports, or only to itself, and %s is another host", f.client.Addr())
			out.action = k.otherHostAction(f) + " Or: " + action
		}
	}
	return out
}

// refusal is the outcome where the router answered that it will not; another
// method may still do it.
func (k *Keeper) refusal(f *forward, problem, action string) outcome {
	out := k.failed(f, problem, action)
	out.next = true
	out.wait = k.backoff(f, leastRefused, mostRefused)
	return out
}

// otherClient reports whether the router is to lead to another host than this
// one, as far as is known.
func (k *Keeper) otherClient(f *forward) bool {
	local := k.gw.Local()
	return local.IsValid() && f.client.Addr() != local
}

// explain says in words what an error code means, and what to do about it.
func explain(fault *fact.GatewayFault, port uint16, router string) (problem, action string) {
	own := fmt.Sprintf(sentenceOwnRequest, fault.Code)
	switch fault.Code {
	case codeInvalidAction, codeNotImplemented:
		return fmt.Sprintf("the router speaks UPnP, but offers no way to add a forward (error %d)", fault.Code), actionByHand
	case codeInvalidArgs:
		return own + "it finds its form wrong, with a lease and without", actionOwnRequest
	case codeNotAuthorized:
		action = "Allow this host to forward ports in the router's UPnP settings, or forward the port there by hand and set methods = [\"manual\"] under [portmap]."
		if strings.Contains(strings.ToUpper(router), "FRITZ") {
			action = "In the FRITZ!Box, open this host under Internet > Freigaben and tick “Selbstständige Portfreigaben” (permit independent port sharing)."
		}
		return "the router does not permit this forward (error 606): this host may not forward ports, or not to another host than itself", action
	case codeNoSuchEntry:
		return "the router says that there is no such forward when asked to make it (error 714)", actionRouter
	case codeSourceWildcard:
		return own + "it forwards only for one named host in the internet, and not for all", actionOwnRequest
	case codePortWildcard:
		return fmt.Sprintf("%sit takes port %d for no real port", own, port), actionOwnRequest
	case codeAnySourceOnly:
		return own + "it says that it forwards only for all hosts in the internet, which is what was asked for", actionOwnRequest
	case codeAnyPortOnly:
		return own + "it forwards only all ports at once, which edgeguard never asks for", actionOwnRequest
	case codeClientWildcard:
		return own + "it takes the service's port for no real port", actionOwnRequest
	case codeSamePort:
		return "the router forwards a port only to the same port inside (error 724)",
			"Make the service's external_port and the port of its address the same."
	case codeOnlyPermanent:
		return "the router takes only forwards without an end (error 725), and then not this one", actionOwnRequest
	case codeTableFull:
		return "the router's table of forwards is full (error 728)",
			"Delete forwards in the router that nobody needs, or restart it."
	case codeOtherService:
		return fmt.Sprintf(sentenceStaticRule, port),
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
		return k.noHolder(f, errors.As(err, new(*fact.GatewayFault)))
	case err != nil:
		out := k.failed(f, "the router says that the port is taken (error 718), and by whom could not be read: "+err.Error(), actionRouter)
		return out
	}
	switch k.holder(f, e) {
	case ours:
		f.asked = true
		f.seen(e.Lease, time.Now())
		if !e.Enabled {
			return k.switchedOff(f)
		}
		k.noteMade(f, e)
		f.renewAfter = time.Now().Add(conflictWait)
		return k.active(f)
	case granted:
		return k.refusal(f, "the router holds the port for edgeguard's own forward by another method (error 718)", actionRouter)
	case moved:
		if !f.replaced {
			return k.replace(ctx, f)
		}
	case byHand:
		return k.handMade(f, e)
	}
	return k.conflict(f, e)
}

// noHolder follows error 718 where the router lists no entry for the port.
// Unsure means that its answer to that could be any failure.
func (k *Keeper) noHolder(f *forward, unsure bool) outcome {
	if !k.otherClient(f) && k.gw.Local().IsValid() {
		return k.refusal(f, fmt.Sprintf("the router says that port %d is taken (error 718), but lists nobody who holds it", f.ExternalPort),
			fmt.Sprintf("Look in the router for a rule or a service of its own on port %d; restarting it often helps. Or choose another external_port for the service %q.", f.ExternalPort, f.Service))
	}
	problem := fmt.Sprintf("the router's secure mode refuses a forward to another host than the one asking (error 718): it would lead to %s", f.client.Addr())
	if unsure {
		problem += ", and the router names nobody else who holds the port"
	}
	out := k.refusal(f, problem, k.otherHostAction(f)+" Or switch secure mode off in the router.")
	out.ownHost = k.otherClient(f)
	out.wait = k.backoff(f, time.Minute, mostRefused)
	return out
}

// actionFailed follows error 501, which says nothing. The usual reason is that
// the router itself has no public address.
func (k *Keeper) actionFailed(ctx context.Context, f *forward, fault *fact.GatewayFault) outcome {
	problem, action := k.wanProblem(ctx)
	if problem == "" {
		problem, action = fmt.Sprintf("the router refused the forward without a reason: error 501 (%s)", fault.Text), actionRouter
	}
	return k.refusal(f, problem, action)
}

// wanProblem says what is wrong with the router's own address, by its own
// words; empty where nothing is known to be.
func (k *Keeper) wanProblem(ctx context.Context) (problem, action string) {
	seen, err := k.gw.ExternalAddress(ctx)
	switch {
	case err == nil && seen.State == fact.None:
		return sentenceNoWAN, actionWAN
	case err == nil && seen.State == fact.Known && !public(seen.Addr):
		return fmt.Sprintf(sentenceWANNoPublic, seen.Addr), actionWAN
	}
	return "", ""
}

// crowd says who fills the router's table, where it can be listed.
func (k *Keeper) crowd(ctx context.Context) string {
	full, ok := k.gw.(lister)
	if !ok {
		return ""
	}
	list, more, err := full.Table(ctx, mostListed)
	if err != nil || len(list) == 0 {
		return ""
	}
	counts := make(map[netip.Addr]int)
	var most netip.Addr
	for _, e := range list {
		host := e.Internal.Addr()
		counts[host]++
		if counts[host] > counts[most] || counts[host] == counts[most] && host.Less(most) {
			most = host
		}
	}
	count := fmt.Sprint(len(list))
	if more {
		count = "more than " + count
	}
	return fmt.Sprintf(": it has %s entries, and %s holds the most of them, %d", count, most, counts[most])
}
