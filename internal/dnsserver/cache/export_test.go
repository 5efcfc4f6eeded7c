package cache

// Whether the cache's memory is in order, which no answer tells.

import "fmt"

// Check says what refers to something else than it should.
func (c *Cache) Check() error {
	t := c.table.Load()
	if t == nil {
		return nil
	}
	total := 0
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		err := s.check(func(key []byte) bool { h := c.hash(key); return t.shard(h) == s && s.at(s.find(key, h)).hash == h })
		s.mu.Unlock()
		if err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
		total += word * len(s.words)
	}
	if int64(total) > t.limit {
		return fmt.Errorf("%d octets for a limit of %d", total, t.limit)
	}
	return nil
}

// check holds the three ways to an entry against each other: the memory's
// order, the index and the rings.
func (s *shard) check(belongs func(key []byte) bool) error {
	var counted [segments]segment
	for _, a := range []*arena{&s.failures, &s.replies} {
		r := a.start
		for ; r < a.head; r += s.at(r).words() {
			e := s.at(r)
			if e.segment == dead {
				continue
			}
			if (e.segment == failed) != (a == &s.failures) || e.segment >= segments {
				return fmt.Errorf("%+v is in the wrong part", *e)
			}
			key := append(append([]byte(nil), s.question(r)...), e.mark)
			if s.find(key, e.hash) != r || !belongs(key) {
				return fmt.Errorf("%+v, about %q, is not found", *e, key)
			}
			if response := s.response(r); e.segment != failed && (!response.Answers(key) || response.Lifetime() != e.life || response.StoredLen() != int(e.size)) {
				return fmt.Errorf("%+v, about %q, has another reply", *e, key)
			}
			counted[e.segment].entries++
			counted[e.segment].words += e.words()
		}
		if r != a.head || a.head > a.end || a.end > ref(len(s.words)) {
			return fmt.Errorf("a part from %d to %d is filled to %d, its last entry ends at %d", a.start, a.end, a.head, r)
		}
	}
	for i := range s.segments {
		if err := s.checkRing(uint8(i), counted[i]); err != nil {
			return err
		}
	}
	chained := uint32(0)
	for _, r := range s.index {
		for ; r != 0; r = s.at(r).chain {
			chained++
		}
	}
	if want := counted[probation].entries + counted[established].entries + counted[failed].entries; chained != want {
		return fmt.Errorf("the index leads to %d entries, there are %d", chained, want)
	}
	if s.segments[established].words > s.establishedWords() {
		return fmt.Errorf("%d words are established", s.segments[established].words)
	}
	return nil
}

// checkRing holds a segment against what was counted of it.
func (s *shard) checkRing(which uint8, counted segment) error {
	g := &s.segments[which]
	entries, prev := uint32(0), ref(0)
	for r := g.first; r != 0 && entries <= counted.entries; prev, r = r, s.at(r).next { // or it is a loop
		if e := s.at(r); e.prev != prev || e.segment != which {
			return fmt.Errorf("%+v follows %d in segment %d", *e, prev, which)
		}
		entries++
	}
	if prev != g.last || entries != counted.entries || g.entries != entries || g.words != counted.words {
		return fmt.Errorf("segment %d is %+v, its ring ends at %d after %d, and counted was %+v", which, *g, prev, entries, counted)
	}
	return nil
}
