package wan

// Asking the sources: which, how many, and what is made of their answers.

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	// grace is how long the other ways of asking the router are waited for once
	// one has answered.
	grace = time.Second
	// restAfter failures in a row, one way of asking the router is left out
	// while another answers: a router that does not speak NAT-PMP must not make
	// every look slow. The rest doubles from restFirst to restMost.
	restAfter = 3
	restFirst = time.Minute
	restMost  = 30 * time.Minute
)

// asked is a source and what it said last. It belongs to the watcher's loop.
type asked struct {
	Source
	party    string
	status   SourceStatus
	failures int       // in a row
	failed   time.Time // when it failed last; zero since it answered
	rest     time.Time // a router source: left out until then
	dear     bool      // see dear
	at       time.Time // when it was asked last; zero: never
}

func (w *Watcher) ofKind(kind Kind) []*asked {
	var list []*asked
	for _, s := range w.sources {
		if s.Kind() == kind {
			list = append(list, s)
		}
	}
	return list
}

// reply is what one source's goroutine brings.
type reply struct {
	source *asked
	answer Answer
	err    error
	gaveUp bool // we stopped waiting: it says nothing of the source
}

// query asks one source. It touches nothing that the loop owns.
func (w *Watcher) query(ctx context.Context, s *asked) reply {
	limited, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	r := reply{source: s, answer: Answer{Source: s.Name(), Party: s.party, Kind: s.Kind()}}
	if own, ok := s.Source.(interface{ ours() bool }); ok {
		r.answer.Ours = own.ours()
	}
	var o fact.Observation
	if many, ok := s.Source.(interface {
		observeAll(context.Context) ([]netip.Addr, error)
	}); ok {
		o, r.answer.More, r.err = firstOf(limited, s.Name(), many.observeAll)
	} else {
		o, r.err = s.Observe(limited)
	}
	if r.err == nil {
		r.answer.Observation = o
	}
	r.gaveUp = ctx.Err() != nil && o.State == fact.Unknown
	return r
}

// firstOf splits a source's addresses into the first, as an observation, and
// the others.
func firstOf(ctx context.Context, name string, all func(context.Context) ([]netip.Addr, error)) (fact.Observation, []netip.Addr, error) {
	addrs, err := all(ctx)
	switch {
	case err != nil:
		return fact.UnknownAddr(name, time.Now()), nil, err
	case len(addrs) == 0:
		return fact.NoAddr(name, time.Now()), nil, nil
	}
	return fact.KnownAddr(addrs[0], name, time.Now()), addrs[1:], nil
}

// note keeps what a source said for the status. An error makes the answer
// Unknown, whatever came with it.
func (w *Watcher) note(r reply) Answer {
	s := r.source
	switch {
	case r.gaveUp:
		return r.answer
	case r.err != nil:
		s.status.Err = words(s.Name(), r.err)
		w.cfg.Log.Debug("source did not answer", "source", s.Name(), "err", s.status.Err)
	case r.answer.Observation.State == fact.Unknown:
		s.status.Err = "it could not say"
	default:
		s.status.Err, s.status.Observation = "", r.answer.Observation
		s.failures, s.failed = 0, time.Time{}
		return r.answer
	}
	s.failures, s.failed = s.failures+1, time.Now()
	return r.answer
}

// askNear asks a person's word and the router in the ways that whom says, at the
// same time, and returns the answers in the order of the config. Those who were
// left out stand by their last, unless one who was asked says something new, or
// nothing for a grace: then they are asked too. Once one way has brought an
// answer, the others have a grace left.
func (w *Watcher) askNear(ctx context.Context, routine bool) []Answer {
	list, left := w.whom(routine)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	replies := make(chan reply, len(list)+len(left))
	ask := func(some []*asked) {
		for _, s := range some {
			s.at = time.Now()
			go func() { replies <- w.query(ctx, s) }()
		}
	}
	ask(list)
	var late, impatient <-chan time.Time
	if left != nil {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		impatient = timer.C
	}
	got := map[*asked]reply{}
	for len(got) < len(list) {
		news := false
		select {
		case r := <-replies:
			got[r.source] = r
			news = isNews(r)
			if r.answer.Kind == Router && r.answer.Observation.State != fact.Unknown && late == nil {
				timer := time.NewTimer(grace)
				defer timer.Stop()
				late = timer.C
			}
		case <-late:
			cancel()
			late = nil
		case <-impatient:
			news = true
		}
		if news && left != nil {
			ask(left)
			list, left = append(list, left...), nil
		}
	}
	w.thrift.left = left
	return w.gather(list, got)
}

// gather notes the replies and gives those who failed beside another a rest.
func (w *Watcher) gather(list []*asked, got map[*asked]reply) []Answer {
	var answers []Answer
	for _, s := range w.sources {
		r, replied := got[s]
		switch {
		case slices.Contains(w.thrift.left, s):
			answers = append(answers, remembered(s))
			continue
		case !replied:
			continue
		}
		if r.gaveUp && s.Kind() == Router {
			r.gaveUp, r.err = false, context.DeadlineExceeded // the grace was over
		}
		answers = append(answers, w.note(r))
	}
	answered := spoke(answers)
	for _, s := range list {
		switch {
		case !answered:
			s.rest = time.Time{}
		case s.Kind() == Router && s.failures >= restAfter:
			rest := min(restFirst<<min(s.failures-restAfter, 10), restMost)
			s.rest = time.Now().Add(rest + jitter(w.cfg.Rand, rest/4))
		}
	}
	if !answered { // those who rest may be all there is
		for _, s := range w.sources {
			s.rest = time.Time{}
		}
	}
	return answers
}

// spoke reports whether any router said anything.
func spoke(near []Answer) bool {
	for _, a := range near {
		if a.Kind == Router && a.Observation.State != fact.Unknown {
			return true
		}
	}
	return false
}

func join(a, b []Answer) []Answer {
	return append(append(make([]Answer, 0, len(a)+len(b)), a...), b...)
}
