package wan

// Looking for the router that stands in front of ours, where ours has a private
// address on its public side.

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

const (
	// secondTimeout bounds one look, secondEvery keeps two of the same address
	// apart, secondRetry those after an error.
	secondTimeout = time.Minute
	secondEvery   = 12 * time.Hour
	secondRetry   = time.Hour
)

// inFront is what is known of a second router.
type inFront struct {
	looked bool
	what   string // empty: none was found
}

// second looks in a goroutine of its own, one at a time.
type second struct {
	w *Watcher

	mu      sync.Mutex
	wan     netip.Addr // guarded by mu: what known is about
	known   inFront    // guarded by mu
	next    time.Time  // guarded by mu
	running bool       // guarded by mu
}

func newSecond(w *Watcher) *second { return &second{w: w} }

// of is what is known for a finding. It starts a look where one is due.
func (s *second) of(ctx context.Context, f Finding) inFront {
	wan, behind := private4(f)
	if !behind || s.w.cfg.SecondRouter == nil {
		return inFront{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wan != wan {
		s.wan, s.known, s.next = wan, inFront{}, time.Time{}
	}
	if !s.running && !time.Now().Before(s.next) {
		s.running = true
		s.w.group.Go(func() { s.look(ctx, wan) })
	}
	return s.known
}

func (s *second) look(ctx context.Context, wan netip.Addr) {
	ctx, cancel := context.WithTimeout(ctx, secondTimeout)
	defer cancel()
	what, found, err := s.w.cfg.SecondRouter(ctx, wan)
	s.mu.Lock()
	s.running = false
	if s.wan == wan {
		wait := secondEvery
		switch {
		case err != nil:
			wait = secondRetry
			s.w.cfg.Log.Debug("looking for a second router", "err", words("", err))
		case found:
			s.known = inFront{true, clean(what)}
		default:
			s.known = inFront{looked: true}
		}
		s.next = time.Now().Add(wait + jitter(nil, wait/4))
	}
	s.mu.Unlock()
	s.w.loop.Kick()
}
