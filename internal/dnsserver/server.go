package dnsserver

// The server: binding, running, ending.

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/edgeguard/edgeguard/internal/dnsserver/cache"
	"github.com/edgeguard/edgeguard/internal/dnsserver/cookie"
	"github.com/edgeguard/edgeguard/internal/dnsserver/limit"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// Defaults of Config.
const (
	defaultCacheBytes = 8 << 20
	defaultWorkers    = 1024
)

// Server answers DNS questions. Make one with New, bind it with Listen, run it
// with Run once.
type Server struct {
	log     *slog.Logger
	zone    *watch.Value[*zone.Zone]
	rules   atomic.Pointer[rules] // never nil
	cache   *cache.Cache
	clients clients
	conns   connTable
	marks   markBook
	workers workers
	// answerers are for those who have none of their own.
	answerers sync.Pool
	// renewals are questions whose answers shall be fetched anew.
	renewals chan wire.Question
	store    *store
	idle     time.Duration // of TCP connections
	count    counters
	ours     atomic.Pointer[[]netip.Addr] // the host's own addresses; nil while unknown
	// outside is what the world says of overrides, by name; nil while unknown.
	outside      atomic.Pointer[[]PublicView]
	outsideAfter time.Duration // from the start of Run
	cookies      *cookie.Jar
	// limits are the house's clients, strangers the others, who must not push
	// them out.
	limits, strangers *limit.Limiter
	tls               *tls.Config // of DNS over TLS
	// loopbackExempt is false in tests only, which have no other clients.
	loopbackExempt bool
	changed        func()      // as in Config; never nil
	quiet          atomic.Bool // nobody has asked since the last Status

	binder binder
}

// counters are what Status.Queries says.
type counters struct {
	total, override, cached, forwarded, refused, malformed, failed, dropped, limited, stale, prefetched, rebind atomic.Uint64
}

// New returns a server that is not bound yet. The local zone is read for each
// question; it may hold nil, which is a zone without names. The error says
// what is missing in cfg, or which upstream is this server itself.
func New(cfg Config, local *watch.Value[*zone.Zone]) (*Server, error) {
	if local == nil {
		return nil, errors.New("the DNS server needs a zone")
	}
	r, err := newRules(cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{log: r.cfg.Log, zone: local, cache: cache.New(r.cfg.CacheBytes), idle: tcpIdle, outsideAfter: outsideAfter,
		cookies: cookie.New(time.Now()), limits: limit.New(), strangers: limit.New(), loopbackExempt: true}
	s.tls = s.tlsConfig()
	s.changed = r.cfg.Changed
	s.binder = binder{open: s.openAddress, look: hostAddresses, every: lookEvery, moved: r.cfg.Moved, waiting: make(map[want]*pending),
		loop: loop.New(loop.Config{Name: "dns addresses", Log: s.log, Step: s.keepAddresses})}
	s.marks.give(r.forwards)
	s.rules.Store(r)
	s.keep(r)
	s.refresh()
	if err := s.refuseLoops(r, slices.Concat(r.cfg.Listen, r.cfg.TLSListen)); err != nil {
		return nil, err
	}
	s.workers.slots = make(chan struct{}, r.cfg.Workers)
	return s, nil
}

// Run serves until ctx ends, and returns nil once all that it started has
// ended and all sockets are closed. A socket that fails is bound anew. A server
// runs once, after Listen.
func (s *Server) Run(ctx context.Context) error {
	if !s.binder.begin() {
		return errors.New("the DNS server is not bound, or it has run already")
	}
	group, ctx := errgroup.WithContext(ctx)
	s.serveAll(ctx)
	group.Go(func() error { return s.binder.loop.Run(ctx) })
	group.Go(func() error { return s.followMoves(ctx) })
	group.Go(func() error { return s.background(ctx) })
	group.Go(func() error { return s.watchOutside(ctx) })
	err := group.Wait()
	s.closeAll()
	s.workers.running.Wait()
	s.store.save()
	return err
}

// isOurs reports whether addr is known to be the host's own.
func (s *Server) isOurs(addr netip.Addr) bool {
	ours := s.ours.Load()
	return ours != nil && slices.Contains(*ours, addr.Unmap().WithZone(""))
}
