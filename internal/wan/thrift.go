package wan

// Which ways of asking the router a look leaves out. A UPnP call is a TCP
// connection and some 2 KiB, by PCP a mapping is made and deleted, and NAT-PMP
// costs one datagram each way.

import (
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	// dearEvery is how often a dear way of asking is used while a cheap one says
	// the same: firmware that keeps a stale address in the cheap one is found
	// out that late.
	dearEvery = time.Minute
	// calmEvery is how often it is used where there is no cheap one but the
	// router's events arrive.
	calmEvery = 20 * time.Second
	// livelyFor is how long after a hint it is used as ever: routers drop the
	// event of a change that follows closely on another.
	livelyFor = 15 * time.Second
	// hintSlack is how far a change and the hint of it may lie apart, and
	// deafFor how long the events of a router are not relied on that kept a
	// change to itself.
	hintSlack = 3 * time.Second
	deafFor   = 12 * time.Hour
)

// thrift decides whom to leave out. It belongs to the watcher's loop.
type thrift struct {
	left        []*asked  // whom the last look left out
	unannounced time.Time // when a change was found that nobody may have told of; zero: none
	deafUntil   time.Time // when events are relied on again
}

// dear reports whether a way of asking costs the router more than a datagram.
func dear(s Source) bool { return s.Kind() == Router && (s.Name() == "igd" || s.Name() == "pcp") }

// whom are the near sources that this look asks, in the order of the config, and
// those that it leaves out. Only a routine look leaves any out, and never all.
func (w *Watcher) whom(routine bool) (list, left []*asked) {
	now, routers := time.Now(), 0
	for _, s := range w.sources {
		switch {
		case s.Kind() == Outside || now.Before(s.rest):
		case routine && w.spared(s, now):
			left = append(left, s)
		default:
			list = append(list, s)
			if s.Kind() == Router {
				routers++
			}
		}
	}
	if routers == 0 && left != nil {
		return w.whom(false)
	}
	return list, left
}

// spared reports whether a source need not be asked now: a cheap one answers in
// its place, or the router would tell of a change.
func (w *Watcher) spared(s *asked, now time.Time) bool {
	if !s.dear || s.failures > 0 || s.status.Observation.State == fact.Unknown {
		return false
	}
	age := now.Sub(s.at)
	return age < calmEvery && w.eventful(now) || age < dearEvery && w.standsIn(s, now)
}

// standsIn reports whether a cheap way of asking the router says what s said.
func (w *Watcher) standsIn(s *asked, now time.Time) bool {
	for _, c := range w.ofKind(Router) {
		if !c.dear && c.failures == 0 && !now.Before(c.rest) && c.status.Observation.SameValue(s.status.Observation) {
			return true
		}
	}
	return false
}

// eventful reports whether the router tells of changes, as far as is known, and
// has told of none just now.
func (w *Watcher) eventful(now time.Time) bool {
	if hint := w.hint.Load(); hint != nil && now.Sub(hint.At) < livelyFor {
		return false
	}
	return w.cfg.Eventful != nil && !now.Before(w.thrift.deafUntil) && w.cfg.Eventful()
}

// calm reports whether there is nobody to ask but those who are spared while the
// router tells of changes.
func (w *Watcher) calm(now time.Time) bool {
	if !w.eventful(now) {
		return false
	}
	for _, s := range w.ofKind(Router) {
		if !now.Before(s.rest) && (!s.dear || s.failures > 0 || s.status.Observation.State == fact.Unknown) {
			return false
		}
	}
	return true
}

// isNews reports whether a reply says something else than the source did, or
// nothing, so that those who were left out must be asked as well.
func isNews(r reply) bool {
	return r.source.Kind() == Router && (r.err != nil || !r.answer.Observation.SameValue(r.source.status.Observation))
}

// remembered is what a source that was left out said last.
func remembered(s *asked) Answer {
	return Answer{Source: s.Name(), Party: s.party, Kind: s.Kind(), Observation: s.status.Observation}
}

// mistrust notes a change that a calm look of routine found, and stops relying on
// the events of a router that has not told of it.
func (w *Watcher) mistrust(now time.Time, changed bool) {
	t := &w.thrift
	if !t.unannounced.IsZero() && now.Sub(t.unannounced) >= hintSlack {
		hint := w.hint.Load()
		if hint == nil || hint.At.Before(t.unannounced.Add(-hintSlack)) {
			w.cfg.Log.Info("the router did not tell of a change, so it is asked more often", "for", deafFor)
			t.deafUntil = now.Add(deafFor)
		}
		t.unannounced = time.Time{}
	}
	if changed {
		t.unannounced = now
	}
}
