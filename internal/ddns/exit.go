package ddns

// Taking records away when nobody keeps them any more.

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

// exitTime bounds all deletions at the end together.
const exitTime = 5 * time.Second

// HandOver says that next goes on with the records of m: those that next keeps
// too, whoever their provider is by now, are not deleted when m ends. Call it
// before the context of m's Run ends. Handing over to m itself means nothing.
func (m *Manager) HandOver(next *Manager) {
	if next == m {
		return
	}
	for _, k := range m.keepers {
		for _, n := range next.keepers {
			if n.rec.key() == k.rec.key() {
				k.kept.Store(true)
			}
		}
	}
}

// takeAway deletes what is to be deleted on exit. ctx has ended already.
func (m *Manager) takeAway(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exitTime)
	defer cancel()
	var wg sync.WaitGroup
	for _, k := range m.keepers {
		if k.rec.DeleteOnExit && !k.kept.Load() {
			wg.Go(func() { k.delete(ctx) })
		}
	}
	wg.Wait()
}

// standing are the values that the record may have because of us.
func (m memory) standing() []netip.Addr {
	switch m.Outcome {
	case outcomeTaken, outcomeSent, outcomeUnclear:
		return addrs(m.Addr, m.Stands)
	case outcomeFailed:
		return addrs(m.Stands)
	}
	return nil
}

// addrs are the valid ones of list, each once.
func addrs(list ...netip.Addr) (valid []netip.Addr) {
	for i, addr := range list {
		if addr.IsValid() && (i == 0 || addr != list[0]) {
			valid = append(valid, addr)
		}
	}
	return valid
}

// delete deletes the record, where we made it what it is and the provider may
// be spoken to. The next start then writes it at once.
func (k *keeper) delete(ctx context.Context) {
	list := k.mem.standing()
	held := k.account.held()
	if k.mem.NotBefore.After(held) {
		held = k.mem.NotBefore
	}
	switch {
	case len(list) == 0:
		return
	case k.mem.Stopped != "":
		k.log.Warn("the record is left as it is instead of being deleted, because the provider has refused us", "err", k.mem.Stopped)
		return
	case held.After(time.Now()):
		k.log.Warn("the record is left as it is instead of being deleted, because the provider wants no requests for now", "until", held)
		return
	}
	defer k.account.enter(ctx)()
	for _, addr := range list {
		err := k.provider.Delete(ctx, k.rec.Domain, addr)
		if err == nil {
			continue
		}
		f := k.fault(err, "the deletion failed")
		k.log.Warn("could not confirm that the record was deleted; it may go on saying an address where nobody answers", "address", addr, "err", f.Text, "action", f.Action)
		if mem := k.mem; f.Kind != provider.Unclear {
			if f.Kind == provider.Limited {
				mem.NotBefore = time.Now().Add(k.byLot(max(f.Wait, limitedWait)))
				k.remember(mem)
			}
			return
		}
	}
	mem := k.mem
	mem.Addr, mem.Stands, mem.Outcome, mem.Verified, mem.Deleted = netip.Addr{}, netip.Addr{}, outcomeDeleted, false, time.Now()
	k.remember(mem)
	k.log.Info("record deleted", "addresses", list)
}
