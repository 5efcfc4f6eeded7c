package portmap

// What wakes the keeper before its time.

import (
	"sync"
	"time"
)

// hintGap is the least time between two looks that hints bring.
const hintGap = 5 * time.Second

// signals are what came in and was not acted upon yet.
type signals struct {
	mu       sync.Mutex // guards what follows
	kick     string
	hint     string
	hintedAt time.Time // when a hint was last acted upon
}

// Kick asks for a look at every forward now, and says why ("the router was
// found anew"). Forwards that a router keeps refusing come a little later, so
// that a router which is found again by every refusal is not asked without
// end.
func (k *Keeper) Kick(why string) {
	k.signals.mu.Lock()
	k.signals.kick = why
	k.signals.mu.Unlock()
	k.loop.Kick()
}

// Hint says that the forwards may have changed, and why ("an event of the
// router's"), which anybody in the LAN can make us believe: however many come,
// they bring one look in five seconds. It never blocks.
func (k *Keeper) Hint(why string) {
	k.signals.mu.Lock()
	first := k.signals.hint == ""
	k.signals.hint = why
	k.signals.mu.Unlock()
	if first {
		k.loop.Kick()
	}
}

// Refresh takes in at once what Config.Reached says now. It asks nothing of the
// router and never blocks.
func (k *Keeper) Refresh() { k.loop.Kick() }

// take returns what has come in, or how long a hint must wait; zero means that
// none waits.
func (s *signals) take(now time.Time) (why string, hint bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kick != "" {
		why = s.kick
		s.kick, s.hint = "", ""
		return why, false, 0
	}
	if s.hint == "" {
		return "", false, 0
	}
	if !s.hintedAt.IsZero() && now.Sub(s.hintedAt) < hintGap {
		return "", false, s.hintedAt.Add(hintGap).Sub(now)
	}
	why, s.hint, s.hintedAt = s.hint, "", now
	return why, true, 0
}
