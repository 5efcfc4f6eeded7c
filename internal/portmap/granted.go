package portmap

// The part of PCP and NAT-PMP in a round. They cannot be read back: what was
// granted counts, and only with the port that was wanted.

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
	"github.com/edgeguard/edgeguard/internal/portmap/memory"
)

// grantGap is the least time between two askings that hints bring: asking may
// make the router send the next hint.
const grantGap = time.Minute

// leastGrant is the least time between two askings, whatever a router grants
// (it should be two minutes or more: RFC 6887, section 15); mostGrant bounds
// what is believed of a granted lease.
const (
	leastGrant = 10 * time.Second
	mostGrant  = 7 * 24 * time.Hour
)

// grant is a mapping that stands by PCP or NAT-PMP.
type grant struct {
	method   fact.Method
	internal netip.AddrPort
	external netip.Addr // zero where the router does not tell it
	at       time.Time  // when it was last granted
	renewAt  time.Time
	until    time.Time
}

// names of the methods, for people.
var names = map[fact.Method]string{fact.MethodIGD: "UPnP-IGD", fact.MethodPCP: "PCP", fact.MethodNATPMP: "NAT-PMP"}

// byGrant asks for f by PCP or NAT-PMP, where it is time to.
func (k *Keeper) byGrant(ctx context.Context, f *forward, method fact.Method) outcome {
	if out, usable := k.onThisHost(f, method); !usable {
		return out
	}
	now := time.Now()
	if g := f.grant; g != nil && g.method == method && g.internal == f.client && now.Before(g.renewAt) {
		if f.woken == "" || f.hinted && now.Sub(g.at) < grantGap {
			return k.standing(f)
		}
	}
	q := k.request(f, method)
	got, err := k.askGrant(ctx, f, q)
	fault := (*fact.MapFault)(nil)
	switch {
	case err == nil && got.External.Port() == f.ExternalPort:
		return k.took(f, q, got)
	case err == nil:
		return k.otherPort(f, q, got.External.Port())
	case ctx.Err() != nil:
		return outcome{}
	case errors.As(err, &fault):
		return k.mapRefused(f, fault)
	case errors.Is(err, fact.ErrNotSpoken):
		out := k.failed(f, err.Error(), actionByHand)
		out.next, out.absent, out.refused = true, true, false
		return out
	}
	return k.unanswered(f, err)
}

// onThisHost reports whether the method can serve f at all: routers grant a
// mapping only to the host that asks.
func (k *Keeper) onThisHost(f *forward, method fact.Method) (outcome, bool) {
	local := k.gw.Local()
	if local.IsValid() && f.client.Addr() == local {
		return outcome{}, true
	}
	problem := fmt.Sprintf("%s forwards only to the host that asks, and which address of this one the router sees is not known, as in a container on a bridge", names[method])
	if local.IsValid() {
		problem = fmt.Sprintf("PCP and NAT-PMP forward only to the host that asks, which is %s, and not to %s", local, f.client.Addr())
	}
	out := k.failed(f, problem, k.otherHostAction(f))
	out.next, out.absent, out.ownHost, out.refused = true, true, local.IsValid(), false
	return out, false
}

// request is what is asked for, with the nonce of what may stand already. It
// is remembered before it is sent: the nonce alone proves later that the
// mapping is ours.
func (k *Keeper) request(f *forward, method fact.Method) fact.Request {
	q := fact.Request{Method: method, Protocol: f.Protocol, Internal: f.client, ExternalPort: f.ExternalPort,
		Lease: max(k.cfg.Lease.Truncate(time.Second), time.Second)}
	made, known := k.memory.Find(k.router, f.Protocol, f.ExternalPort, method, func(m memory.Made) bool { return m.Internal == f.client })
	if !known {
		made = k.record(f, method, f.client)
		if method == fact.MethodPCP {
			rand.Read(made.Nonce[:]) // never fails
		}
		k.memory.Keep(made)
		k.memory.Save()
	}
	q.Nonce = made.Nonce
	return q
}

// took notes a grant of the wanted port.
func (k *Keeper) took(f *forward, q fact.Request, got fact.Grant) outcome {
	now := time.Now()
	lease := min(max(got.Lease, time.Second), mostGrant)
	f.grant = &grant{method: q.Method, internal: f.client, external: got.External.Addr(), at: now,
		renewAt: now.Add(max(loop.Jitter(lease/2, k.cfg.Rand), leastGrant)), until: now.Add(lease)}
	out := k.standing(f)
	out.looked = true
	return out
}

