// Package limit says how often a client may ask and how much it may hold, in
// bounded memory and without allocating. It knows nothing of questions, and not
// which address is a client: who calls decides that.
package limit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const (
	// inlineFactor is how many more questions may be asked that cost us little.
	inlineFactor = 20
	// burstSeconds is for how long a client may ask at twice its rate.
	burstSeconds = 2
	// maxRateLimit is a tenth of a microsecond between questions.
	maxRateLimit = 10_000_000
)

// Pace is a token bucket's shape as GCRA has it: a question moves the client's
// clock on by interval, and the clock may be ahead of ours by slack.
type Pace struct{ interval, slack time.Duration }

// PaceOf returns the pace of rate questions a second; a rate of 0 or less is
// no limit.
func PaceOf(rate int) Pace {
	if rate <= 0 {
		return Pace{}
	}
	rate = min(rate, maxRateLimit)
	return Pace{time.Second / time.Duration(rate), burstSeconds * time.Second}
}

// None reports whether p is no limit.
func (p Pace) None() bool { return p.interval == 0 }

// Paces are the limits of one client: Miss for questions that need upstream,
// Inline for all.
type Paces struct{ Miss, Inline Pace }

// PacesOf returns the paces of a client that may ask rate questions a second that
// need upstream; a rate of 0 or less is no limit.
func PacesOf(rate int) Paces {
	if rate <= 0 {
		return Paces{}
	}
	return Paces{PaceOf(rate), PaceOf(rate * inlineFactor)}
}

// Kind is which of its clocks a client moves on.
type Kind uint8

const (
	// Miss is the clock of questions that need upstream.
	Miss Kind = iota
	// Inline is the clock of all questions.
	Inline
	kinds
)

// The table of clocks: limitSets * limitWays sources are remembered. Where a
// set is full, the source whose clocks are furthest behind is forgotten, which
// gives it its burst again.
const (
	limitSets = 1024
	limitWays = 4
)

// Limiter keeps the clocks of sources. Make one with New. It may be used from any
// goroutine.
type Limiter struct {
	seed  maphash.Seed // so that nobody can aim at a set
	start time.Time
	sets  [limitSets]limitSet
}

type limitSet struct {
	mu    sync.Mutex
	slots [limitWays]limitSlot // guarded by mu
}

type limitSlot struct {
	source [16]byte
	clocks [kinds]time.Duration // since the limiter's start
}

// ahead is the later of a slot's clocks.
func (s *limitSlot) ahead() time.Duration { return max(s.clocks[Miss], s.clocks[Inline]) }

// New returns a Limiter that remembers nobody yet.
func New() *Limiter { return &Limiter{seed: maphash.MakeSeed(), start: time.Now()} }

// Take counts a question of a source. It returns 0 where the source is within
// its pace, and otherwise how long it has to wait; then nothing is counted.
func (l *Limiter) Take(source netip.Addr, k Kind, p Pace, now time.Time) time.Duration {
	if p.None() {
		return 0
	}
	key := source.As16()
	// The monotonic clock: a set wall clock must not shut anybody out.
	at := now.Sub(l.start)
	set := &l.sets[maphash.Bytes(l.seed, key[:])%limitSets]
	set.mu.Lock()
	defer set.mu.Unlock()
	clock := &set.slot(key).clocks[k]
	if wait := *clock - p.slack - at; wait > 0 {
		return wait
	}
	*clock = max(*clock, at) + p.interval
	return 0
}

// slot returns the slot of a source, with set.mu held.
func (set *limitSet) slot(key [16]byte) *limitSlot {
	oldest := &set.slots[0]
	for i := range set.slots {
		s := &set.slots[i]
		if s.source == key {
			return s
		}
		if s.ahead() < oldest.ahead() {
			oldest = s
		}
	}
	*oldest = limitSlot{source: key}
	return oldest
}
