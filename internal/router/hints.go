package router

// Hints: that the WAN address may have changed, or the router restarted.

import (
	"context"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/watch"
)

// Hint says that something came in which may mean that the WAN address has
// changed or that the router has restarted. It wakes, and is never a value:
// what came in is not believed.
type Hint struct {
	// Count grows with every hint; zero means that there was none yet.
	Count uint64
	// Kind is what brought it: "gena", "natpmp", "pcp" or "ssdp".
	Kind string
	// At is when it came; zero when Count is.
	At time.Time
}

// The kinds of hints.
const (
	kindGENA   = "gena"
	kindNATPMP = "natpmp"
	kindPCP    = "pcp"
	kindSSDP   = "ssdp"
)

// Hints are published at least 50 ms apart, under a flood 1 s, and the last of
// a flood is never lost.
const (
	hintGap    = 50 * time.Millisecond
	hintRefill = time.Second
	hintBurst  = 20
)

// Hints is the latest hint. There are none unless Run runs.
func (r *Router) Hints() *watch.Value[Hint] { return r.hints.value }

// hinter publishes hints, some time apart.
type hinter struct {
	value *watch.Value[Hint]

	mu   sync.Mutex
	rate throttle
	next *Hint         // the one that waits; guarded by mu
	wake chan struct{} // one slot: next was set
}

func newHinter() *hinter {
	return &hinter{
		value: watch.New(Hint{}, func(a, b Hint) bool { return a == b }),
		rate:  throttle{least: hintGap, refill: hintRefill, burst: hintBurst},
		wake:  make(chan struct{}, 1),
	}
}

// give takes a hint, which is published at once or by run. It never blocks.
func (h *hinter) give(kind string) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	hint := &Hint{Kind: kind, At: now}
	if h.next != nil {
		h.next = hint
		return
	}
	if h.rate.wait(now) == 0 {
		h.publish(hint, now)
		return
	}
	h.next = hint
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// publish stores a hint; mu is held.
func (h *hinter) publish(hint *Hint, now time.Time) {
	h.rate.took(now)
	hint.Count = h.value.Load().Count + 1
	h.value.Store(*hint)
}

// run publishes the hints that had to wait, until ctx ends.
func (h *hinter) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		case <-timer.C:
		}
		h.mu.Lock()
		now := time.Now()
		wait := h.rate.wait(now)
		if h.next != nil && wait == 0 {
			h.publish(h.next, now)
			h.next = nil
		}
		waiting := h.next != nil
		h.mu.Unlock()
		if waiting {
			timer.Reset(wait)
		}
	}
}

// throttle keeps things apart that others set off: by least, and by refill once
// burst of them have come faster than that.
type throttle struct {
	least, refill time.Duration
	burst         int
	last          time.Time // the last one
	due           time.Time // when one would be due if each took refill
}

// wait returns how long the next one must wait at now; zero means not at all.
func (t *throttle) wait(now time.Time) time.Duration {
	if t.last.IsZero() {
		return 0
	}
	early := t.due.Add(-time.Duration(t.burst-1) * t.refill)
	return max(0, t.last.Add(t.least).Sub(now), early.Sub(now))
}

// took notes that one happened at now.
func (t *throttle) took(now time.Time) {
	if t.due.Before(now) {
		t.due = now
	}
	t.due, t.last = t.due.Add(t.refill), now
}