// standing is the outcome where a grant is in force.
func (k *Keeper) standing(f *forward) outcome {
	g := f.grant
	out := outcome{state: StateActive, method: g.method, until: g.until, wait: max(min(time.Until(g.renewAt), longest), 0),
		note: fmt.Sprintf("granted by %s, which cannot be read back", names[g.method])}
	if g.external.IsValid() && !public(g.external) {
		out.note += fmt.Sprintf("; the router's own address is %s, which is not public", g.external)
		if g.external.IsUnspecified() {
			out.note = fmt.Sprintf("granted by %s, but the router says that it has no address of its own yet", names[g.method])
		}
	}
	return out
}

// otherPort is the outcome where the router granted another port than the one
// wanted: that one is another's, and what was granted is given back at once.
func (k *Keeper) otherPort(f *forward, q fact.Request, offered uint16) outcome {
	f.grant = nil
	q.ExternalPort = offered
	if err := k.gw.Unmap(k.changing, q); err != nil {
		k.log.Warn("could not give back the port that the router offered; it ends with its lease", "service", f.Service, "port", offered, "err", err)
	} else {
		k.memory.Forget(k.record(f, q.Method, q.Internal))
	}
	if f.blind && f.standsByClock(time.Now()) {
		return k.unlisted(f, fmt.Sprintf("the router offered port %d in the place of %d, which edgeguard's own forward by UPnP-IGD may still hold; that cannot be read now", offered, f.ExternalPort))
	}
	f.missing(time.Now())
	return outcome{
		state:    StateConflict,
		offered:  true,
		conflict: fmt.Sprintf("port %d is taken on the router: it offered %d instead", f.ExternalPort, offered),
		action: fmt.Sprintf("Find in the router who holds port %d (%s does not tell) and delete that forward, or choose another external_port for the service %q.",
			f.ExternalPort, names[q.Method], f.Service),
		wait: k.between(conflictWait*9/10, conflictWait),
	}
}

// unanswered is the outcome where it is not known what the router did.
func (k *Keeper) unanswered(f *forward, err error) outcome {
	if f.grantStands() {
		return k.notRenewed(f, err.Error(), actionRouter)
	}
	f.lapse()
	return k.unlisted(f, "could not confirm the forward: "+err.Error())
}

// lapse drops a grant that has ended.
func (f *forward) lapse() {
	if f.grant != nil && f.grant.internal == f.client && !f.grantStands() {
		f.grant = nil
		f.missing(time.Now())
	}
}

// grantStands reports whether what PCP or NAT-PMP granted for f is in force,
// by what the router said.
func (f *forward) grantStands() bool {
	return f.grant != nil && f.grant.internal == f.client && time.Now().Before(f.grant.until)
}

// notRenewed is the outcome where a grant stands and asking again failed.
func (k *Keeper) notRenewed(f *forward, problem, action string) outcome {
	out := k.standing(f)
	out.problem, out.action = "the forward stands, but renewing it failed: "+problem, action
	out.wait = min(k.backoff(f, 5*time.Second, conflictWait), time.Until(f.grant.until)+time.Second)
	return out
}

// giveBack gives back what other methods than keep made for f by PCP and
// NAT-PMP, and reports whether there was any of it.
func (k *Keeper) giveBack(ctx context.Context, f *forward, keep fact.Method) (any bool) {
	for _, m := range k.grantsOf(f) {
		if m.Method == keep && m.Internal == f.client {
			continue
		}
		any = true
		err := k.unmap(m)
		if err != nil && !errors.Is(err, fact.ErrNotSpoken) {
			k.log.Info("could not give back a forward that another method has replaced; it ends with its lease", "method", m.Method, "port", m.ExternalPort, "err", err)
		}
		if settled(err) || ctx.Err() == nil {
			k.memory.Forget(m)
		}
	}
	if f.grant != nil && f.grant.method != keep {
		f.grant = nil
	}
	return any
}

// grantsOf is what PCP and NAT-PMP were asked for on this router for f's port.
func (k *Keeper) grantsOf(f *forward) []memory.Made {
	return slices.DeleteFunc(k.memory.Made(k.router), func(m memory.Made) bool {
		return m.Method == fact.MethodIGD || m.Protocol != f.Protocol || m.ExternalPort != f.ExternalPort
	})
}

// unmap gives back what m remembers.
func (k *Keeper) unmap(m memory.Made) error {
	return k.gw.Unmap(k.changing, fact.Request{Method: m.Method, Protocol: m.Protocol, Internal: m.Internal, ExternalPort: m.ExternalPort, Nonce: m.Nonce})
}

// settled reports whether err is the router's answer to unmap.
func settled(err error) bool { return err == nil || errors.As(err, new(*fact.MapFault)) }
