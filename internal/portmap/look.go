package portmap

// Looking at the forwards without touching them.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/memory"
)

// What a person does about a forward that nobody keeps now.
const (
	actionRun    = "Start edgeguard (`edgeguard run`), which asks the router for it; where it runs, `edgeguard status` says what keeps it from that."
	actionAskRun = "Ask the running daemon (`edgeguard status`): it knows what it was granted."
)

// errReadOnly is what a change would bring while only looking.
var errReadOnly = errors.New("the forwards are only looked at")

// untouched is a Gateway on which nothing can be changed.
type untouched struct{ Gateway }

func (untouched) Add(context.Context, fact.Mapping) error             { return errReadOnly }
func (untouched) Delete(context.Context, fact.Protocol, uint16) error { return errReadOnly }
func (untouched) Unmap(context.Context, fact.Request) error           { return errReadOnly }
func (untouched) Map(context.Context, fact.Request) (fact.Grant, error) {
	return fact.Grant{}, errReadOnly
}

// Look says once how the forwards of cfg stand by the router's own table. It
// asks for nothing, renews, deletes and relays nothing, and of cfg.StateFile it
// reads which entries are edgeguard's. What stands by PCP or NAT-PMP cannot be
// seen without asking for it anew, so it is not confirmed. Gw may be nil where
// cfg keeps our hands off the router.
func Look(ctx context.Context, cfg Config, gw Gateway) Status {
	file := cfg.StateFile
	cfg.StateFile, cfg.OpenRelay = "", nil
	if gw != nil {
		gw = untouched{gw}
	}
	k := New(cfg, gw)
	k.memory = memory.Peek(file, k.log)
	for _, f := range k.forwards {
		if k.manual() {
			continue // New has said all that there is
		}
		out := k.see(ctx, f)
		k.tell(f, out)
		f.status.relayed = out.state == StateActive && !out.direct && f.client != f.Internal
		if out.looked && out.state == StateActive {
			f.status.ReadBackAt = time.Now().Round(0).Truncate(time.Second)
		}
	}
	return k.snapshot()
}

// see reads the router's entry for f and says what it is.
func (k *Keeper) see(ctx context.Context, f *forward) outcome {
	if !slices.Contains(k.cfg.Methods, fact.MethodIGD) {
		return k.unseen(f, "by PCP and NAT-PMP nobody can see what a router forwards, short of asking for it")
	}
	e, err := k.gw.Get(ctx, f.Protocol, f.ExternalPort)
	k.meet() // only now is it known which router it is
	out := outcome{}
	switch fault := (*fact.GatewayFault)(nil); {
	case err == nil:
		out = k.seen(f, e)
	case isNoMapping(err):
		out = k.failed(f, "there is no entry for it in the router's table", actionRun)
	case errors.As(err, &fault):
		out = k.unseen(f, "the router does not let its table be read: "+err.Error())
	case errors.Is(err, fact.ErrNoRouter):
		return k.unseen(f, err.Error()+", and by PCP and NAT-PMP nobody can see what a router forwards, short of asking for it")
	default:
		out = k.failed(f, notAsked+": "+err.Error(), actionRouter)
	}
	out.method = fact.MethodIGD
	return out
}

// unseen is the outcome where nothing can be known by looking.
func (k *Keeper) unseen(f *forward, why string) outcome {
	out := k.unlisted(f, why)
	out.action = actionAskRun
	return out
}

// seen is what an entry means.
func (k *Keeper) seen(f *forward, e fact.Mapping) outcome {
	if relay := netip.AddrPortFrom(k.gw.Local(), f.ExternalPort); (k.cfg.Relay == RelayOn || k.cfg.Relay == RelayAuto) && k.elsewhere(f) && e.Internal == relay {
		f.client = relay
	}
	switch k.holder(f, e) {
	case ours, granted:
		if !e.Enabled {
			return k.switchedOff(f)
		}
		f.seen(e.Lease, time.Now())
		out := outcome{state: StateActive, until: f.expires, looked: true}
		if f.client != f.Internal {
			out.note = fmt.Sprintf("edgeguard's relay on %s carries the connections to %s while it runs", f.client, f.Internal)
		}
		return out
	case byHand:
		return k.handMade(f, e)
	case moved:
		return k.failed(f, fmt.Sprintf("it leads to %s, where edgeguard led it before the service's address changed", e.Internal), actionRun)
	}
	return k.conflict(f, e)
}
