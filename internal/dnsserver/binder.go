package dnsserver

// Keeping bound what should be bound: at the start, when the config changes,
// and when the host's addresses come and go.

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/edgeguard/edgeguard/internal/loop"
)

const (
	// lookEvery is how often the host's addresses are looked at where nobody
	// tells of changes, or one is waited for: a DHCP lease or an IPv6 prefix may
	// come long after us.
	lookEvery = 3 * time.Second
	// refreshEvery is how often the host's networks and gateways are looked at
	// while its addresses stay the same.
	refreshEvery = 30 * time.Second
	// lookRarely is how often there is a look that nobody asked for where
	// changes are told.
	lookRarely = time.Hour
	// minRebind and maxRebind bound the wait after an address could not be
	// bound that is there.
	minRebind, maxRebind = time.Second, time.Minute
)

// want is one address that the config asks for.
type want struct {
	addr netip.AddrPort
	tls  bool // DNS over TLS alone; otherwise UDP and TCP
}

// endpoint is one bound address with its sockets.
type endpoint struct {
	want
	packets *packetLoop // nil for DNS over TLS
	stream  *tcpListener
	// there is whether this host was seen to have the address: only then can
	// it vanish.
	there  bool
	cancel context.CancelFunc // nil while it does not run
}

// pending is an address that is not bound.
type pending struct {
	err      error
	absent   bool // the host does not have it
	quiet    bool // and nobody misses it
	vanished bool // the host had it, so it is to be seen again first
	failures int
	next     time.Time // not tried again before
}

// binder is the part of a Server that knows what is bound.
type binder struct {
	open  func(want) (*endpoint, error)
	look  func() ([]netip.Addr, error) // the host's addresses
	every time.Duration
	moved <-chan struct{} // as in Config
	loop  *loop.Loop      // of keepAddresses

	refreshed time.Time // of keepAddresses alone

	mu      sync.Mutex
	bound   []*endpoint       // guarded by mu
	waiting map[want]*pending // guarded by mu
	listens bool              // guarded by mu; from Listen to the end of Run
	ran     bool              // guarded by mu
	serve   func(*endpoint)   // guarded by mu; nil while not running
	running sync.WaitGroup
}

// wants lists what a config asks for, each once.
func wants(cfg Config) []want {
	var list []want
	add := func(w want) {
		if !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	for _, addr := range cfg.Listen {
		add(want{addr, false})
	}
	if cfg.GetCertificate != nil {
		for _, addr := range cfg.TLSListen {
			add(want{addr, true})
		}
	}
	return list
}

// Every returns what to listen on for every address of this host, of both
// families. A host without IPv6 has the first alone, and nothing is missed.
func Every(port uint16) []netip.AddrPort {
	return []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), port), netip.AddrPortFrom(netip.IPv6Unspecified(), port)}
}

// openAddress binds one address.
func (s *Server) openAddress(w want) (*endpoint, error) {
	if w.tls {
		t, err := listenTCP(s, w.addr, s.tls)
		if err != nil {
			return nil, &BindError{"tcp", w.addr, err}
		}
		return &endpoint{want: w, stream: t}, nil
	}
	p, t, err := s.bindPair(w.addr)
	if err != nil {
		return nil, err
	}
	return &endpoint{want: w, packets: p, stream: t}, nil
}

// address is the one bound, with its real port.
func (e *endpoint) address() netip.AddrPort { return e.stream.address() }

// run serves until ctx ends or a socket fails.
func (e *endpoint) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if e.packets != nil {
		group.Go(func() error { return e.packets.run(ctx) })
	}
	group.Go(func() error { return e.stream.run(ctx) })
	return group.Wait()
}

// shut closes the sockets and then ends a run, in this order: only the first
// who closes a socket waits until the port is free.
func (e *endpoint) shut() {
	if e.packets != nil {
		e.packets.Close()
	}
	e.stream.close()
	if e.cancel != nil {
		e.cancel()
	}
}

