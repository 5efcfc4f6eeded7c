package dnsserver

// What has to wait for upstream.

import (
	"context"
	"net/netip"
	"sync"

	"github.com/edgeguard/edgeguard/internal/dnsserver/limit"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// job is one question that waits for upstream.
type job struct {
	question wire.Question
	limit    int
	from     peer
	client   netip.Addr // whose share it is
	via      sender
	done     func() // may be nil
	buffer   []byte
}

var jobs = sync.Pool{New: func() any { return &job{buffer: make([]byte, 0, wire.UDPSize)} }}

// workers is the bound on questions that wait.
type workers struct {
	slots   chan struct{}
	running sync.WaitGroup
	shares  limit.Shares
}

// dispatch hands q to a worker, whose reply goes out through via, and calls
// done, which may be nil, when it has. Without a free worker, or where the
// client has its share of them, it reports false at once.
func (s *Server) dispatch(ctx context.Context, q *wire.Question, limit int, from peer, via sender, done func()) bool {
	select {
	case s.workers.slots <- struct{}{}:
	default:
		s.count.dropped.Add(1)
		return false
	}
	client := s.rules.Load().sourceOf(from.Addr.Addr())
	if !s.workers.shares.Take(client, s.share(client)) {
		<-s.workers.slots
		s.count.dropped.Add(1)
		return false
	}
	limit = q.Limit(limit)
	j := jobs.Get().(*job)
	j.question, j.limit, j.from, j.client, j.via, j.done = *q, limit, from, client, via, done
	s.workers.running.Go(func() { s.work(ctx, j) })
	return true
}

// work resolves one question. Its slot is not held while the reply is sent, as
// a client that does not read can hold up a TCP connection.
func (s *Server) work(ctx context.Context, j *job) {
	out := s.resolve(ctx, j.buffer[:0], &j.question, j.from.Addr.Addr(), seat{&s.workers, j.client}, j.limit)
	j.via.Send(j.from, out)
	if j.done != nil {
		j.done()
	}
	if cap(out) <= 4*wire.UDPSize {
		j.buffer = out
	}
	j.via, j.done = nil, nil
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
