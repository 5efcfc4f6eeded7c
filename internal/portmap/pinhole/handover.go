package pinhole

// Handing over to the Keeper of another config: what that one wants stays open.

import "slices"

// HandOver says that next goes on with the pinholes of k: those that it wants,
// too, are not closed when k ends. Call it before the context of k's Run ends,
// and run next only when that Run has returned. Handing over to k itself means
// nothing.
func (k *Keeper) HandOver(next *Keeper) {
	if next == k {
		return
	}
	k.heir.Store(next)
	// What is known is shown until next has looked for itself.
	for _, s := range k.status.Load().Pinholes {
		for _, n := range next.holes {
			if n.Service == s.Service && n.Protocol == s.Protocol && n.Port == s.Port && n.status.State == StatePending {
				n.status = s
				break
			}
		}
	}
	next.status.Store(next.snapshot())
}

// bequeath passes what was opened for h to the heir, if there is one that wants
// it, and reports whether it did.
func (k *Keeper) bequeath(h *hole) bool {
	next := k.heir.Load()
	if next == nil || !slices.Contains(next.cfg.Methods, h.made.method) {
		return false
	}
	// A service may have two, at two addresses.
	addr := h.made.internal.Addr()
	for _, n := range next.holes {
		now, known := n.Address()
		if n.made == nil && n.Service == h.Service && n.Protocol == h.Protocol && n.Port == h.Port && (now == addr || !known) {
			n.made, n.asked, n.sure, n.blind, n.nonce, n.status = h.made, h.asked, h.sure, h.blind, h.nonce, h.status
			return true
		}
	}
	return false
}
