package dnsserver

// A few figures of a Status, for whoever takes them often.

import (
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Figures are how busy the server is.
type Figures struct {
	// Queries counts all answers since the start, Hits those of them that came
	// from the cache or an override.
	Queries, Hits uint64
	// Upstream is the smoothed time of the fastest upstream that answers; zero
	// where none does.
	Upstream time.Duration
}

// Figures returns them. It costs next to nothing, and is no look at the status:
// see Config.Changed.
func (s *Server) Figures() Figures {
	f := Figures{Queries: s.count.total.Load(), Hits: s.count.override.Load() + s.count.cached.Load()}
	for _, u := range s.rules.Load().upstream.Status() {
		if u.Healthy == fact.VerdictPass && u.RTT > 0 && (f.Upstream == 0 || u.RTT < f.Upstream) {
			f.Upstream = u.RTT
		}
	}
	return f
}
