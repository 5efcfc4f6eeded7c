package dnsserver

// Zones that are asked of servers of their own: conditional forwarding.

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// forwardShare is which part of the workers may wait for one forward's servers
// at most, so that a dead one leaves the rest to the world's names.
const forwardShare = 8

// Forward is a zone that is asked of servers of its own.
type Forward struct {
	// Zone is the name, with all names below it.
	Zone string
	// Upstream asks the zone's servers; required. Forwards may share one.
	// Whoever made it runs it.
	Upstream Upstream
}

// forward is one of them at work.
type forward struct {
	zone   string
	source *source
	slots  chan struct{} // one for each question that waits
	mark   uint8         // of the questions that are its
}

// forwards are all of them. A nil *forwards is none.
type forwards struct {
	zones *suffixes[*forward]
	// above are the zones and the names above them.
	above map[string]bool
}

func newForwards(list []Forward, workers int) (*forwards, error) {
	if len(list) == 0 {
		return nil, nil
	}
	f, byKey := &forwards{above: make(map[string]bool)}, make(map[string]*forward)
	type share struct {
		source *source
		slots  chan struct{}
	}
	shares := make(map[Upstream]share)
	for _, one := range list {
		packed, err := wire.PackName(one.Zone)
		if err == nil && one.Upstream == nil {
			err = errors.New("it has no servers")
		}
		key := string(packed)
		if err == nil && byKey[key] != nil {
			err = errors.New("it is there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("forwarding the zone %q: %w", one.Zone, err)
		}
		own, shared := shares[one.Upstream]
		if !shared {
			own = share{&source{Upstream: one.Upstream}, make(chan struct{}, max(workers/forwardShare, 1))}
			shares[one.Upstream] = own
		}
		byKey[key] = &forward{zone: one.Zone, source: own.source, slots: own.slots}
		for ; len(key) > 1; key = key[1+int(key[0]):] {
			f.above[key] = true
		}
	}
	f.zones = newSuffixes(byKey)
	return f, nil
}

// find returns the forward for q, that of the longest zone, and how many labels
// of the name stand before the zone; nil where there is none. The DS record of
// a zone is its parent's to give (RFC 4035, section 3.1.4.1).
func (f *forwards) find(q *wire.Question) (*forward, int) {
	if f == nil {
		return nil, 0
	}
	from := 0
	if q.Type == wire.TypeDS {
		from = 1
	}
	one, skip, _, _ := f.zones.find(q, from)
	return one, skip
}

// Marks of questions; from markForwards on, those of forwards.
const (
	markFiltered uint8 = iota
	markUnfiltered
	markForwards
	marks = 64
)

// identity tells forwards apart whose answers differ.
func (f *forward) identity() string { return fmt.Sprint(f.zone, f.source.Addresses()) }

// markBook remembers which forward each mark has stood for in this process.
type markBook struct {
	mu     sync.Mutex
	owners map[uint8]string // guarded by mu
}

// give gives each of f a mark: the same after a restart, as long as two do not
// meet, and never one that has stood for another here.
func (b *markBook) give(f *forwards) {
	if f == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.owners == nil || len(b.owners)+len(f.zones.byKey) > marks-int(markForwards) {
		b.owners = make(map[uint8]string) // so many changes, or so many forwards, that some answers may meet
	}
	for _, key := range slices.Sorted(maps.Keys(f.zones.byKey)) {
		one := f.zones.byKey[key]
		h := fnv.New32a()
		fmt.Fprint(h, one.identity())
		first := h.Sum32() % uint32(marks-markForwards)
		for step := range uint32(marks - markForwards) {
			one.mark = uint8((first+step)%uint32(marks-markForwards)) + markForwards
			if owner, taken := b.owners[one.mark]; !taken || owner == one.identity() {
				break
			}
		}
		b.owners[one.mark] = one.identity()
	}
}

// mark marks q with whose answer is meant, so that a new config does not give
// the answers of an old one, and returns the forward that it belongs to; nil
// where that is upstream.
func (r *rules) mark(q *wire.Question, local *zone.Zone) *forward {
	f, _ := r.forwards.find(q)
	switch {
	case f != nil:
		q.Mark(f.mark)
	case r.filters(q, local):
		q.Mark(markFiltered)
	default:
		q.Mark(markUnfiltered)
	}
	return f
}

// serversFor returns the servers that q is asked of.
func (r *rules) serversFor(q *wire.Question) *source {
	if f, _ := r.forwards.find(q); f != nil {
		return f.source
	}
	return r.upstream
}

// reaches reports whether q's name is a forwarded zone or above one, and so
// must not be denied (RFC 8020).
func (f *forwards) reaches(q *wire.Question) bool {
	return f != nil && f.above[string(q.NameKey())]
}

// pools lists each pool that questions go to, with what it is for.
func (r *rules) pools() []Forward {
	list := []Forward{{Upstream: r.upstream.Upstream}}
	return append(list, r.cfg.Forwards...)
}
