package wan

// When a question to the outside is worth it. No network, and no clock of its
// own: every call is given the time.

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	// newsEvery is how fast rounds that news caused (the router said something
	// else, or a kick) are forgotten: what is remembered of them makes the gap
	// between two of them longer. A change must be confirmed at once; a router
	// that says another address at every poll, or floods us with events, must
	// not make us flood the echo services; and when it has come to rest, its
	// last word must not wait long. See gap.
	newsEvery = 20 * time.Minute
	// shortGap keeps the first shortBurst rounds of news apart, middleGap those
	// up to middleBurst; from then on the gap doubles with every gapStep rounds,
	// up to newsEvery.
	shortGap    = 500 * time.Millisecond
	shortBurst  = 3
	middleGap   = 4 * time.Second
	middleBurst = 20
	gapStep     = 4
	// retryMost bounds the wait after a round that settled nothing. It begins
	// with the gap, as the outside may be reached a moment after the router has
	// its address, and doubles.
	retryMost = time.Hour
	// manyFailures rounds in a row that settled nothing make the next ones ask
	// no more than it takes.
	manyFailures = 10
	// aloneBurst rounds may be caused by hints at once where no router answers
	// and only the outside can show what a hint was about, and one more every
	// aloneEvery.
	aloneBurst = 3
	aloneEvery = 4 * time.Hour
	// noneFor is how long a router must have said that it has no address for
	// that to be news. Between two addresses each router says so, and a question
	// then would only put off the one about the new address.
	noneFor = time.Minute
)

// plan decides when the outside is asked. It belongs to the watcher's loop.
type plan struct {
	rand *rand.Rand

	said     string    // what the routers said last; silence never replaces it
	agreed   string    // what they said when an address was last agreed on
	news     bool      // they said something that only a question can settle
	none     time.Time // since when one says that it has none; zero: none does, or that has been news
	kicked   bool      // somebody asked for a question
	asked    time.Time // when the outside was asked last; zero: never
	next     time.Time // when it is asked again without news; zero: at once
	failures int       // rounds in a row that settled nothing
	recent   leak      // rounds that news caused
	alone    leak      // rounds that hints caused
}

// leak counts what happens, and forgets one count in every period.
type leak struct {
	empty time.Time // when everything will be forgotten
}

func (l *leak) level(now time.Time, every time.Duration) int {
	if !l.empty.After(now) {
		return 0
	}
	return int((l.empty.Sub(now) + every - 1) / every)
}

func (l *leak) add(now time.Time, every time.Duration) {
	if l.empty.Before(now) {
		l.empty = now
	}
	l.empty = l.empty.Add(every)
}

// hear notes what the routers say now (see saidBy), beside the published
// address. Only a change makes news, and only one that leads away from what is
// published, and from what they said when that was agreed on; what returns to
// these takes the news back. No address in any way of asking is news once it
// has lasted.
func (p *plan) hear(now time.Time, said, published string) {
	if said == "" {
		return
	}
	changed := said != p.said
	p.said = said
	switch {
	case said == published, said == p.agreed:
		p.news, p.none = false, time.Time{}
	case saysNone(said):
		p.hearNone(now, changed)
	case changed:
		p.news, p.none = true, time.Time{}
	}
}

// note remembers what the routers said when an address was agreed on.
func (p *plan) note(f Finding, said string) {
	if f.Cause == Agreed {
		p.agreed = said
	}
}

// saysNone reports whether a router says that it has no address, in one way of
// asking at least: the others may be a moment behind.
func saysNone(said string) bool {
	return slices.Contains(strings.Fields(said), fact.None.String())
}

// hearNone notes that a router has no address now; changed is whether it said
// something else before.
func (p *plan) hearNone(now time.Time, changed bool) {
	switch {
	case changed && p.none.IsZero():
		p.news, p.none = false, now
	case !p.none.IsZero() && now.Sub(p.none) >= noneFor:
		p.news, p.none = true, time.Time{}
	}
}

// heed notes a hint that no router can explain.
func (p *plan) heed(now time.Time) {
	if p.kicked || p.asked.IsZero() || p.alone.level(now, aloneEvery) >= aloneBurst {
		return
	}
	p.alone.add(now, aloneEvery)
	p.kicked = true
}

// due is when the outside is to be asked next; it may have passed.
func (p *plan) due(now time.Time) time.Time {
	if !p.news && !p.kicked {
		return p.next
	}
	if p.asked.IsZero() {
		return p.asked
	}
	if at := p.asked.Add(p.gap(now)); at.Before(p.next) {
		return at
	}
	return p.next
}

// gap is how long two rounds of news are kept apart now. A router that flaps
// for a while has its last word confirmed within about a third of that while.
func (p *plan) gap(now time.Time) time.Duration {
	level := p.recent.level(now, newsEvery)
	switch {
	case level < shortBurst:
		return shortGap
	case level < middleBurst:
		return middleGap
	}
	return min(middleGap<<min((level-middleBurst)/gapStep+1, 10), newsEvery)
}

// begin notes that a round of questions begins, and reports whether somebody
// waits for what it will find.
func (p *plan) begin(now time.Time) (urgent bool) {
	urgent = p.news || p.kicked || p.asked.IsZero()
	if now.Before(p.next) { // only news brings a round before its time
		p.recent.add(now, newsEvery)
		p.failures = 0
	}
	p.news, p.kicked = false, false
	return urgent || p.failures > 0 && p.failures < manyFailures
}

// end notes that a round of questions ended, and whether it settled anything;
// if so, recheck is the wait. Jitter only ever lengthens it, so that what a day
// costs is bounded.
func (p *plan) end(now time.Time, settled bool, recheck time.Duration) {
	p.asked = now
	wait := recheck
	if settled {
		p.failures = 0
	} else {
		wait = min(p.gap(now)<<min(p.failures, 16), retryMost)
		p.failures++
	}
	p.next = now.Add(wait + p.jitter(wait/4))
}

// hasten brings the next round of routine forward to no more than recheck after
// the last.
func (p *plan) hasten(recheck time.Duration) {
	if at := p.asked.Add(recheck + recheck/4); p.failures == 0 && !p.asked.IsZero() && at.Before(p.next) {
		p.next = at
	}
}

// sparing reports whether so many rounds have failed that one more should not
// ask everybody.
func (p *plan) sparing() bool { return p.failures >= manyFailures }

func (p *plan) jitter(most time.Duration) time.Duration { return jitter(p.rand, most) }

// jitter is a random part of most.
func jitter(r *rand.Rand, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	if r == nil {
		return rand.N(most)
	}
	return time.Duration(r.Int64N(int64(most)))
}
