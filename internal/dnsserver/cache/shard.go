package cache

// One shard: a map, and three segments.

import (
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

const (
	// burst is for how long after a reply was got further questions count as
	// the same use of it: programs ask twice, and so does a scan.
	burst = 2 * time.Second
	// A reply with a TTL of at least prefetchLeast is due to be fetched anew
	// when no more than a prefetchPart of its time is left, and no more than
	// prefetchMost.
	prefetchLeast = 10 * time.Second
	prefetchPart  = 10
	prefetchMost  = 30 * time.Second
	// failedPart of a shard is for failures, establishedParts of
	// establishedOf for what is established.
	failedPart                      = 16
	establishedParts, establishedOf = 4, 5
)

// shard is a part of the cache with a lock of its own.
type shard struct {
	mu          sync.Mutex
	limit       int64             // of replies
	entries     map[string]*entry // guarded by mu
	probation   segment           // guarded by mu
	established segment           // guarded by mu
	failed      segment           // guarded by mu
}

func (s *shard) init(limit int64) {
	s.limit = limit - limit/failedPart
	s.entries = make(map[string]*entry)
	s.probation.init()
	s.established.init()
	s.failed.init()
}

// get returns what is known of key. With use it notes that it was asked for,
// and forgets what is over.
func (s *shard) get(key []byte, now, keepStale moment, use bool) Hit {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[string(key)]
	switch {
	case e == nil:
		return Hit{}
	case e.over(now, keepStale):
		if use {
			s.removeLocked(e)
		}
		return Hit{}
	case e.response == nil:
		return Hit{Failed: true, Rcode: e.rcode}
	}
	if use {
		s.useLocked(e, now)
	}
	h := Hit{Response: e.response, Age: wire.Stale, Left: e.expires - now, Failed: now < e.retry}
	if h.Left > 0 {
		h.Age = uint32(max(now-e.at, 0) / time.Second)
	}
	h.Due = !e.claimed && !h.Failed && e.due(now)
	return h
}

// over reports whether e is of no use any more.
func (e *entry) over(now, keepStale moment) bool {
	if e.response == nil {
		keepStale = 0
	}
	return now >= e.expires+keepStale
}

// due reports whether e should be fetched anew: it is stale, or soon will be
// and was asked for more than once.
func (e *entry) due(now moment) bool {
	left, life := e.expires-now, e.life()
	return left <= 0 || life >= prefetchLeast && e.uses > 1 && left <= min(life/prefetchPart, prefetchMost)
}

func (s *shard) useLocked(e *entry, now moment) {
	e.uses++
	if e.segment == &s.probation && now-e.at >= burst {
		s.probation.remove(e)
		s.established.add(e, false)
		s.boundEstablishedLocked(now)
		return
	}
	e.segment.use(e)
}

// boundEstablishedLocked puts what is too much back on probation.
func (s *shard) boundEstablishedLocked(now moment) {
	for s.established.bytes > s.limit/establishedOf*establishedParts {
		e := s.established.victim(now)
		s.established.remove(e)
		s.probation.add(e, false)
	}
}

// put keeps r, got at now. What comes in the place of an older reply inherits
// its standing.
func (s *shard) put(key string, r *wire.Response, now, keepStale moment) {
	e := &entry{key: key, response: r, at: now, expires: now + time.Duration(r.Lifetime())*time.Second, uses: 1}
	e.cost = int64(overhead + len(key) + r.Cost())
	s.mu.Lock()
	defer s.mu.Unlock()
	into := &s.probation
	if old := s.entries[key]; old != nil {
		if old.segment == &s.established {
			into = old.segment
		}
		if old.claimed {
			e.uses = 0 // nobody has asked for it yet
		}
		s.removeLocked(old)
	}
	if !s.makeRoomLocked(e.cost, now, keepStale) {
		return
	}
	s.entries[key] = e
	into.add(e, false)
	s.boundEstablishedLocked(now)
}

// restore keeps e, which was kept before elsewhere, as the one used longest
// ago, if it fits and nothing newer is there. It reports whether it did.
func (s *shard) restore(e *entry, established bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.entries[e.key]; old != nil && old.response != nil || s.bytesLocked()+e.cost > s.limit {
		return false
	} else if old != nil {
		s.removeLocked(old)
	}
	into := &s.probation
	if established && s.established.bytes+e.cost <= s.limit/establishedOf*establishedParts {
		into = &s.established
	}
	s.entries[e.key] = e
	into.add(e, true)
	return true
}

// makeRoomLocked makes room for another cost octets and reports whether it
// could.
func (s *shard) makeRoomLocked(cost int64, now, keepStale moment) bool {
	if cost > s.limit {
		return false
	}
	for s.bytesLocked()+cost > s.limit {
		e := s.established.victim(now)
		if other := s.probation.victim(now); other != nil && (e == nil || !e.over(now, keepStale)) {
			e = other
		}
		s.removeLocked(e)
	}
	return true
}

// bytesLocked is what the replies take.
func (s *shard) bytesLocked() int64 { return s.probation.bytes + s.established.bytes }

// fail notes that key could not be answered at now.
func (s *shard) fail(key []byte, rcode uint16, now, keepStale moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.entries[string(key)]; old != nil {
		if old.response != nil && !old.over(now, keepStale) {
			old.retry, old.claimed = now+FailureTTL, false
			return
		}
		s.removeLocked(old)
	}
	e := &entry{key: string(key), rcode: rcode, at: now, expires: now + FailureTTL, cost: int64(overhead + len(key))}
	limit := s.limit / (failedPart - 1)
	if e.cost > limit {
		return
	}
	for s.failed.bytes+e.cost > limit {
		s.removeLocked(s.failed.victim(now))
	}
	s.entries[e.key] = e
	s.failed.add(e, false)
}

// delay keeps upstream from being asked for key before a moment.
func (s *shard) delay(key []byte, until moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[string(key)]; e != nil && e.response != nil {
		e.retry = until
	}
}

// claim takes or gives back the right to fetch key anew.
func (s *shard) claim(key []byte, take bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[string(key)]
	if e == nil || e.response == nil || e.claimed == take {
		return false
	}
	e.claimed = take
	return true
}

// drop forgets key.
func (s *shard) drop(key []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[string(key)]; e != nil {
		s.removeLocked(e)
	}
}

// measure adds what is here to st.
func (s *shard) measure(st *Stats, now moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Entries += int64(len(s.probation.expiry) + len(s.established.expiry))
	st.Stale += s.probation.stale(now) + s.established.stale(now)
	st.Bytes += s.bytesLocked() + s.failed.bytes
}

func (s *shard) removeLocked(e *entry) {
	e.segment.remove(e)
	delete(s.entries, e.key)
}
