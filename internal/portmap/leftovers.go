package portmap

// What an earlier life left behind on this router and the config no longer has.

import (
	"context"
	"errors"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/memory"
)

const tidyAgain = time.Minute // after leftovers could not be looked at

// clearLeftovers takes away what an earlier life made on this router and the
// config no longer has, once, and returns when it must be called again.
func (k *Keeper) clearLeftovers(ctx context.Context) time.Duration {
	k.meet()
	id := k.router
	if k.tidied[id] {
		return longest
	}
	for _, m := range k.memory.Made(id) {
		if k.configured(m) {
			continue
		}
		if m.Method != fact.MethodIGD {
			err := k.unmap(m)
			if err != nil && !errors.Is(err, fact.ErrNotSpoken) {
				k.log.Info("could not give back a forward that is no longer in the config; it ends with its lease", "method", m.Method, "port", m.ExternalPort, "err", err)
			}
			if ctx.Err() == nil {
				k.memory.Forget(m)
			}
		} else if !k.clearEntry(ctx, m) {
			return tidyAgain
		}
		if ctx.Err() != nil {
			return longest
		}
	}
	k.tidied[id] = true
	return longest
}

func (k *Keeper) configured(m memory.Made) bool {
	for _, f := range k.forwards {
		if f.Protocol == m.Protocol && f.ExternalPort == m.ExternalPort {
			return true
		}
	}
	return k.waitsFor(m.Protocol, m.ExternalPort)
}

// clearEntry deletes an entry where read-back shows exactly what m remembers,
// and reports whether that is settled.
func (k *Keeper) clearEntry(ctx context.Context, m memory.Made) bool {
	e, err := k.gw.Get(ctx, m.Protocol, m.ExternalPort)
	k.meet()
	switch {
	case k.router != m.Router:
		return false // it was another router that answered
	case err == nil && e.Internal == m.Internal && e.Description == m.Description:
		if err := k.delete(ctx, m.Protocol, m.ExternalPort); err != nil {
			k.log.Warn("could not delete a forward that is no longer in the config", "port", m.ExternalPort, "internal", m.Internal, "err", err)
			return false
		}
		k.log.Info("deleted a forward of ours that is no longer in the config", "port", m.ExternalPort, "internal", m.Internal)
	case err != nil && !isNoMapping(err):
		return false
	}
	k.memory.Forget(m)
	return true
}
