package dnsserver

// Answers from the cache, and fetching anew what will be asked for again.

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

const (
	// renewalsQueued bounds the replies that wait to be fetched anew; one more
	// waits for the next question.
	renewalsQueued = 32
	// renewalsPart of the number of workers is how many are fetched at a time.
	renewalsPart = 4
)

// fromCache appends what the cache says to asked as the reply to q, which is
// the same question or one whose alias leads to it; where it says nothing,
// upstream has to be asked. A stale answer goes out here only where asking is
// in vain: upstream has just failed to answer, is known to be dead, or no
// worker is free.
func (a *answerer) fromCache(dst []byte, q, asked *wire.Question, v *zone.View, limit int) ([]byte, verdict) {
	s := a.server
	hit := s.cache.Get(dst, asked, a.now)
	switch {
	case hit.Fresh():
		a.counted.cached++
	case hit.Found && (hit.Failed || s.workers.full() || a.met.rules.serversFor(asked).dead.Load()):
		a.counted.stale++
	case !hit.Found && hit.Failed:
		a.counted.failed++
		return wire.AppendFailure(dst, q, hit.Rcode, wire.EDECachedError), reply
	default:
		return dst, ask
	}
	if hit.Due {
		s.renewLater(asked)
	}
	return a.met.rules.shape(dst, a.zone, q, asked, &hit.Response, hit.Age, v, limit), reply
}

// busy appends the reply to a client's question that no worker takes: a stale
// answer, where there is one, and else SERVFAIL.
func (s *Server) busy(dst []byte, q *wire.Question, from netip.Addr, limit int) []byte {
	var turned wire.Question
	asked := s.zone.Load().Turn(&turned, q)
	s.rules.Load().mark(asked, s.zone.Load())
	hit := s.cache.Peek(dst, asked, time.Now())
	if !hit.Found {
		return wire.AppendRcode(dst, q, wire.ServFail)
	}
	s.count.stale.Add(1)
	return s.shape(dst, q, asked, &hit.Response, hit.Age, s.rules.Load().viewOf(from), limit)
}

// renewLater has the answer to q fetched anew, unless that is under way or too
// much else is. It neither waits nor allocates.
func (s *Server) renewLater(q *wire.Question) {
	if !s.cache.Claim(q) {
		return
	}
	select {
	case s.renewals <- *q:
	default:
		s.cache.Release(q)
	}
}

// renew fetches answers anew until ctx ends. It does so beside the workers,
// and not at all while more than half of them are busy: a client that waits
// goes before one that may ask.
func (s *Server) renew(ctx context.Context) error {
	slots := make(chan struct{}, max(1, cap(s.workers.slots)/renewalsPart))
	for {
		select {
		case <-ctx.Done():
			return nil
		case q := <-s.renewals:
			if !s.workers.idle() || len(slots) == cap(slots) {
				s.cache.Release(&q)
				continue
			}
			slots <- struct{}{}
			s.count.prefetched.Add(1)
			s.workers.running.Go(func() {
				_, _ = s.fetch(ctx, &q) // what came of it is in the cache
				<-slots
			})
		}
	}
}

// keep makes what keeps the answers, at New.
func (s *Server) keep(r *rules) {
	s.cache.KeepStale(r.cfg.StaleMax)
	s.renewals = make(chan wire.Question, renewalsQueued)
	s.store = newStore(s.log, s.cache, func() string {
		cfg := s.rules.Load().cfg
		if cfg.CacheBytes < 0 {
			return ""
		}
		return cfg.CacheFile
	})
}

// background keeps the answers, as long as the server runs.
func (s *Server) background(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.renew(ctx) })
	group.Go(func() error { return s.store.loop.Run(ctx) })
	return group.Wait()
}

// seat is a worker's slot, held for a client.
type seat struct {
	workers *workers
	client  netip.Addr
}

// leave frees it, once.
func (own seat) leave() {
	own.workers.shares.Give(own.client)
	<-own.workers.slots
}

// full reports whether no worker is free.
func (w *workers) full() bool { return len(w.slots) == cap(w.slots) }

// idle reports whether at most half of the workers are busy.
func (w *workers) idle() bool { return 2*len(w.slots) <= cap(w.slots) }
