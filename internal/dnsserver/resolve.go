package dnsserver

// The way of a question that has to wait for upstream.

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// stalePatience is for how long upstream may keep a client waiting for whom a
// stale answer is at hand (RFC 8767, section 5, the client response timer).
const stalePatience = 1800 * time.Millisecond

// Upstream answers what the house does not know; *upstream.Pool is one. Its
// methods may be called at any time from any goroutine.
type Upstream interface {
	// Exchange returns the answer to q, also where that is a failure such as
	// SERVFAIL; an error means that there is none. It returns soon after ctx
	// ends, which lives as long as the server and not as the client's question.
	Exchange(ctx context.Context, q *wire.Question) (*wire.Response, error)
	// Status reads what is known of the servers, in the order of the config.
	Status() []upstream.Status
	// Addresses lists the servers, as far as they are known by address.
	Addresses() []netip.AddrPort
}

// source is an Upstream with what its last answers say of it.
type source struct {
	Upstream
	// dead is whether all servers were known to be dead when last one failed;
	// it costs nothing to read.
	dead atomic.Bool
}

// exchange asks, and notes what that says of the servers.
func (u *source) exchange(ctx context.Context, q *wire.Question) (*wire.Response, error) {
	r, err := u.Exchange(ctx, q)
	if err == nil && settles(r) {
		u.dead.Store(false)
	} else {
		u.look()
	}
	return r, err
}

// look finds out whether all servers are known to be dead.
func (u *source) look() bool {
	list := u.Status()
	dead := len(list) > 0
	for _, s := range list {
		dead = dead && s.Healthy == fact.VerdictFail
	}
	u.dead.Store(dead)
	return dead
}

// settles reports whether r answers its question, and is not a failure to.
func settles(r *wire.Response) bool {
	rcode := r.Rcode()
	return rcode == wire.NoError || rcode == wire.NXDomain || rcode == wire.YXDomain
}

// fetch asks upstream for the answer to q and keeps what comes of it.
func (s *Server) fetch(ctx context.Context, q *wire.Question) (*wire.Response, error) {
	r := s.rules.Load()
	response, err := s.exchange(ctx, q)
	switch now := time.Now(); {
	case err == nil && settles(response):
		response = response.Bounded(seconds(r.cfg.CacheMinTTL), seconds(r.cfg.CacheMaxTTL))
		s.cache.Put(q, response, now)
	case ctx.Err() != nil, errors.Is(err, errShare):
		// We are being stopped, or too busy: that is not upstream's failure.
		s.cache.Release(q)
	case err != nil:
		s.cache.Fail(q, wire.ServFail, now)
	default:
		s.cache.Fail(q, wire.ServFail, now)
	}
	if err != nil {
		s.log.Debug("question could not be answered", "err", err)
	}
	return response, err
}

func seconds(d time.Duration) uint32 { return uint32(d / time.Second) }

// errSlow means that a stale answer is better than waiting on.
var errSlow = errors.New("upstream takes too long")

// resolve answers a question of a client's that could not be answered at once,
// and appends the reply. Its slot among the workers is free again when it
// returns, or is held by the exchange that it leaves behind.
func (s *Server) resolve(ctx context.Context, dst []byte, q *wire.Question, from netip.Addr, own seat, limit int) []byte {
	s.store.await(ctx)
	asked := s.zone.Load().Turn(nil, q)
	s.rules.Load().mark(asked, s.zone.Load())
	hit := s.cache.Peek(dst, asked, time.Now())
	switch {
	case hit.Fresh(): // somebody else has asked meanwhile
		own.leave()
		s.count.cached.Add(1)
		return s.shape(dst, q, asked, &hit.Response, hit.Age, s.rules.Load().viewOf(from), limit)
	case !hit.Found && hit.Failed:
		own.leave()
		s.count.failed.Add(1)
		return wire.AppendFailure(dst, q, hit.Rcode, wire.EDECachedError)
	case !hit.Found:
		r, err := s.fetch(ctx, asked)
		own.leave()
		return s.conclude(dst, q, asked, from, limit, r, err)
	}
	r, err := s.fetchOrLeave(ctx, asked, own)
	return s.conclude(dst, q, asked, from, limit, r, err)
}

// fetchOrLeave fetches the answer to q, of which there is a stale one. Where
// that takes too long, or is known to be in vain, it returns errSlow while the
// exchange goes on; others who ask then get the stale answer at once.
func (s *Server) fetchOrLeave(ctx context.Context, q *wire.Question, own seat) (*wire.Response, error) {
	type outcome struct {
		response *wire.Response
		err      error
	}
	done := make(chan outcome, 1)
	s.cache.Claim(q) // nobody else need fetch it in the background
	kept := *q       // the caller's is used again
	s.workers.running.Go(func() {
		defer own.leave()
		r, err := s.fetch(ctx, &kept)
		done <- outcome{r, err}
	})
	patience := stalePatience
	if s.rules.Load().serversFor(q).look() {
		patience = 0
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case o := <-done:
		return o.response, o.err
	case <-timer.C:
		s.cache.Delay(q, time.Now())
	case <-ctx.Done():
	}
	return nil, errSlow
}

// conclude appends the reply to q after waiting for the answer to asked, by the
// zone as it is now. A failure gives way to a stale answer, if that is still
// there, and else to SERVFAIL.
func (s *Server) conclude(dst []byte, q, asked *wire.Question, from netip.Addr, limit int, r *wire.Response, err error) []byte {
	local, v := s.zone.Load(), s.rules.Load().viewOf(from)
	if out, ok := local.Answer(dst, q, local.Of(q), v, limit); ok {
		s.count.override.Add(1) // it became an override while we waited
		return out
	}
	if err == nil && settles(r) {
		s.count.forwarded.Add(1)
		return s.shape(dst, q, asked, r, 0, v, limit)
	}
	if hit := s.cache.Peek(dst, asked, time.Now()); hit.Fresh() { // another exchange was luckier
		s.count.cached.Add(1)
		return s.shape(dst, q, asked, &hit.Response, hit.Age, v, limit)
	} else if hit.Found {
		s.count.stale.Add(1)
		return s.shape(dst, q, asked, &hit.Response, wire.Stale, v, limit)
	}
	if err == nil && r.Rcode() == wire.ServFail {
		s.count.forwarded.Add(1)
		return s.shape(dst, q, asked, r, 0, v, limit)
	}
	// REFUSED and the like are about us and that server; a client would take
	// them for our own word to it.
	s.count.failed.Add(1)
	return wire.AppendFailure(dst, q, wire.ServFail, wire.EDEUnreachable)
}
