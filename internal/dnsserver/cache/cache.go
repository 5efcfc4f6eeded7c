// Package cache keeps packed replies for as long as their TTLs allow, and for
// some time beyond as stale ones (RFC 8767), within a bound in octets.
//
// The cache is cut into shards by a seeded hash of the question's key; each
// shard has its own lock and its own share of the bound, in one piece of memory
// that has no pointers in it. So the garbage collector has nothing to do for an
// entry, and the bound is what the cache really takes, its index and gaps
// included; the system gives the memory as it fills. A hit is copied out under
// the lock, to where the caller's reply will be, and is patched there. Neither
// a hit nor a miss allocates.
//
// A shard has two segments (a segmented LRU). What is new is on probation;
// what is asked for again some seconds later becomes established, which may
// take up to four fifths of the shard. Room is made on probation first, so a
// device that looks up a hundred thousand names once pushes out its own names
// and not those the house lives by. Within a segment, what is stale goes
// first, about in the order in which it was got, then what was used longest
// ago. Room is made for a sixteenth of the shard at a time, by moving together
// what stays; what may not be given even as a stale answer goes then as well,
// wherever it is.
//
// That a question could not be answered is kept too, for FailureTTL (RFC
// 9520): beside a reply as the time before which upstream is not asked again,
// and without one in a small part of the memory that takes no room from
// replies.
package cache

import (
	"hash/maphash"
	"math"
	"runtime"
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
	// maxShare keeps the memory of all shards within what an int holds, and
	// that of one within what a ref does.
	maxShare = min(math.MaxInt/maxShards, 1<<34)
)

// Cache holds replies. Make one with New. All methods may be called at any
// time from any goroutine.
type Cache struct {
	seed  maphash.Seed
	epoch time.Time // what moments count from
	table atomic.Pointer[table]
	stale atomic.Int64 // nanoseconds to keep replies beyond their time
	quiet atomic.Pointer[quiet]

	hits, misses atomic.Uint64 // of tables that are no more
	loaded       atomic.Uint64
	version      atomic.Uint64 // counts what is worth saving

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

// newTable returns nil where limit is not positive. Where the system does not
// give that much, it makes do with less.
func newTable(limit int64) *table {
	for ; limit >= word; limit /= 2 {
		n := 1
		for n < maxShards && int64(n*2)*shardBytes <= limit {
			n *= 2
		}
		share := limit / int64(n) / word * word
		if share > maxShare {
			continue
		}
		mem := allocate(int(share) * n)
		if mem == nil {
			continue
		}
		t := &table{limit: limit, shards: make([]shard, n)}
		for i := range t.shards {
			t.shards[i].memory = newMemory(mem[i*int(share):][:share])
		}
		runtime.AddCleanup(&t.shards[0], release, mem) // what works on a shard keeps all of them
		return t
	}
	return nil
}

// KeepStale sets for how long replies are kept beyond their time from now on;
// zero or less means not at all.
func (c *Cache) KeepStale(d time.Duration) { c.stale.Store(int64(max(d, 0))) }

// Hit is what the cache knows of a question.
type Hit struct {
	// Response is the reply, where Found. It stands behind the buffer that the
	// caller gave, in its spare capacity, or in memory of its own where that
	// is too small; it is good until the caller writes there. The one thing
	// that may be written while it is used is itself, appended to the buffer.
	Response wire.Response
	// Found is whether there is a reply, within its time or not.
	Found bool
	// Age is the reply's age in seconds, or wire.Stale once its time is over.
	Age uint32
	// Left is for how long the reply is still good; negative once it is stale.
	Left time.Duration
	// Failed is whether upstream failed to answer within FailureTTL, and so
	// should not be asked now. Rcode is what it said, where no reply is Found.
	Failed bool
	Rcode  uint16
	// Due is whether somebody should fetch the reply anew, with Claim: it is
	// stale, or soon will be and is asked for often; and nobody does already.
	Due bool
}

// Fresh reports whether there is a reply within its time.
func (h Hit) Fresh() bool { return h.Found && h.Age != wire.Stale }

// Get returns what is known of q as of now, and counts and notes that it was
// asked for. Where there is a reply, it is put behind dst; see Hit.
func (c *Cache) Get(dst []byte, q *wire.Question, now time.Time) Hit {
	return c.look(dst, q, now, true)
}

// Peek does so without a trace.
func (c *Cache) Peek(dst []byte, q *wire.Question, now time.Time) Hit {
	return c.look(dst, q, now, false)
}

func (c *Cache) look(dst []byte, q *wire.Question, now time.Time, use bool) Hit {
	t := c.table.Load()
	if t == nil {
		return Hit{}
	}
	hash := c.hash(q.Key())
	return t.shard(hash).get(dst, q.Key(), hash, c.moment(now), moment(c.stale.Load()), use)
}

// Put keeps r, an answer to q got at now, if it may be kept at all. Whether or
// not, what was kept before is over.
func (c *Cache) Put(q *wire.Question, r *wire.Response, now time.Time) {
	t := c.table.Load()
	if t == nil {
		return
	}
	hash, at := c.hash(q.Key()), c.moment(now)
	if !keepable(r) || !r.Answers(q.Key()) || c.quiet.Load().silences(q.NameKey(), r, at) {
		t.shard(hash).drop(q.Key(), hash)
		return
	}
	c.version.Add(1)
	t.shard(hash).put(q.Key(), hash, r, at, moment(c.stale.Load()))
}

// keepable reports whether r may be kept: what leads to names without end
// takes more than its own length.
func keepable(r *wire.Response) bool {
	return r.Lifetime() > 0 && r.Len() <= MaxResponse && r.StoredLen() <= 2*MaxResponse
}

// Fail keeps that q could not be answered at now; rcode is what clients are
// told. A reply that is there, stale or not, stays.
func (c *Cache) Fail(q *wire.Question, rcode uint16, now time.Time) {
	if t := c.table.Load(); t != nil {
		hash := c.hash(q.Key())
		t.shard(hash).fail(q.Key(), hash, rcode, c.moment(now), moment(c.stale.Load()))
	}
}

// Delay notes that upstream takes too long to answer q and should not be asked
// for FailureTTL from now; only of use where there is a reply.
func (c *Cache) Delay(q *wire.Question, now time.Time) {
	if t := c.table.Load(); t != nil {
		hash := c.hash(q.Key())
		t.shard(hash).delay(q.Key(), hash, c.moment(now)+FailureTTL)
	}
}

// Claim reports whether the caller shall fetch the reply to q anew. Until it
// calls Put, Fail or Release for q, nobody else is told to.
func (c *Cache) Claim(q *wire.Question) bool {
	hash, t := c.hash(q.Key()), c.table.Load()
	return t != nil && t.shard(hash).claim(q.Key(), hash, true)
}

// Release gives a claim back.
func (c *Cache) Release(q *wire.Question) {
	if t := c.table.Load(); t != nil {
		hash := c.hash(q.Key())
		t.shard(hash).claim(q.Key(), hash, false)
	}
}

func (c *Cache) moment(t time.Time) moment { return t.Sub(c.epoch) }

// hash returns the hash of a question's key.
func (c *Cache) hash(key []byte) uint32 { return uint32(maphash.Bytes(c.seed, key)) }

// shard returns the shard for a hash.
func (t *table) shard(hash uint32) *shard { return &t.shards[hash&uint32(len(t.shards)-1)] }

// Stats is a reading of the cache. Stale are those among Entries that are past
// their time. Bytes is the memory in use, which is never more than Limit: that
// of entries with the gaps between them, of failures, which are no entries, and
// of the index. Hits, Misses and
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
