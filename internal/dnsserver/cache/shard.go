package cache

// One shard: what is done to a single question.

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
	// establishedOf of the rest for what is established.
	failedPart                      = 16
	establishedParts, establishedOf = 4, 5
)

// shard is a part of the cache with a lock of its own.
type shard struct {
	mu           sync.Mutex
	memory                         // guarded by mu
	segments     [segments]segment // guarded by mu
	hits, misses uint64            // guarded by mu

	_ [64]byte // no other shard's in the same cache line
}

// get returns what is known of key, the reply behind dst. With use it notes
// that it was asked for, and forgets what is over.
func (s *shard) get(dst, key []byte, hash uint32, now, keepStale moment, use bool) (h Hit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(key, hash)
	if r != 0 && s.at(r).over(now, keepStale) {
		if use {
			s.dropLocked(r)
		}
		r = 0
	}
	if r != 0 {
		h = s.hitLocked(dst, r, now, use)
	}
	switch {
	case !use:
	case h.Fresh():
		s.hits++
	default:
		s.misses++
	}
	return h
}

func (s *shard) hitLocked(dst []byte, r ref, now moment, use bool) Hit {
	e := s.at(r)
	if e.segment == failed {
		return Hit{Failed: true, Rcode: e.rcode}
	}
	if use {
		s.useLocked(r, now)
	}
	h := Hit{Response: wire.Stored(behind(dst, s.octets(r))), Found: true, Age: wire.Stale, Left: e.expires() - now, Failed: now < e.retry}
	if h.Left > 0 {
		h.Age = uint32(max(now-e.at, 0) / time.Second)
	}
	h.Due = !e.claimed && !h.Failed && e.due(now)
	return h
}

// behind copies octets into dst's spare capacity, or elsewhere where that is
// too small.
func behind(dst, octets []byte) []byte {
	start, end := len(dst), len(dst)+len(octets)
	if end > cap(dst) {
		return append([]byte(nil), octets...)
	}
	dst = dst[start:end]
	copy(dst, octets)
	return dst
}

// due reports whether e should be fetched anew: it is stale, or soon will be
// and was asked for more than once.
func (e *entry) due(now moment) bool {
	left, life := e.expires()-now, time.Duration(e.life)*time.Second
	return left <= 0 || e.uses > 1 && life >= prefetchLeast && left <= min(life/prefetchPart, prefetchMost)
}

func (s *shard) useLocked(r ref, now moment) {
	e := s.at(r)
	e.uses++
	if e.segment == probation && now-e.at >= burst {
		s.remove(r)
		s.add(r, established, false)
		s.boundEstablishedLocked()
		return
	}
	s.use(r)
}

// establishedWords is what may be established.
func (s *shard) establishedWords() ref { return s.replies.size() / establishedOf * establishedParts }

// boundEstablishedLocked puts what is too much back on probation.
func (s *shard) boundEstablishedLocked() {
	for g := &s.segments[established]; g.words > s.establishedWords(); {
		r := g.last
		s.remove(r)
		s.add(r, probation, false)
	}
}

// put keeps r, got at now. What comes in the place of an older reply inherits
// its standing.
func (s *shard) put(key []byte, hash uint32, r *wire.Response, now, keepStale moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := entry{at: now, life: r.Lifetime(), uses: 1, hash: hash, size: uint32(r.StoredLen())}
	into := probation
	if old := s.find(key, hash); old != 0 {
		if s.at(old).segment == established {
			into = established
		}
		if s.at(old).claimed {
			e.uses = 0 // nobody has asked for it yet
		}
		s.dropLocked(old)
	}
	if place := s.roomLocked(e.words(), now, keepStale); place != 0 {
		s.fillLocked(place, e, key, r)
		s.add(place, into, false)
		s.boundEstablishedLocked()
	}
}

// fillLocked writes e, the entry for key, and its reply to a place, and puts
// it into the index. A failure has no reply.
func (s *shard) fillLocked(place ref, e entry, key []byte, r *wire.Response) {
	last := len(key) - 1
	e.name, e.mark = uint8(last-4), key[last]
	link := s.chain(e.hash)
	e.chain, *link = *link, place
	*s.at(place) = e
	octets := s.octets(place)
	if r != nil {
		r.AppendStored(octets[:0])
		octets = octets[wire.HeaderLen:]
	}
	copy(octets, key[:last]) // in lower case, as find wants it
}

// fail notes that key could not be answered at now.
func (s *shard) fail(key []byte, hash uint32, rcode uint16, now, keepStale moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.find(key, hash); old != 0 {
		if o := s.at(old); o.segment != failed && !o.over(now, keepStale) {
			o.retry, o.claimed = now+FailureTTL, false
			return
		}
		s.dropLocked(old)
	}
	e := entry{at: now, life: uint32(FailureTTL / time.Second), hash: hash, rcode: rcode, size: uint32(len(key) - 1)}
	if place := s.failureRoomLocked(e.words()); place != 0 {
		s.fillLocked(place, e, key, nil)
		s.add(place, failed, false)
	}
}

// delay keeps upstream from being asked for key before a moment.
func (s *shard) delay(key []byte, hash uint32, until moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.find(key, hash); r != 0 && s.at(r).segment != failed {
		s.at(r).retry = until
	}
}

// claim takes or gives back the right to fetch key anew.
func (s *shard) claim(key []byte, hash uint32, take bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(key, hash)
	if r == 0 || s.at(r).segment == failed || s.at(r).claimed == take {
		return false
	}
	s.at(r).claimed = take
	return true
}

// drop forgets key.
func (s *shard) drop(key []byte, hash uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.find(key, hash); r != 0 {
		s.dropLocked(r)
	}
}

// measure adds what is here to st.
func (s *shard) measure(st *Stats, now moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed() {
		return
	}
	st.Hits += s.hits
	st.Misses += s.misses
	st.Entries += int64(s.segments[probation].entries + s.segments[established].entries)
	for r := s.replies.start; r < s.replies.head; r += s.at(r).words() {
		if e := s.at(r); e.segment != dead && e.expires() <= now {
			st.Stale++
		}
	}
	if used := s.replies.head - s.replies.start + s.failures.head - s.failures.start; used > 0 {
		st.Bytes += word * int64(used+ref(len(s.index))/2)
	}
}
