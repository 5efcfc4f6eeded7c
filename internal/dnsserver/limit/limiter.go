package limit

// The table of clocks.

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// limitSets * limitWays sources are remembered. Where a set is full, the source
// whose clocks are furthest behind is forgotten, which gives it its burst again.
const (
	limitSets = 1024
	limitWays = 4
)

// Limiter keeps the clocks of sources. Make one with New. It may be used from any
// goroutine.
type Limiter struct {
	seed  [2]uint64 // so that nobody can aim at a set
	start time.Time
	sets  [limitSets]limitSet
}

// limitSet is read and its clocks are moved without mu. A slot may so change
// hands while its clock is moved; its new source then has one question less to
// ask, once.
type limitSet struct {
	mu    sync.Mutex // held to give a slot to another source
	slots [limitWays]limitSlot
}

type limitSlot struct {
	high, low atomic.Uint64       // the source's octets, inverted; 0 where the slot is free
	clocks    [kinds]atomic.Int64 // nanoseconds since the limiter's start
}

// ahead is the later of a slot's clocks.
func (s *limitSlot) ahead() int64 { return max(s.clocks[Miss].Load(), s.clocks[Inline].Load()) }

// New returns a Limiter that remembers nobody yet.
func New() *Limiter {
	return &Limiter{seed: [2]uint64{rand.Uint64(), rand.Uint64()}, start: time.Now()}
}

// Place is where a Limiter keeps the clocks of one source, for callers that count
// it again and again. It stays good when the source is forgotten meanwhile.
// Make one with Limiter.Place. It is a value; only one goroutine may use it.
type Place struct {
	high, low uint64
	slot      *limitSlot
}

// Place returns the place of a source, which it makes room for.
func (l *Limiter) Place(source netip.Addr) Place {
	octets := source.As16()
	p := Place{high: ^binary.NativeEndian.Uint64(octets[:8]), low: ^binary.NativeEndian.Uint64(octets[8:])}
	l.locate(&p)
	return p
}

func (l *Limiter) locate(p *Place) {
	up, down := bits.Mul64(p.high^l.seed[0], p.low^l.seed[1])
	set := &l.sets[(up^down)%limitSets]
	if p.slot = set.find(p.high, p.low); p.slot == nil {
		p.slot = set.claim(p.high, p.low)
	}
}

// Take counts a question of a source. It returns 0 where the source is within
// its pace, and otherwise how long it has to wait; then nothing is counted.
func (l *Limiter) Take(source netip.Addr, k Kind, p Pace, now time.Time) time.Duration {
	if p.None() {
		return 0
	}
	place := l.Place(source)
	return l.TakeAt(&place, k, p, now)
}

// TakeAt is Take for the source that has the place.
func (l *Limiter) TakeAt(place *Place, k Kind, p Pace, now time.Time) time.Duration {
	if p.None() {
		return 0
	}
	if !place.slot.is(place.high, place.low) {
		l.locate(place)
	}
	// The monotonic clock: a set wall clock must not shut anybody out.
	at, clock := int64(now.Sub(l.start)), &place.slot.clocks[k]
	for {
		old := clock.Load()
		if wait := time.Duration(old-at) - p.slack; wait > 0 {
			return wait
		}
		if clock.CompareAndSwap(old, max(old, at)+int64(p.interval)) {
			return 0
		}
	}
}

// is reports whether s is the slot of a source.
func (s *limitSlot) is(high, low uint64) bool { return s.low.Load() == low && s.high.Load() == high }

// find returns the slot of a source, or nil.
func (set *limitSet) find(high, low uint64) *limitSlot {
	for i := range set.slots {
		if s := &set.slots[i]; s.is(high, low) {
			return s
		}
	}
	return nil
}

// claim returns the slot of a source that has none yet, or had none just now.
func (set *limitSet) claim(high, low uint64) *limitSlot {
	set.mu.Lock()
	defer set.mu.Unlock()
	if s := set.find(high, low); s != nil {
		return s
	}
	oldest := &set.slots[0]
	for i := range set.slots {
		if s := &set.slots[i]; s.ahead() < oldest.ahead() {
			oldest = s
		}
	}
	oldest.high.Store(high)
	oldest.low.Store(low)
	for i := range oldest.clocks {
		oldest.clocks[i].Store(0)
	}
	return oldest
}
