package wan

// When the router is asked: every few seconds, and around a hint more often.
// No clock of its own: every call is given the time.

import (
	"math/rand/v2"
	"time"
)

const (
	// lookGap keeps two looks apart, floodGap those that a flood of hints
	// causes: more than floodBurst at once, or one a second for long.
	lookGap    = 100 * time.Millisecond
	floodGap   = time.Second
	floodBurst = 30
	// slowEvery is how often a router is looked for that has not answered for
	// long, as each time is a search of the whole network.
	slowEvery = 30 * time.Second
)

// followUps are the looks after the one at once: a hint may come before the
// value has changed, an overlapping change sends the old value first, and a
// router may drop the event of a second change that follows closely.
var followUps = [...]time.Duration{300 * time.Millisecond, time.Second, 2 * time.Second}

// looks plans them. It belongs to the watcher's loop.
type looks struct {
	rand   *rand.Rand
	every  time.Duration
	slow   bool      // nobody answers: regular looks are farther apart
	calm   bool      // the router tells of changes: the same
	next   time.Time // the regular look
	last   time.Time // when was the last; zero: never
	hinted time.Time // the last hint
	follow int       // how many of followUps are behind us
	extra  leak      // looks that hints caused
}

// hint notes a hint.
func (l *looks) hint(now time.Time) { l.hinted, l.follow = now, 0 }

// tooSoon is how long the last look forbids another; zero or less means go on.
func (l *looks) tooSoon(now time.Time) time.Duration {
	gap := lookGap
	if l.extra.level(now, floodGap) >= floodBurst {
		gap = floodGap
	}
	return l.last.Add(gap).Sub(now)
}

// begin notes a look.
func (l *looks) begin(now time.Time) {
	if now.Before(l.next) {
		l.extra.add(now, floodGap)
	}
	l.last = now
	every := l.every
	if l.slow {
		every = max(every, slowEvery)
	}
	if l.calm {
		every = max(every, calmEvery)
	}
	l.next = now.Add(every - every/10 + jitter(l.rand, every/5))
	for l.following(now) {
		l.follow++
	}
}

// following reports whether a look that follows a hint is due.
func (l *looks) following(now time.Time) bool {
	return l.follows() && !now.Before(l.hinted.Add(followUps[l.follow]))
}

func (l *looks) follows() bool { return !l.hinted.IsZero() && l.follow < len(followUps) }

// answered notes whether anybody has answered lately.
func (l *looks) answered(now time.Time, lately bool) {
	if lately && l.slow {
		l.next = now.Add(l.every)
	}
	l.slow = !lately
}

// due is when the next look is.
func (l *looks) due() time.Time {
	if l.follows() {
		if at := l.hinted.Add(followUps[l.follow]); at.Before(l.next) {
			return at
		}
	}
	return l.next
}
