package portmap

// Outcomes that are not good and rest on no error code: another's entry, an
// entry made by hand, a router that cannot be asked.

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// notAsked begins what is said where nothing is known of the router's table.
const notAsked = "the router could not be asked"

const (
	actionSilent = "Look whether UPnP is still switched on in the router, and restart it. If it has been replaced by one without UPnP, forward the port in it by hand."
	actionRouter = "Look whether the router answers at all; restarting it often helps. If it stays so, forward the port in the router by hand."
	actionByHand = "Switch on UPnP (automatic port forwarding) for this host in the router, or forward the port there by hand and set methods = [\"manual\"] under [portmap]."
	actionWAN    = "Look at the router's internet page. Behind another router, put that one in bridge mode or forward the port there too; behind the provider's NAT (100.64.0.0/10), ask the provider for a public IPv4 address."
)

// conflict is the outcome where another holds the port.
func (k *Keeper) conflict(f *forward, e fact.Mapping) outcome {
	wait := k.between(conflictWait*9/10, conflictWait)
	if e.Lease > 0 {
		wait = min(wait, max(e.Lease+2*time.Second, 30*time.Second))
	}
	remove := "Delete that entry in the router or wait for its end"
	if e.Lease == 0 {
		remove = "Delete that entry in the router"
	}
	action := fmt.Sprintf("%s, or choose another external_port for the service %q.", remove, f.Service)
	if strings.HasPrefix(e.Description, mark) {
		action = "By its name it is edgeguard's: another one's in this home, which must not run for the same port, or this one's from before its state_dir was lost. " + action
	}
	return outcome{state: StateConflict, conflict: heldBy(f, e), action: action, wait: wait}
}

// heldBy says who holds a port, and for how long.
func heldBy(f *forward, e fact.Mapping) string {
	who := e.Internal.Addr().String()
	if e.Internal.Addr() == f.client.Addr() {
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
	const day = 24 * time.Hour
	return fmt.Sprintf("%d days", int(d.Round(day)/day))
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
	f.seen(e.Lease, time.Now())
	note := "somebody else has set up this forward in the router, so edgeguard leaves it alone"
	if e.Description != "" {
		note = fmt.Sprintf("somebody else has set up this forward in the router ('%s'), so edgeguard leaves it alone", e.Description)
	}
	return outcome{state: StateActive, note: note, wait: wait, until: f.expires, looked: true, direct: e.Internal == f.Internal}
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
		out.next, out.absent, f.blind = true, true, true
		return out
	}
	if f.standsByClock(time.Now()) {
		return k.unlisted(f, "the router took the forward, but it could not be read back: "+err.Error())
	}
	return k.failed(f, notAsked+": "+err.Error(), actionRouter)
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
