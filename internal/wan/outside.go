package wan

// Asking the outside: as few as it takes, and another where one is slow.

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	// hedgeUrgent is how long one outside source is waited for, while somebody
	// waits for the answer, before another is asked beside it; hedgeCalm is the
	// same for a look of routine.
	hedgeUrgent = 300 * time.Millisecond
	hedgeCalm   = 3 * time.Second
	// badFor is how long a source that failed is asked after the others.
	badFor = 12 * time.Hour
)

// search is one round of questions to the outside.
type search struct {
	w       *Watcher
	near    []Answer
	own     []netip.Prefix
	queue   []*asked // not asked yet, in order
	running []*asked
	answers []Answer
	asked   int
	slow    int // how many of running, from its front, are not counted on
	replies chan reply
}

// askOutside asks as many outside sources as it takes, each round beginning
// with another, so that none is asked more than its share. urgent is whether
// somebody waits; a sparing round asks no second one in the place of one that
// fails.
func (w *Watcher) askOutside(ctx context.Context, near []Answer, own []netip.Prefix, urgent, sparing bool) []Answer {
	s := &search{w: w, near: near, own: own, queue: w.ranked()}
	s.replies = make(chan reply, len(s.queue))
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		for i := range s.running {
			if i < s.slow {
				s.running[i].failed = time.Now() // another goes first next time
			}
		}
		for range s.running {
			w.note(<-s.replies) // those who were overtaken
		}
	}()
	patience := hedgeCalm
	if urgent {
		patience = hedgeUrgent
	}
	hedge := time.NewTimer(patience)
	defer hedge.Stop()
	for ctx.Err() == nil {
		if s.ask(ctx, sparing) {
			hedge.Reset(patience)
		}
		if len(s.running) == 0 {
			break
		}
		if s.need() <= 0 {
			break
		}
		select {
		case r := <-s.replies:
			s.take(r)
		case <-hedge.C:
			s.slow = len(s.running)
			if sparing {
				s.slow = 0
			}
			hedge.Reset(patience)
		}
	}
	return s.answers
}

// ranked are the outside sources in the order in which to ask them: those that
// failed lately last.
func (w *Watcher) ranked() []*asked {
	sources := w.ofKind(Outside)
	if len(sources) == 0 {
		return nil
	}
	first := w.turn % len(sources)
	queue := slices.Concat(sources[first:], sources[:first])
	bad := func(s *asked) int {
		if !s.failed.IsZero() && time.Since(s.failed) < badFor {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(queue, func(a, b *asked) int { return bad(a) - bad(b) })
	return queue
}

func (s *search) need() int { return s.w.wanted(s.near, s.answers, s.own) }

// ask starts what is missing, and reports whether it started anything.
func (s *search) ask(ctx context.Context, sparing bool) (started bool) {
	need := s.need()
	for len(s.running)-s.slow < need && len(s.queue) > 0 {
		if sparing && s.asked >= s.least() {
			break
		}
		next := s.next()
		if next == nil {
			break
		}
		s.running = append(s.running, next)
		s.asked++
		s.w.turn++
		started = true
		go func() { s.replies <- s.w.query(ctx, next) }()
	}
	return started
}

// least is how many a sparing round asks: one beside a router, and two without
// where the first has answered. Whom it asks changes from round to round.
func (s *search) least() int {
	if spoke(s.near) || known(s.answers) == 0 {
		return 1
	}
	return 2
}

// next takes the next source from the queue: one a party, and none of a party
// that has answered already, as it would not be independent.
func (s *search) next() *asked {
	for i, candidate := range s.queue {
		same := func(other *asked) bool { return other.party == candidate.party }
		heard := slices.ContainsFunc(s.answers, func(a Answer) bool {
			return a.Observation.State != fact.Unknown && a.Party == candidate.party
		})
		if !heard && !slices.ContainsFunc(s.running, same) {
			s.queue = slices.Delete(slices.Clone(s.queue), i, i+1)
			return candidate
		}
	}
	return nil
}

// take notes a reply.
func (s *search) take(r reply) {
	i := slices.Index(s.running, r.source)
	s.running = slices.Delete(s.running, i, i+1)
	if i < s.slow {
		s.slow--
	}
	s.answers = append(s.answers, s.w.note(r))
}

func known(answers []Answer) int {
	n := 0
	for _, a := range answers {
		if a.Observation.State == fact.Known {
			n++
		}
	}
	return n
}

// wanted is how many more outside answers could matter.
func (w *Watcher) wanted(near, outside []Answer, own []netip.Prefix) int {
	heard := known(outside)
	f := w.judge(join(near, outside), own)
	switch {
	case f.Word:
		return 1 - heard // only to contradict
	case f.Cause == Agreed:
		return 0
	case w.cfg.Family == IPv6:
		if !f.Router.IsValid() {
			return 0 // there is nothing to publish
		}
		return min(2-heard, 1)
	case !spoke(near) && heard == 0 && w.canConfirmAlone():
		return 1
	case !spoke(near):
		return max(2-heard, 1)
	case f.Router.IsValid() && f.Cause != RouterPrivate && f.Cause != RouterCGNAT && f.Cause != RouterDSLite && f.Cause != RouterOdd:
		return min(2-heard, 1) // a second one tells who is alone with its view
	default:
		return 1 - heard // no agreement can come of it, but words can
	}
}

// canConfirmAlone reports whether one voice from outside is enough to go on
// with the address that is published: it is known, and another party could
// have been asked had it said something else.
func (w *Watcher) canConfirmAlone() bool {
	return w.published.State == fact.Known && w.parties >= 2
}

// judge is the rule of agreement, and beside it: where no router answers, one
// voice that repeats what was agreed before is enough.
func (w *Watcher) judge(answers []Answer, own []netip.Prefix) Finding {
	if w.cfg.Family == IPv6 {
		return AgreeIPv6(answers)
	}
	f := Agree(answers, own)
	if f.Cause == OneVoice && w.canConfirmAlone() && f.Outside == w.published.Addr {
		f.Cause, f.Addr, f.Kept = Agreed, f.Outside, true
		for _, a := range answers {
			if a.Kind == Outside && a.Observation.State == fact.Known && a.Observation.Addr.Unmap() == f.Addr {
				f.By = append(f.By, a.Source)
			}
		}
	}
	return f
}
