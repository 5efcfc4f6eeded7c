package portmap

// Handing over to the Keeper of another config: what that one wants as it is
// stays in the router, and connections through a relay live on.

import "slices"

// heir is who goes on with the forwards.
type heir struct {
	next   *Keeper
	relays bool // the relays go over, too
}

// HandOver says that next goes on with the forwards of k: those that it wants
// just so are not taken away when k ends, and with relays their relays go on.
// Relays is false where relays are made otherwise for next. Call it before the
// context of k's Run ends, and run next only when that Run has returned. Handing
// over to k itself means nothing.
func (k *Keeper) HandOver(next *Keeper, relays bool) {
	if next == k {
		return
	}
	k.heir.Store(&heir{next, relays})
	// What is known is shown until next has looked for itself.
	for _, s := range k.status.Load().Forwards {
		for _, n := range next.forwards {
			if !next.manual() && n.Service == s.Service && n.Protocol == s.Protocol && n.ExternalPort == s.ExternalPort && n.Internal == s.Internal {
				n.status = s
			}
		}
	}
	next.status.Store(next.snapshot())
}

// bequeath passes f to the heir, if there is one that wants it as it is, and
// reports whether it did.
func (k *Keeper) bequeath(f *forward) bool {
	to := k.heir.Load()
	if to != nil && !k.manual() && !to.next.manual() && f.relay == nil && to.next.waitsFor(f.Protocol, f.ExternalPort) {
		return true // where it is to lead is not known, so it leads where it did
	}
	if to == nil || k.manual() || to.next.manual() || f.method != "" && !slices.Contains(to.next.cfg.Methods, f.method) {
		return false
	}
	next := to.next
	at := slices.IndexFunc(next.forwards, func(n *forward) bool { return n.Forward == f.Forward })
	if at < 0 || !k.sameWay(next, f) {
		return false
	}
	n := *f
	n.due, n.woken, n.hinted = next.forwards[at].due, "", false
	if n.relay != nil && to.relays {
		f.relay = nil
		n.relay.keeper.Store(next)
	} else {
		n.relay = nil
	}
	*next.forwards[at] = n
	return true
}

// sameWay reports whether next has the router lead where f's entry leads: to
// the service itself, or to the relay.
func (k *Keeper) sameWay(next *Keeper, f *forward) bool {
	mode := next.relayMode(f)
	if f.client == f.Internal {
		return mode != RelayOn
	}
	return mode == RelayOn || mode == RelayAuto && k.cfg.Relay == RelayAuto
}
