// Package cache keeps packed replies for as long as their TTLs allow, and for
// some time beyond as stale ones (RFC 8767), within a bound in octets.
//
// A reply is kept as a *wire.Response, which is immutable, so a hit hands out
// a pointer and the copy into the client's reply happens outside every lock.
// The cache is cut into shards by a seeded hash of the question's key; each
// shard has its own lock and its own share of the bound. Neither a hit nor a
// miss allocates.
//
// A shard has two segments (a segmented LRU). What is new is on probation;
// what is asked for again some seconds later becomes established, which may
// take up to four fifths of the shard. Room is made on probation first, so a
// device that looks up a hundred thousand names once pushes out its own names
// and not those the house lives by. Within a segment, what is stale goes
// first, then what was used longest ago.
//
// That a question could not be answered is kept too, for FailureTTL (RFC
// 9520): beside a reply as the time before which upstream is not asked again,
// and without one in a small third segment that takes no room from replies.
package cache

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

const (
	// MaxResponse is the size in octets above which a reply is not kept.
	MaxResponse = 16 << 10
	// FailureTTL is how long a failure is kept: long enough that a storm of
	// retries reaches upstream as one question, short enough that nobody
	// waits for an upstream that is back (RFC 9520, section 3.2, asks for 1 s
	// to 5 min).
	FailureTTL = 5 * time.Second
	// DefaultKeepStale is for how long replies are kept beyond their time,
	// the least that RFC 8767, section 5, suggests.
	DefaultKeepStale = 24 * time.Hour
	// shardBytes is about the least share of a shard: room for many replies of
	// MaxResponse, so that one of them does not empty a shard.
	shardBytes = 256 << 10
	maxShards  = 64
)

// Cache holds replies. Make one with New. All methods may be called at any
// time from any goroutine.
type Cache struct {
	seed  maphash.Seed
	epoch time.Time // what moments count from
	table atomic.Pointer[table]
	stale atomic.Int64 // nanoseconds to keep replies beyond their time
	quiet atomic.Pointer[quiet]

	hits, misses, loaded atomic.Uint64
	version              atomic.Uint64 // counts what is worth saving

	mu sync.Mutex // one of Resize, Purge and Load at a time
}

// table is the cache for one bound.
type table struct {
	limit  int64
	shards []shard
}

// moment is a time, counted from the cache's epoch.
type moment = time.Duration

// New returns a cache of at most limit octets that keeps replies beyond their
// time for DefaultKeepStale. Where limit is not positive, it keeps nothing.
func New(limit int64) *Cache {
	c := &Cache{seed: maphash.MakeSeed(), epoch: time.Now()}
	c.KeepStale(DefaultKeepStale)
	c.table.Store(newTable(limit))
	return c
}

// newTable returns nil where limit is not positive.
func newTable(limit int64) *table {
	if limit <= 0 {
		return nil
	}
	n := 1
	for n < maxShards && int64(n*2)*shardBytes <= limit {
		n *= 2
	}
	t := &table{limit: limit, shards: make([]shard, n)}
	for i := range t.shards {
		t.shards[i].init(limit / int64(n))
	}
	return t
}

// KeepStale sets for how long replies are kept beyond their time from now on;
// zero or less means not at all.
func (c *Cache) KeepStale(d time.Duration) { c.stale.Store(int64(max(d, 0))) }

// Hit is what the cache knows of a question.
type Hit struct {
	// Response is the reply; nil where there is none.
	Response *wire.Response
	// Age is the reply's age in seconds, or wire.Stale once its time is over.
	Age uint32
	// Left is for how long the reply is still good; negative once it is stale.
	Left time.Duration
	// Failed is whether upstream failed to answer within FailureTTL, and so
	// should not be asked now. Rcode is what it said, where there is no
	// Response.
	Failed bool
	Rcode  uint16
	// Due is whether somebody should fetch the reply anew, with Claim: it is
	// stale, or soon will be and is asked for often; and nobody does already.
	Due bool
}

