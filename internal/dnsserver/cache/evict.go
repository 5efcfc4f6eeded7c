package cache

// Making room.

// slackPart of what replies may take is made free at a time, so that entries
// need not be moved together for each new one.
const slackPart = 16

// allocate returns a place for n words in a, or 0 where they do not fit behind
// what is there.
func (a *arena) allocate(n ref) ref {
	if n > a.end-a.head {
		return 0
	}
	a.head += n
	return a.head - n
}

// replyWords is what the replies take, without gaps.
func (s *shard) replyWords() ref { return s.segments[probation].words + s.segments[established].words }

// roomLocked returns a place for a reply of n words, for which others may have
// to go; 0 where none is large enough.
func (s *shard) roomLocked(n ref, now, keepStale moment) ref {
	a := &s.replies
	if s.closed() || n > a.size() {
		return 0
	}
	if r := a.allocate(n); r != 0 {
		return r
	}
	goal := a.size() - n
	goal -= min(goal, a.size()/slackPart)
	s.sweepLocked(a, func(r ref) bool { return s.at(r).over(now, keepStale) })
	for _, from := range []uint8{probation, established} {
		if s.replyWords() > goal {
			s.sweepLocked(a, func(r ref) bool {
				e := s.at(r)
				return e.segment == from && e.expires() <= now && s.replyWords() > goal
			})
		}
		for s.replyWords() > goal && s.segments[from].last != 0 {
			s.dropLocked(s.segments[from].last)
		}
	}
	s.compactLocked(a)
	return a.allocate(n)
}

// failureRoomLocked is roomLocked for a failure; the oldest go.
func (s *shard) failureRoomLocked(n ref) ref {
	a, g := &s.failures, &s.segments[failed]
	if s.closed() || n > a.size() {
		return 0
	}
	if r := a.allocate(n); r != 0 {
		return r
	}
	goal := a.size() - n
	for goal -= min(goal, a.size()/4); g.words > goal; {
		s.dropLocked(g.last)
	}
	s.compactLocked(a)
	return a.allocate(n)
}

// sweepLocked removes the entries in a for which gone says so, in the order of
// the memory, which is about that in which they were got. It returns how many.
func (s *shard) sweepLocked(a *arena, gone func(ref) bool) (n int) {
	for r := a.start; r < a.head; {
		next := r + s.at(r).words()
		if s.at(r).segment != dead && gone(r) {
			s.dropLocked(r)
			n++
		}
		r = next
	}
	return n
}

// dropLocked forgets the entry at r. Its memory is a gap from now on.
func (s *shard) dropLocked(r ref) {
	e := s.at(r)
	*s.linkTo(r, e.hash) = e.chain
	s.remove(r)
	a, left := &s.replies, s.replyWords()
	if e.segment == failed {
		a, left = &s.failures, s.segments[failed].words
	}
	e.segment = dead
	if left == 0 {
		a.head = a.start
	}
}

// compactLocked moves the entries in a together.
func (s *shard) compactLocked(a *arena) {
	to := a.start
	for r := a.start; r < a.head; {
		n, kept := s.at(r).words(), s.at(r).segment != dead
		if kept && r != to {
			s.moveLocked(r, to, n)
		}
		if kept {
			to += n
		}
		r += n
	}
	a.head = to
}

// moveLocked moves the n words of an entry, and all that refers to it.
func (s *shard) moveLocked(from, to, n ref) {
	link := s.linkTo(from, s.at(from).hash)
	copy(s.words[to:to+n], s.words[from:from+n])
	*link = to // before anybody follows the chain
	e := s.at(to)
	g := &s.segments[e.segment]
	s.join(g, e.prev, to)
	s.join(g, to, e.next)
}