// isAbsent reports whether binding failed because the host does not have the
// address, or its whole family.
func isAbsent(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// note records that w could not be bound, with mu held.
func (s *Server) note(w want, err error, now time.Time) {
	d := s.binder.waiting[w]
	if d == nil {
		d = new(pending)
		s.binder.waiting[w] = d
	}
	if d.err == nil || d.absent != isAbsent(err) {
		s.changed()
		s.log.Warn("an address cannot be listened on yet", "listen", w.addr, "tls", w.tls, "err", err)
	}
	d.err, d.absent, d.vanished = err, isAbsent(err), false
	d.quiet = errors.Is(err, syscall.EAFNOSUPPORT) && w.addr.Addr() == netip.IPv6Unspecified()
	if d.absent {
		d.failures, d.next = 0, time.Time{}
		return
	}
	d.next = now.Add(loop.Backoff(d.failures, minRebind, maxRebind, nil))
	d.failures++
}

// awaits has an address that could not be bound looked after, with mu held.
func (s *Server) awaits() {
	s.binder.loop.Kick()
	s.changed()
}

// take adds a bound address and starts it if the server runs, with mu held.
func (s *Server) take(e *endpoint) {
	delete(s.binder.waiting, e.want)
	s.changed()
	e.there = s.isOurs(e.addr.Addr())
	s.binder.bound = append(s.binder.bound, e)
	if s.binder.serve != nil {
		s.binder.serve(e)
	}
}

// drop closes the addresses for which gone says so, with mu held.
func (s *Server) drop(gone func(*endpoint) bool) {
	s.binder.bound = slices.DeleteFunc(s.binder.bound, func(e *endpoint) bool {
		if !gone(e) {
			return false
		}
		e.shut()
		s.changed()
		s.log.Info("an address is not listened on any more", "listen", e.address(), "tls", e.tls)
		return true
	})
}

// find returns the endpoint of a wanted address, or nil, with mu held.
func (b *binder) find(w want) *endpoint {
	if i := slices.IndexFunc(b.bound, func(e *endpoint) bool { return e.want == w }); i >= 0 {
		return b.bound[i]
	}
	return nil
}

// begin reports whether Run may go on.
func (b *binder) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.listens || b.ran {
		return false
	}
	b.ran = true
	return true
}

// serveAll starts what is bound now and all that will be, each until ctx ends
// or it is shut.
func (s *Server) serveAll(ctx context.Context) {
	b := &s.binder
	b.mu.Lock()
	defer b.mu.Unlock()
	b.serve = func(e *endpoint) {
		ctx, cancel := context.WithCancel(ctx)
		e.cancel = cancel
		b.running.Go(func() {
			defer cancel()
			if err := e.run(ctx); err != nil && ctx.Err() == nil {
				s.lost(e, err)
			}
		})
	}
	for _, e := range b.bound {
		b.serve(e)
	}
}

// lost closes an address whose socket failed; it is then bound anew.
func (s *Server) lost(failed *endpoint, err error) {
	s.binder.mu.Lock()
	defer s.binder.mu.Unlock()
	if !slices.Contains(s.binder.bound, failed) {
		return
	}
	s.drop(func(e *endpoint) bool { return e == failed })
	s.note(failed.want, err, time.Now())
	s.awaits()
}

// closeAll closes all addresses and waits until nothing serves any more.
func (s *Server) closeAll() {
	b := &s.binder
	b.mu.Lock()
	b.serve, b.listens = nil, false
	for _, e := range b.bound {
		e.shut()
	}
	b.bound = nil
	clear(b.waiting)
	b.mu.Unlock()
	b.running.Wait()
}

// keepAddresses is one round of comparing what is bound with what can be.
func (s *Server) keepAddresses(context.Context) (time.Duration, error) {
	b, now, r := &s.binder, time.Now(), s.rules.Load()
	if s.refresh() || b.moved != nil || now.Sub(b.refreshed) >= refreshEvery {
		b.refreshed = now
		r.acl.refresh()
		r.refreshGateways()
	}
	s.cookies.Roll(now)
	b.mu.Lock()
	defer b.mu.Unlock()
	s.drop(func(e *endpoint) bool {
		here := s.isOurs(e.addr.Addr())
		vanished := e.there && !here
		if vanished {
			s.note(e.want, &BindError{"udp", e.addr, syscall.EADDRNOTAVAIL}, now)
			b.waiting[e.want].vanished = true
		}
		e.there = e.there || here
		return vanished
	})
	for _, w := range wants(s.rules.Load().cfg) { // the rules of now, as mu is held
		if b.find(w) != nil {
			continue
		}
		if d := b.waiting[w]; d != nil && (now.Before(d.next) || d.vanished && !s.isOurs(w.addr.Addr())) {
			continue
		}
		e, err := b.open(w)
		if err != nil {
			s.note(w, err, now)
			continue
		}
		s.take(e)
		s.log.Info("an address is listened on now", "listen", e.address(), "tls", e.tls)
	}
	if b.moved != nil && len(b.waiting) == 0 {
		return lookRarely, nil
	}
	return b.every, nil
}

// followMoves has the addresses looked at when they may have changed.
func (s *Server) followMoves(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.binder.moved:
			s.binder.loop.Kick()
		}
	}
}

// refresh looks at the host's own addresses and reports whether they are
// others than before.
func (s *Server) refresh() bool {
	ours, err := s.binder.look()
	if err != nil {
		return false // what was known is better than nothing
	}
	old := s.ours.Swap(&ours)
	return old == nil || !slices.Equal(*old, ours)
}

// hostAddresses lists the addresses of this host.
func hostAddresses() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var ours []netip.Addr
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				ours = append(ours, addr.Unmap())
			}
		}
	}
	return ours, nil
}
