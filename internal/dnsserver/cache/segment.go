package cache

// Entries, and the segments of a shard that they are in.

import (
	"container/heap"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// overhead is about what an entry takes beside its key and response: the entry
// itself, its place in the map and that in the heap.
const overhead = 208

// entry is a kept reply, or without response a failure. It is guarded by its
// shard's lock.
type entry struct {
	key      string
	response *wire.Response
	at       moment // when it was got
	expires  moment // when its time is over
	retry    moment // upstream failed and is not asked before this
	cost     int64
	uses     uint32 // how often it was asked for since it was got
	rcode    uint16 // of a failure
	claimed  bool   // somebody is fetching it anew

	segment    *segment
	place      int // in the segment's heap
	prev, next *entry
}

// segment is a list of entries in two orders. It is guarded by its shard's
// lock.
type segment struct {
	bytes  int64
	ring   entry // in the order of use; next is the one used last
	expiry expiries
}

func (g *segment) init() { g.ring.prev, g.ring.next = &g.ring, &g.ring }

// add makes e, which is in no segment, the one used last, or with old the one
// used longest ago.
func (g *segment) add(e *entry, old bool) {
	e.segment = g
	g.bytes += e.cost
	heap.Push(&g.expiry, e)
	if old {
		e.linkAfter(g.ring.prev)
	} else {
		e.linkAfter(&g.ring)
	}
}

func (g *segment) remove(e *entry) {
	e.unlink()
	heap.Remove(&g.expiry, e.place)
	g.bytes -= e.cost
	e.segment = nil
}

// use makes e the one used last.
func (g *segment) use(e *entry) {
	e.unlink()
	e.linkAfter(&g.ring)
}

// victim returns the entry to do without: what is stale for longest, else what
// was used longest ago; nil in an empty segment.
func (g *segment) victim(now moment) *entry {
	switch {
	case len(g.expiry) == 0:
		return nil
	case g.expiry[0].expires <= now:
		return g.expiry[0]
	}
	return g.ring.prev
}

// stale counts the entries past their time.
func (g *segment) stale(now moment) int64 { return g.expiry.before(now, 0) }

func (e *entry) unlink() { e.prev.next, e.next.prev = e.next, e.prev }

func (e *entry) linkAfter(p *entry) {
	e.prev, e.next = p, p.next
	e.prev.next, e.next.prev = e, e
}

// life is for how long the reply is good in all.
func (e *entry) life() time.Duration { return e.expires - e.at }

// expiries is a heap of entries, the one that expires first on top.
type expiries []*entry

func (h expiries) Len() int           { return len(h) }
func (h expiries) Less(i, j int) bool { return h[i].expires < h[j].expires }

func (h expiries) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *expiries) Push(x any) {
	e := x.(*entry)
	e.place = len(*h)
	*h = append(*h, e)
}

func (h *expiries) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}

// before counts the entries at place i and below it that expire by now.
func (h expiries) before(now moment, i int) int64 {
	if i >= len(h) || h[i].expires > now {
		return 0
	}
	return 1 + h.before(now, 2*i+1) + h.before(now, 2*i+2)
}
