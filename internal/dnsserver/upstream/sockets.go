package upstream

// The UDP sockets to one server. Each is connected, so that the kernel passes
// on nothing but what comes from there, and errors too, and has a port of the
// kernel's choice. To open and close one costs more than all else about a
// question, so a socket is used again; but it carries one question at a time,
// few in all, and not for long.
//
// What a blind forger has to guess (RFC 5452, section 9.2) stays the port out of
// the kernel's range (Linux: 28,232, nearly 15 bits), the ID (16 bits) and the
// case of each letter in the name. Up to spread questions a second, each has a
// new port; above that, one picked by lot from at least spread that are open and
// free, so that 5 bits of the 15 are left even to who knows all of them. They
// are hard to know: a host tells only so often a second that a port is closed
// (Linux: 1,000 times), and a socket is gone after one. dnsmasq has at most 64
// ports in use at a time, the same IDs, and by default no case.

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

const (
	// spread is how many sockets are open and free before one of them is used
	// again.
	spread = 32
	// socketUses is how many questions one socket carries at most, socketLife
	// how long after its opening it takes the last.
	socketUses = 64
	socketLife = time.Second
	// maxFree bounds the sockets that are kept for the next question.
	maxFree = 256
)

// socket is one of them. Whoever took it owns it.
type socket struct {
	conn   net.Conn
	opened time.Time
	uses   int
	given  <-chan struct{} // Done of who waits on it; guarded by sockets.mu
}

// worn reports whether the socket must not be used again.
func (k *socket) worn(now time.Time) bool {
	return k.uses >= socketUses || now.Sub(k.opened) >= socketLife
}

// sockets are those to one server.
type sockets struct {
	open func(context.Context) (net.Conn, error)

	mu      sync.Mutex
	free    []*socket                    // guarded by mu; the oldest may stand anywhere
	waiting map[*socket]struct{}         // guarded by mu; those whose given is set
	watched map[<-chan struct{}]struct{} // guarded by mu; whose end is watched
	timer   *time.Timer                  // guarded by mu; closes what is worn, nil until needed
	armed   bool                         // guarded by mu
	closed  bool                         // guarded by mu
}

func newSockets(open func(context.Context) (net.Conn, error)) *sockets {
	return &sockets{open: open, waiting: make(map[*socket]struct{}), watched: make(map[<-chan struct{}]struct{})}
}

// take returns a socket for one question, and whether it has been used before.
func (s *sockets) take(ctx context.Context, now time.Time) (*socket, error) {
	if k := s.pick(now); k != nil {
		k.uses++
		return k, nil
	}
	conn, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return &socket{conn: unwatched(conn), opened: now, uses: 1}, nil
}

// pick takes one of the free sockets by lot, where there are enough.
func (s *sockets) pick(now time.Time) *socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < spread {
		return nil
	}
	i := rand.IntN(len(s.free))
	k := s.free[i]
	s.cutLocked(i)
	if k.worn(now) { // the timer is late
		k.conn.Close()
		return nil
	}
	return k
}

// cutLocked takes free[i] out.
func (s *sockets) cutLocked(i int) {
	last := len(s.free) - 1
	s.free[i], s.free[last] = s.free[last], nil
	s.free = s.free[:last]
}

// give takes a socket back whose question has been answered.
func (s *sockets) give(k *socket, now time.Time) {
	s.mu.Lock()
	keep := !s.closed && len(s.free) < maxFree && !k.worn(now)
	if keep {
		s.free = append(s.free, k)
		s.armLocked()
	}
	s.mu.Unlock()
	if !keep {
		k.conn.Close()
	}
}

func (s *sockets) armLocked() {
	switch {
	case s.armed:
		return
	case s.timer == nil:
		s.timer = time.AfterFunc(socketLife, s.tidy)
	default:
		s.timer.Reset(socketLife)
	}
	s.armed = true
}

// tidy closes what is worn.
func (s *sockets) tidy() {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.free) - 1; i >= 0; i-- {
		if k := s.free[i]; k.worn(now) {
			s.cutLocked(i)
			k.conn.Close()
		}
	}
	s.armed = false
	if len(s.free) > 0 {
		s.armLocked()
	}
}

// drop closes all free sockets: the way to the server may be another one now.
func (s *sockets) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.free {
		k.conn.Close()
	}
	clear(s.free)
	s.free = s.free[:0]
}

// close keeps no socket from now on.
func (s *sockets) close() {
	s.drop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// wait makes reads of k end at until, or when ctx does. Unlike a context of its
// own it costs next to nothing, as there are few contexts and many questions.
// After it, leave must be called.
func (s *sockets) wait(ctx context.Context, k *socket, until time.Time) error {
	done := ctx.Done()
	s.mu.Lock()
	k.given = done
	s.waiting[k] = struct{}{}
	if _, ok := s.watched[done]; !ok && done != nil {
		s.watched[done] = struct{}{}
		context.AfterFunc(ctx, func() { s.ended(done) })
	}
	s.mu.Unlock()
	if err := k.conn.SetReadDeadline(until); err != nil {
		return err
	}
	return ctx.Err() // if it has ended before the deadline was set
}

// leave ends a wait.
func (s *sockets) leave(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, k)
}

// ended ends the reads of all who wait as long as done.
func (s *sockets) ended(done <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watched, done)
	for k := range s.waiting {
		if k.given == done {
			_ = k.conn.SetReadDeadline(time.Unix(1, 0))
		}
	}
}
