package router

// Publishing what was found.

import (
	"cmp"
	"time"
)

// reportFound publishes r.device. changed is whether what is kept on it may be
// gone.
func (r *Router) reportFound(changed bool) {
	d := r.device
	now, _ := r.report(func(before Status) Status {
		now := Status{
			Found:        true,
			Address:      d.Gateway(),
			Local:        cmp.Or(r.cfg.Host, d.Peer().Local),
			Manufacturer: d.Manufacturer(),
			Model:        d.Model(),
			UDN:          d.UDN(),
			Generation:   before.Generation + 1,
			FoundAt:      time.Now().Round(0),
			Events:       before.Events,
		}
		if !changed && before.Found {
			now.Generation, now.FoundAt = before.Generation, before.FoundAt
		}
		return now
	})
	r.retarget(d, now.Generation)
	if !changed {
		r.log.Debug("the router is as it was", "router", r.Describe())
		return
	}
	r.log.Info("found the router", "router", r.Describe(), "udn", now.UDN, "local", now.Local, "generation", now.Generation)
}

func (r *Router) reportMiss(err error) {
	r.retarget(nil, 0)
	_, changed := r.report(func(before Status) Status {
		return Status{Generation: before.Generation, Err: err.Error(), Events: before.Events}
	})
	if changed {
		r.log.Warn("no router was found", "err", err)
	} else {
		r.log.Debug("no router was found again", "err", err)
	}
}

// report publishes what change makes of the status, with the neighbours as they
// are now.
func (r *Router) report(change func(before Status) Status) (now Status, changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now = change(r.status.Load())
	now.Others, now.Bridged = r.near.others(), r.near.bridged
	r.spoken.show(&now)
	return now, r.status.Store(now)
}

// reportEvents publishes a change of the event sources.
func (r *Router) reportEvents(change func(*EventSources)) {
	r.report(func(s Status) Status {
		change(&s.Events)
		return s
	})
}
