package wan

// Asking the sources: which, how many, and what is made of their answers.

import (
	"context"
	"net/netip"
	"sync"

	"github.com/edgeguard/edgeguard/internal/fact"
)

func (w *Watcher) ofKind(kind Kind) []*asked {
	var list []*asked
	for _, s := range w.sources {
		if s.Kind() == kind {
			list = append(list, s)
		}
	}
	return list
}

// ask asks sources at the same time and returns their answers in order.
func (w *Watcher) ask(ctx context.Context, sources []*asked) []Answer {
	answers := make([]Answer, len(sources))
	var group sync.WaitGroup
	for i, s := range sources {
		group.Go(func() { answers[i] = w.askOne(ctx, s) })
	}
	group.Wait()
	return answers
}

// askOne asks one source and keeps what it said for the status. An error
// makes the answer Unknown, whatever came with it.
func (w *Watcher) askOne(ctx context.Context, s *asked) Answer {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	o, err := s.Observe(ctx)
	answer := Answer{Source: s.Name(), Host: s.host, Kind: s.Kind()}
	switch {
	case err != nil:
		s.status.Err = words(s.Name(), err)
		w.cfg.Log.Debug("source did not answer", "source", s.Name(), "err", s.status.Err)
	case o.State == fact.Unknown:
		s.status.Err = "it could not say"
	default:
		s.status.Err, s.status.Observation = "", o
		answer.Observation = o
	}
	return answer
}

// askOutside asks as many outside sources as it takes, each round beginning
// with another, so that none is asked more than its share.
func (w *Watcher) askOutside(ctx context.Context, routers []Answer, own []netip.Prefix) []Answer {
	sources := w.ofKind(Outside)
	if len(sources) == 0 {
		return nil
	}
	first := w.turn % len(sources)
	queue := append(append([]*asked{}, sources[first:]...), sources[:first]...)
	var answers []Answer
	for ctx.Err() == nil {
		need := wanted(routers, answers, own)
		var batch []*asked
		batch, queue = take(queue, need, answers)
		if len(batch) == 0 {
			break
		}
		w.turn = (w.turn + len(batch)) % len(sources)
		answers = append(answers, w.ask(ctx, batch)...)
	}
	return answers
}

// wanted is how many more outside answers could matter.
func wanted(routers, outside []Answer, own []netip.Prefix) int {
	known := 0
	for _, a := range outside {
		if a.Observation.State == fact.Known {
			known++
		}
	}
	switch f := Agree(join(routers, outside), own); {
	case f.Cause == Agreed:
		return 0
	case merged(routers).State == fact.Unknown:
		return max(2-known, 1)
	case f.Router.IsValid() && classify(f.Router, own) == classPublic:
		return min(2-known, 1) // a second one tells who is alone with its view
	default:
		return 1 - known // no agreement can come of it, but words can
	}
}

// take takes up to n sources from the front of queue, one a host, and none of
// a host that has answered already: it would not be independent.
func take(queue []*asked, n int, answers []Answer) (batch, rest []*asked) {
	heard := map[string]bool{}
	for _, a := range answers {
		if a.Observation.State != fact.Unknown {
			heard[a.Host] = true
		}
	}
	for _, s := range queue {
		switch {
		case heard[s.host]:
			// Dropped: not even needed later in this round.
		case len(batch) < n && !inBatch(batch, s.host):
			batch = append(batch, s)
		default:
			rest = append(rest, s)
		}
	}
	return batch, rest
}

func inBatch(batch []*asked, host string) bool {
	for _, s := range batch {
		if s.host == host {
			return true
		}
	}
	return false
}

// merged is what the routers say as one: the first answer that says anything.
func merged(routers []Answer) fact.Observation {
	for _, a := range routers {
		if a.Observation.State != fact.Unknown {
			return a.Observation
		}
	}
	return fact.Observation{}
}

func join(a, b []Answer) []Answer {
	return append(append(make([]Answer, 0, len(a)+len(b)), a...), b...)
}
