// Package history remembers what was so before: the public addresses, the
// verdicts of the links of the chain, and how busy the DNS server was. The first
// two outlive a restart; none of them grows without bound.
//
// It is a room of status that knows nothing of snapshots: what was seen is
// handed in, and what is remembered is handed out as values that never change.
package history

// What is seen, and what becomes of it.

import (
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	// maxAddresses and maxChanges bound what is remembered. A link that is now so
	// and now so takes no place from the others: where there is one too many, the
	// oldest goes of the link that has most.
	maxAddresses = 50
	maxChanges   = 200
	// startup is for how long after the start a link of which nothing is known
	// yet is no news: it was only not looked at.
	startup = time.Minute
)

// The families of addresses.
const (
	IPv4 = "ipv4"
	IPv6 = "ipv6"
)

// Address is a public address that came.
type Address struct {
	At time.Time
	// Family is IPv4 or IPv6.
	Family string
	// Addr is the zero Addr where it was known that there is none.
	Addr netip.Addr
}

// Change is a verdict that came to a link.
type Change struct {
	At time.Time
	// ID is the link's, Summary what was so then.
	ID      string
	Verdict fact.Verdict
	Summary string
}

// View is what is remembered. The zero View means nothing. Its lists must not be
// changed.
type View struct {
	// WAN and Links are in the order in which they were seen, the latest first.
	// Where the clock was set meanwhile, the times are in another order.
	WAN   []Address
	Links []Change
	// DNS is nil before the first interval.
	DNS *Series
}

// Empty reports whether nothing is remembered.
func (v View) Empty() bool { return len(v.WAN) == 0 && len(v.Links) == 0 && v.DNS == nil }

// Config is what a History needs.
type Config struct {
	// Path is the state file; empty means that nothing outlives a restart.
	Path string
	// Links are the ids of the links that count; others are not remembered.
	Links []string
	// Log; nil means none.
	Log *slog.Logger
}

// History remembers. Make one with New; it is safe for concurrent use.
type History struct {
	cfg     Config
	started time.Time     // with the monotonic clock, which nobody sets
	dirty   chan struct{} // one slot; there is something to write

	mu      sync.Mutex
	wan     []Address // guarded by mu; the oldest first; replaced, never changed
	links   []Change  // guarded by mu; the oldest first; replaced, never changed
	ring    ring      // guarded by mu
	dns     *Series   // guarded by mu; of ring
	written time.Time // guarded by mu; when the file was last written, or tried; at first the start
	warned  bool      // guarded by mu; it could not be written last time
}

// New returns a History that remembers what the file of cfg holds. Nothing about
// the file is fatal: one that is damaged is set aside with a warning.
func New(cfg Config) *History {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	now := time.Now()
	h := &History{cfg: cfg, started: now, written: now, dirty: make(chan struct{}, 1)}
	h.load()
	return h
}

// View returns what is remembered now.
func (h *History) View() View {
	h.mu.Lock()
	defer h.mu.Unlock()
	return View{WAN: reversed(h.wan), Links: reversed(h.links), DNS: h.dns}
}

// SawAddress takes in what is known of the public address of a family at a time.
// Nothing known changes nothing; that there is none counts only where there was
// one.
func (h *History) SawAddress(at time.Time, family string, state fact.State, addr netip.Addr) {
	if state == fact.None {
		addr = netip.Addr{}
	}
	if state == fact.Unknown || state == fact.Known && !addr.IsValid() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	last, known := lastOf(h.wan, func(a Address) bool { return a.Family == family })
	if known && last.Addr == addr || !known && !addr.IsValid() {
		return
	}
	h.wan = trimmed(append(slices.Clone(h.wan), Address{At: stamp(at), Family: family, Addr: addr}), maxAddresses,
		func(a Address) string { return a.Family })
	h.touch()
}

// SawLink takes in the verdict of a link, since when it holds, and what is so. A
// change of words alone changes nothing. After a start a verdict is compared with
// the one remembered, and one that is unknown is news only after a minute.
func (h *History) SawLink(since time.Time, id string, verdict fact.Verdict, summary string) {
	if !slices.Contains(h.cfg.Links, id) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	last, known := lastOf(h.links, func(c Change) bool { return c.ID == id })
	switch {
	case known && last.Verdict == verdict:
		return
	case verdict == fact.VerdictUnknown && (!known || time.Since(h.started) < startup):
		return
	}
	h.links = trimmed(append(slices.Clone(h.links), Change{At: stamp(since), ID: id, Verdict: verdict, Summary: summary}), maxChanges,
		func(c Change) string { return c.ID })
	h.touch()
}

// touch has the file written.
func (h *History) touch() {
	select {
	case h.dirty <- struct{}{}:
	default:
	}
}

// trimmed takes from list what is over most: the oldest of those that share a
// key with the most others. The list is changed.
func trimmed[T any](list []T, most int, key func(T) string) []T {
	for len(list) > most {
		count := map[string]int{}
		for _, entry := range list {
			count[key(entry)]++
		}
		largest := 0
		for _, n := range count {
			largest = max(largest, n)
		}
		i := slices.IndexFunc(list, func(entry T) bool { return count[key(entry)] == largest })
		list = slices.Delete(list, i, i+1)
	}
	return list
}

// lastOf returns the last entry that is so.
func lastOf[T any](list []T, is func(T) bool) (entry T, found bool) {
	for _, entry := range slices.Backward(list) {
		if is(entry) {
			return entry, true
		}
	}
	return entry, false
}

// reversed is a copy of list from its end.
func reversed[T any](list []T) []T {
	made := slices.Clone(list)
	slices.Reverse(made)
	return made
}

// stamp is a time as it is kept: in UTC and whole seconds.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
