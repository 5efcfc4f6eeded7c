package wan

// When a question to the outside is worth it. No network, and no clock of its
// own: every call is given the time.

import (
	"math/rand/v2"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	// leastGap keeps questions to the outside apart, whoever asks for them.
	leastGap = 5 * time.Second
	// retryFirst and retryMost bound the wait after a round that settled
	// nothing; it doubles from one to the other.
	retryFirst = 10 * time.Second
	retryMost  = time.Hour
	// newsBurst questions may be caused by news (the router said something
	// else, or a kick) at once, and one more every newsEvery: a router that
	// says another address at every poll, or floods us with events, must not
	// make us flood the echo services.
	newsBurst = 30
	newsEvery = 10 * time.Minute
)

// plan decides when the outside is asked. It belongs to the watcher's loop.
type plan struct {
	recheck time.Duration
	rand    *rand.Rand

	said     fact.Observation // what the router said last; Unknown never replaces it
	news     bool             // the router said something that only a question can settle
	kicked   bool             // somebody asked for a question
	asked    time.Time        // when the outside was asked last; zero: never
	next     time.Time        // when it is asked again without news; zero: at once
	failures int              // rounds in a row that settled nothing
	spent    time.Time        // the news budget is whole again at this time
}

// hear notes what the router says now, beside the published address. Only a
// change makes news, and only one that leads away from what is published; an
// answer that returns to it takes the news back.
func (p *plan) hear(said, published fact.Observation) {
	if said.State == fact.Unknown {
		return
	}
	changed := !said.SameValue(p.said)
	p.said = said
	switch {
	case said.SameValue(published):
		p.news = false
	case changed:
		p.news = true
	}
}

// due is when the outside is to be asked next; it may have passed.
func (p *plan) due() time.Time {
	at := p.next
	if p.news || p.kicked {
		if budget := p.spent.Add(-(newsBurst - 1) * newsEvery); budget.Before(at) {
			at = budget
		}
	}
	if gap := p.asked.Add(leastGap); !p.asked.IsZero() && at.Before(gap) {
		at = gap
	}
	return at
}

// begin notes that a round of questions begins.
func (p *plan) begin(now time.Time) {
	if now.Before(p.next) { // only news brings a round before its time
		if p.spent.Before(now) {
			p.spent = now
		}
		p.spent = p.spent.Add(newsEvery)
		p.failures = 0
	}
	p.news, p.kicked = false, false
}

// end notes that a round of questions ended, and whether it settled anything.
// Jitter only ever lengthens the wait, so that what a day costs is bounded.
func (p *plan) end(now time.Time, settled bool) {
	p.asked = now
	wait := p.recheck
	if settled {
		p.failures = 0
	} else {
		wait = retryMost
		if p.failures < 9 {
			wait = min(retryFirst<<p.failures, retryMost)
		}
		p.failures++
	}
	p.next = now.Add(wait + p.jitter(wait/10))
}

func (p *plan) jitter(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	if p.rand == nil {
		return rand.N(most)
	}
	return time.Duration(p.rand.Int64N(int64(most)))
}
