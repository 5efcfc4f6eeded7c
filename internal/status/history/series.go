package history

// How busy the DNS server was, interval by interval. It is not written down: an
// hour of it is not worth the wear of a NAS's flash.

import (
	"math"
	"time"
)

const (
	// Step is the length of an interval.
	Step = 30 * time.Second
	// points is how many intervals are remembered: an hour.
	points = 120
)

// Counters are what the DNS server has counted since it started.
type Counters struct {
	// Queries are all answers, Hits those from the cache or an override.
	Queries, Hits uint64
	// Upstream is the smoothed time of the fastest upstream that answers; zero
	// where none does.
	Upstream time.Duration
}

// Series are the figures of the last intervals, the oldest first; all lists are
// of one length. It is immutable.
type Series struct {
	// End is the end of the last interval.
	End time.Time
	// Queries and Hits are those of each interval, UpstreamSeconds the upstream
	// at the end of each; zero where none answered.
	Queries, Hits   []uint64
	UpstreamSeconds []float64
}

// ring holds the last intervals. The zero ring has none.
type ring struct {
	before  Counters // at the end of the last interval
	counted bool     // before is known
	next    int      // where the next interval goes
	length  int
	slots   [points]struct {
		queries, hits uint64
		seconds       float64
	}
}

// CountDNS ends an interval. The first call only begins one. Whoever calls it does
// so every Step.
func (h *History) CountDNS(at time.Time, now Counters) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ring.count(now) {
		h.dns = h.ring.series(stamp(at))
	}
}

// count takes in what was counted up to now, and reports whether that ended an
// interval.
func (r *ring) count(now Counters) bool {
	before, counted := r.before, r.counted
	r.before, r.counted = now, true
	if !counted {
		return false
	}
	slot := &r.slots[r.next]
	slot.queries, slot.hits = grown(before.Queries, now.Queries), grown(before.Hits, now.Hits)
	slot.seconds = math.Round(now.Upstream.Seconds()*1e6) / 1e6
	r.next = (r.next + 1) % points
	r.length = min(r.length+1, points)
	return true
}

// grown is by how much a counter grew. One that is smaller began anew.
func grown(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// series is the ring's content.
func (r *ring) series(end time.Time) *Series {
	s := &Series{
		End: end, Queries: make([]uint64, 0, r.length), Hits: make([]uint64, 0, r.length), UpstreamSeconds: make([]float64, 0, r.length),
	}
	for i := range r.length {
		slot := &r.slots[(r.next-r.length+i+points)%points]
		s.Queries, s.Hits = append(s.Queries, slot.queries), append(s.Hits, slot.hits)
		s.UpstreamSeconds = append(s.UpstreamSeconds, slot.seconds)
	}
	return s
}
