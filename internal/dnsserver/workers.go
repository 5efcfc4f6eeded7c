package dnsserver

// What has to wait for upstream.

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/edgeguard/edgeguard/internal/dnsserver/limit"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// job is one question that waits for upstream.
type job struct {
	ctx      context.Context
	question wire.Question
	limit    int
	from     peer
	client   netip.Addr // whose share it is
	via      sender
	done     func() // may be nil
	buffer   []byte
}

var jobs = sync.Pool{New: func() any { return &job{buffer: make([]byte, 0, wire.UDPSize)} }}

// maxIdle bounds the workers that are kept for the next question: their stacks
// have grown to what a question needs, which a new one's has to anew, and that
// takes about as long as all else that we do about a question.
const maxIdle = 64

// workers is the bound on questions that wait.
type workers struct {
	slots   chan struct{}
	running sync.WaitGroup
	shares  limit.Shares

	mu   sync.Mutex
	free []*worker // guarded by mu; the last is the one that has worked last
}

// worker is a goroutine that resolves one question after the other.
type worker struct{ jobs chan *job } // has room for one

// take returns a free worker, which must be given a job; nil where there is none.
func (w *workers) take() *worker {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.free) - 1
	if last < 0 {
		return nil
	}
	taken := w.free[last]
	w.free[last] = nil
	w.free = w.free[:last]
	return taken
}

// offer makes a worker a free one, unless there are enough.
func (w *workers) offer(idle *worker) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.free) >= maxIdle {
		return false
	}
	w.free = append(w.free, idle)
	return true
}

// withdraw takes it back, and reports false where it has been taken already.
func (w *workers) withdraw(idle *worker) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.Index(w.free, idle)
	if at >= 0 {
		w.free = slices.Delete(w.free, at, at+1)
	}
	return at >= 0
}

// dispatch hands q to a worker, whose reply goes out through via, and calls
// done, which may be nil, when it has. Without a free worker, or where the
// client has its share of them, it reports false at once.
func (s *Server) dispatch(ctx context.Context, q *wire.Question, limit int, from peer, via sender, done func()) bool {
	j := s.admit(ctx, q, limit, from, via, done)
	if j != nil {
		s.hand(j)
	}
	return j != nil
}

// admit is the first half of dispatch: it returns a job, which must be handed to
// a worker, or nil.
func (s *Server) admit(ctx context.Context, q *wire.Question, limit int, from peer, via sender, done func()) *job {
	select {
	case s.workers.slots <- struct{}{}:
	default:
		s.count.dropped.Add(1)
		return nil
	}
	client := s.rules.Load().sourceOf(from.Addr.Addr())
	if !s.workers.shares.Take(client, s.share(client)) {
		<-s.workers.slots
		s.count.dropped.Add(1)
		return nil
	}
	limit = q.Limit(limit)
	j := jobs.Get().(*job)
	j.ctx, j.question, j.limit, j.from, j.client, j.via, j.done = ctx, *q, limit, from, client, via, done
	return j
}

// hand gives a job to a worker.
func (s *Server) hand(j *job) {
	if w := s.workers.take(); w != nil {
		w.jobs <- j
	} else {
		ctx := j.ctx // the job is another one's by the time the worker looks again
		s.workers.running.Go(func() { s.serve(ctx, j) })
	}
}

// serve resolves j, and then whatever it is given until ctx ends.
func (s *Server) serve(ctx context.Context, j *job) {
	self := &worker{jobs: make(chan *job, 1)}
	for {
		s.work(j)
		if !s.workers.offer(self) {
			return
		}
		select {
		case j = <-self.jobs:
		case <-ctx.Done():
			if s.workers.withdraw(self) {
				return
			}
			j = <-self.jobs // somebody has just taken us
		}
	}
}

// work resolves one question. Its slot is not held while the reply is sent, as
// a client that does not read can hold up a TCP connection.
func (s *Server) work(j *job) {
	out := s.resolve(j.ctx, j.buffer[:0], &j.question, j.from.Addr.Addr(), seat{&s.workers, j.client}, j.limit)
	j.via.Send(j.from, out)
	if j.done != nil {
		j.done()
	}
	if cap(out) <= 4*wire.UDPSize {
		j.buffer = out
	}
	j.ctx, j.via, j.done = nil, nil, nil
	jobs.Put(j)
}

// share returns how many workers a client may hold: half of them, so that one
// device with ten thousand hanging questions does not starve the others. Who
// stands for many may hold all.
func (s *Server) share(client netip.Addr) int {
	all := cap(s.workers.slots)
	if s.exempt(client) {
		return all
	}
	return max(1, all/2)
}
