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
	if old == nil || t == nil {
		return
	}
	for _, established := range []bool{true, false} {
		lists := make([][]entry, len(old.shards))
		for i := range old.shards {
			lists[i] = old.shards[i].list(established)
		}
		for rank, left := 0, true; left; rank++ { // about in the order of use
			left = false
			for _, list := range lists {
				if rank < len(list) {
					e := list[rank] // a copy, so that the list is not held
					left = true
					t.shard(c.seed, []byte(e.key)).restore(&e, established)
				}
			}
		}
	}
}

// bound returns the table's limit; that of no table is 0.
func (t *table) bound() int64 {
	if t == nil {
		return 0
	}
	return t.limit
}

// list returns copies of the replies of one segment that are in no segment
// themselves, the one used last first.
func (s *shard) list(established bool) []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &s.probation
	if established {
		g = &s.established
	}
	list := make([]entry, 0, len(g.expiry))
	for e := g.ring.next; e != &g.ring; e = e.next {
		list = append(list, entry{key: e.key, response: e.response, at: e.at, expires: e.expires,
			retry: e.retry, cost: e.cost, uses: e.uses})
	}
	return list
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

func (s *shard) purge(q *quiet, now moment) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, e := range s.entries {
		if e.response != nil && q.silences(nameOf(key), e.response, now) || e.response == nil && q.at(now).Has(string(nameOf(key))) {
			s.removeLocked(e)
			n++
		}
	}
	return n
}

// nameOf returns the name in a question's key.
func nameOf(key string) []byte { return []byte(key[:max(0, len(key)-keyTail)]) }

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
	return names.Has(string(name)) || r.LeadsTo(names)
}

func (q *quiet) at(now moment) quietNow { return quietNow{q.until, now} }

// quietNow is a quiet at a moment; it implements wire.Names.
type quietNow struct {
	until map[string]moment
	now   moment
}

func (q quietNow) Has(key string) bool { return q.now < q.until[key] }