// Fresh reports whether there is a reply within its time.
func (h Hit) Fresh() bool { return h.Response != nil && h.Age != wire.Stale }

// Get returns what is known of q as of now, and counts and notes that it was
// asked for.
func (c *Cache) Get(q *wire.Question, now time.Time) Hit { return c.look(q, now, true) }

// Peek does so without a trace.
func (c *Cache) Peek(q *wire.Question, now time.Time) Hit { return c.look(q, now, false) }

func (c *Cache) look(q *wire.Question, now time.Time, use bool) Hit {
	t := c.table.Load()
	if t == nil {
		return Hit{}
	}
	h := t.shard(c.seed, q.Key()).get(q.Key(), c.moment(now), moment(c.stale.Load()), use)
	switch {
	case !use:
	case h.Fresh():
		c.hits.Add(1)
	default:
		c.misses.Add(1)
	}
	return h
}

// Put keeps r, an answer to q got at now, if it may be kept at all. Whether or
// not, what was kept before is over.
func (c *Cache) Put(q *wire.Question, r *wire.Response, now time.Time) {
	t := c.table.Load()
	if t == nil {
		return
	}
	s, at := t.shard(c.seed, q.Key()), c.moment(now)
	if r.Lifetime() == 0 || r.Len() > MaxResponse || c.quiet.Load().silences(q.NameKey(), r, at) {
		s.drop(q.Key())
		return
	}
	c.version.Add(1)
	s.put(string(q.Key()), r, at, moment(c.stale.Load()))
}

// Fail keeps that q could not be answered at now; rcode is what clients are
// told. A reply that is there, stale or not, stays.
func (c *Cache) Fail(q *wire.Question, rcode uint16, now time.Time) {
	if t := c.table.Load(); t != nil {
		t.shard(c.seed, q.Key()).fail(q.Key(), rcode, c.moment(now), moment(c.stale.Load()))
	}
}

// Delay notes that upstream takes too long to answer q and should not be asked
// for FailureTTL from now; only of use where there is a reply.
func (c *Cache) Delay(q *wire.Question, now time.Time) {
	if t := c.table.Load(); t != nil {
		t.shard(c.seed, q.Key()).delay(q.Key(), c.moment(now)+FailureTTL)
	}
}

// Claim reports whether the caller shall fetch the reply to q anew. Until it
// calls Put, Fail or Release for q, nobody else is told to.
func (c *Cache) Claim(q *wire.Question) bool {
	t := c.table.Load()
	return t != nil && t.shard(c.seed, q.Key()).claim(q.Key(), true)
}

// Release gives a claim back.
func (c *Cache) Release(q *wire.Question) {
	if t := c.table.Load(); t != nil {
		t.shard(c.seed, q.Key()).claim(q.Key(), false)
	}
}

func (c *Cache) moment(t time.Time) moment { return t.Sub(c.epoch) }

// shard returns the shard of a key.
func (t *table) shard(seed maphash.Seed, key []byte) *shard {
	return &t.shards[maphash.Bytes(seed, key)&uint64(len(t.shards)-1)]
}

// Stats is a reading of the cache. Stale are those among Entries that are past
// their time; failures are no entries but count in Bytes. Hits, Misses and
// Loaded count since the start; what is stale is no hit.
type Stats struct {
	Entries, Stale, Bytes, Limit int64
	Hits, Misses, Loaded         uint64
}

// Stats reads how full the cache is and what it was good for.
func (c *Cache) Stats(now time.Time) Stats {
	s := Stats{Hits: c.hits.Load(), Misses: c.misses.Load(), Loaded: c.loaded.Load()}
	t := c.table.Load()
	if t == nil {
		return s
	}
	s.Limit = t.limit
	for i := range t.shards {
		t.shards[i].measure(&s, c.moment(now))
	}
	return s
}
