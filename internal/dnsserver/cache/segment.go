package cache

// Entries, and the segments of a shard that they are in.

import "time"

// The segments of a shard.
const (
	dead uint8 = iota // removed
	probation
	established
	failed // questions that could not be answered
	segments
)

// entry is the head of a kept reply or failure; its octets stand behind it. It
// is guarded by its shard's lock.
type entry struct {
	at    moment // when it was got
	retry moment // upstream failed and is not asked before this

	life       uint32 // seconds for which it is good from at
	uses       uint32 // how often it was asked for since it was got
	hash       uint32 // of the key
	size       uint32 // octets behind
	chain      ref    // the next one in the index
	prev, next ref    // in the segment's ring
	moved      uint32 // the segment's count when it became the one used last

	rcode   uint16 // of a failure
	name    uint8  // octets of the name
	mark    uint8  // the last octet of the key
	segment uint8
	claimed bool // somebody is fetching it anew
}

// expires is when the entry's time is over.
func (e *entry) expires() moment { return e.at + time.Duration(e.life)*time.Second }

// over reports whether e is of no use any more.
func (e *entry) over(now, keepStale moment) bool {
	if e.segment == failed {
		keepStale = 0
	}
	return now >= e.expires()+keepStale
}

// segment is a list of entries in the order of use. It is guarded by its
// shard's lock.
type segment struct {
	first, last ref // used last, and longest ago
	entries     uint32
	words       ref    // all that its entries take
	moves       uint32 // counts entries that became the one used last
}

// add puts the entry at r, which is in no segment, into segment to as the one
// used last, or with old the one used longest ago.
func (s *shard) add(r ref, to uint8, old bool) {
	e, g := s.at(r), &s.segments[to]
	e.segment = to
	g.entries++
	g.words += e.words()
	if old {
		s.link(g, r, g.last, 0)
		return
	}
	g.moves++
	e.moved = g.moves
	s.link(g, r, 0, g.first)
}

// remove takes the entry at r out of its segment.
func (s *shard) remove(r ref) {
	e := s.at(r)
	g := &s.segments[e.segment]
	s.join(g, e.prev, e.next)
	g.entries--
	g.words -= e.words()
}

// use makes the entry at r the one used last. While it is surely among the
// first eighth, it stays where it is: what is asked for all the time would
// else write to four entries each time.
func (s *shard) use(r ref) {
	e := s.at(r)
	g := &s.segments[e.segment]
	if g.moves-e.moved <= g.entries/8 {
		return
	}
	s.join(g, e.prev, e.next)
	g.moves++
	e.moved = g.moves
	s.link(g, r, 0, g.first)
}

// link puts the entry at r between two that are neighbours; 0 is the end.
func (s *shard) link(g *segment, r, prev, next ref) {
	s.join(g, prev, r)
	s.join(g, r, next)
}

// join makes next follow prev.
func (s *shard) join(g *segment, prev, next ref) {
	if prev != 0 {
		s.at(prev).next = next
	} else {
		g.first = next
	}
	if next != 0 {
		s.at(next).prev = prev
	} else {
		g.last = prev
	}
}
