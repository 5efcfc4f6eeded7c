package cache

// Changes to the cache as a whole: another bound, names that are forgotten.

import (
	"maps"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// quietFor is for how long after a purge no answer about the names is kept: an
// exchange that was under way may bring the old one. None lasts as long.
const quietFor = 10 * time.Second

// Resize gives the cache another bound, in octets, and keeps what fits, first
// what is established and was used last. Where limit is not positive, it keeps
// nothing from then on. What is asked while things move may miss.
func (c *Cache) Resize(limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.table.Load()
	if max(limit, 0) == old.bound() {
		return
	}
	t := newTable(limit)
	c.table.Store(t)
	c.version.Add(1)
	if old == nil {
		return
	}
	for i := range old.shards {
		hits, misses := old.shards[i].close()
		c.hits.Add(hits)
		c.misses.Add(misses)
	}
	if t == nil {
		return
	}
	for _, segment := range []uint8{established, probation} {
		next := make([]ref, len(old.shards))
		for i := range old.shards {
			next[i] = old.shards[i].segments[segment].first
		}
		for left := true; left; { // about in the order of use
			left = false
			for i, r := range next {
				if r == 0 {
					continue
				}
				left = true
				k := old.shards[i].kept(r)
				next[i] = old.shards[i].at(r).next
				t.shard(k.hash).restore(&k)
			}
		}
	}
}

// close makes the shard one that finds and takes nothing any more, so that
// what it holds can be read without its lock. It returns its counts.
func (s *shard) close() (hits, misses uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index = nil
	return s.hits, s.misses
}

// bound returns the table's limit; that of no table is 0.
func (t *table) bound() int64 {
	if t == nil {
		return 0
	}
	return t.limit
}

// kept is a reply on its way into a shard, or out of it.
type kept struct {
	key         []byte
	hash        uint32
	response    wire.Response
	at, retry   moment
	uses        uint32
	established bool
}

// kept reads the reply at r, with the shard's lock or after close. It stays in
// the shard's memory.
func (s *shard) kept(r ref) kept {
	e := s.at(r)
	key := append(make([]byte, 0, wire.MaxName+keyTail), s.question(r)...)
	return kept{key: append(key, e.mark), hash: e.hash, response: s.response(r), at: e.at, retry: e.retry,
		uses: e.uses, established: e.segment == established}
}

// restore keeps k as the reply used longest ago, if it fits and no reply is
// there. It reports whether it did.
func (s *shard) restore(k *kept) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := entry{at: k.at, retry: k.retry, life: k.response.Lifetime(), uses: k.uses, hash: k.hash, size: uint32(k.response.StoredLen())}
	old := s.find(k.key, k.hash)
	if s.closed() || old != 0 && s.at(old).segment != failed || s.replyWords()+e.words() > s.replies.size() {
		return false
	}
	if old != 0 {
		s.dropLocked(old)
	}
	place := s.replies.allocate(e.words())
	if place == 0 {
		s.compactLocked(&s.replies)
		place = s.replies.allocate(e.words())
	}
	into := probation
	if k.established && s.segments[established].words+e.words() <= s.establishedWords() {
		into = established
	}
	s.fillLocked(place, e, k.key, &k.response)
	s.add(place, into, true)
	return true
}

// Purge forgets all answers to questions about names, which are keys of names
// in wire form, and all that lead to one of them; stale ones too. It returns
// how many there were. What an exchange that is under way brings of them is
// not kept either.
func (c *Cache) Purge(now time.Time, names ...[]byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, n := c.moment(now), 0
	q := &quiet{until: make(map[string]moment)}
	if old := c.quiet.Load(); old != nil {
		maps.Copy(q.until, old.until)
		maps.DeleteFunc(q.until, func(_ string, until moment) bool { return until <= at })
	}
	for _, name := range names {
		q.until[string(name)] = at + quietFor
	}
	c.quiet.Store(q)
	if t := c.table.Load(); t != nil {
		for i := range t.shards {
			n += t.shards[i].purge(q, at)
		}
	}
	if n > 0 {
		c.version.Add(1)
	}
	return n
}

func (s *shard) purge(q *quiet, now moment) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := q.at(now)
	return s.sweepLocked(&s.failures, func(r ref) bool { return names.Has(s.name(r)) }) +
		s.sweepLocked(&s.replies, func(r ref) bool {
			response := s.response(r)
			return q.silences(s.name(r), &response, now)
		})
}

// keyTail is type, class and flags behind the name in wire.Question.Key.
const keyTail = 5

// quiet are names about which nothing is kept for a while. It is immutable; a
// nil one has no names.
type quiet struct {
	until map[string]moment
}

// silences reports whether r, an answer about name, must not be kept.
func (q *quiet) silences(name []byte, r *wire.Response, now moment) bool {
	if q == nil || len(q.until) == 0 {
		return false
	}
	names := q.at(now)
	return names.Has(name) || r.LeadsTo(names)
}

func (q *quiet) at(now moment) quietNow { return quietNow{q.until, now} }

// quietNow is a quiet at a moment; it implements wire.Names.
type quietNow struct {
	until map[string]moment
	now   moment
}

func (q quietNow) Has(key []byte) bool { return q.now < q.until[string(key)] }
