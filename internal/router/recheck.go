package router

// Whether the router that is known is still as it was found.

import (
	"context"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
)

// verdict is what the router's answer to a search says of the one that is known.
type verdict int

const (
	// mute means that it did not answer, which says nothing: the calls will tell.
	mute verdict = iota
	// asBefore means that it answers from the same place in the same boot.
	asBefore
	// otherwise means that it answers from another place or in another boot.
	otherwise
)

// stale reports whether the router that is known must be discovered anew, and
// whether that is for grave reasons. The turn is held.
func (r *Router) stale(ctx context.Context) (again, grave bool) {
	if r.check(ctx) == otherwise {
		return true, false
	}
	grave = r.changedOver(ctx)
	return grave, grave
}

// check searches for the router that is known, and says how it answers. Where
// it answers what went to it alone, nothing that came to the group counts: that
// may be anybody's. The turn is held.
func (r *Router) check(ctx context.Context) verdict {
	r.where.checked = time.Now()
	query := ssdp.Search{Known: r.where.location}
	var result ssdp.Result
	var err error
	// What it answered to before is enough, and spares it all the others. Some
	// routers name a target in their answer that they do not answer to: these
	// are asked for all from then on.
	if ssdp.Known(r.where.target) {
		query.Targets = []string{r.where.target}
		_, result, err = r.search(ctx, r.device.Gateway(), query)
	}
	if err == nil && len(result.Replies) == 0 {
		r.where.target, query.Targets = "", nil
		_, result, err = r.search(ctx, r.device.Gateway(), query)
	}
	if err != nil || len(result.Replies) == 0 {
		return mute
	}
	for _, reply := range result.Replies {
		if reply.Direct != result.Replies[0].Direct {
			break // these are the group's
		}
		if reply.Location.String() != r.where.location {
			continue
		}
		if reply.BootID == r.where.bootID {
			return asBefore
		}
		break
	}
	return otherwise
}

// changedOver reports whether another of the router's connection services is
// the one to speak to now. The turn is held.
func (r *Router) changedOver(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, r.timing.cycle)
	defer cancel()
	elsewhere, err := r.device.Elsewhere(ctx)
	if err != nil {
		r.log.Debug("the router does not tell which of its connections is in use", "err", err)
	}
	if elsewhere {
		r.log.Info("the router uses another of its connections now")
	}
	return elsewhere
}
