package router

// The Router, its identity, and the actions on it.

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/router/gena"
	"github.com/edgeguard/edgeguard/internal/router/igd"
	"github.com/edgeguard/edgeguard/internal/router/murmur"
	"github.com/edgeguard/edgeguard/internal/router/pcp"
	"github.com/edgeguard/edgeguard/internal/router/ssdp"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// Router is the home's router. Make one with New. Its methods may be called
// from several goroutines.
type Router struct {
	cfg      Config
	log      *slog.Logger
	murmur   *murmur.Log // for what strangers can set off
	status   *watch.Value[Status]
	hints    *hinter
	target   *watch.Value[gena.Target] // where its events are
	searches *loop.Loop                // those of Run's own accord
	running  atomic.Bool               // Run runs
	// Events may be the echo of what PCPAddress and Map do to the router's
	// table while mapping is above zero, and until echo, in Unix nanoseconds.
	mapping atomic.Int32
	echo    atomic.Int64
	pace    *igd.Pace
	timing  timing
	links   func() ([]ssdp.Link, error) // ssdp.Links outside of tests

	// turn holds the right to talk to the router and to touch what follows.
	turn     chan struct{}
	device   *igd.Device // nil while none is known
	six      six         // the router as it is reached over IPv6
	where    found       // how device was found
	miss     miss        // the last search, where it failed
	searched throttle    // searches that suspicions set off
	chosen   throttle    // looks for the connection in use that a missing address set off

	// datagrams holds the right to ask by NAT-PMP and PCP, beside turn, so
	// that a router that does not answer these keeps nobody waiting; and to
	// touch what follows.
	datagrams chan struct{}
	silent    map[string]*silence // by protocol

	mu        sync.Mutex // guards what follows; never held while waiting
	suspicion *suspicion // nil where there is none
	known     found      // where, for those without the turn
	near      neighbours
	epochs    epochs
	spoken    spoken
}

// timing is what tests shorten.
type timing struct {
	window  time.Duration // to listen for replies; 0 means ssdp's default
	settle  time.Duration // to listen on once a router replied; 0 means ssdp's default
	cycle   time.Duration // bounds one search with all that follows it
	memory  time.Duration // how long a failed search stands for new ones
	recheck time.Duration // how often a known router is searched for again
	search6 uint16        // the port for searches by IPv6; 0 means SSDP's
	// control is the port for NAT-PMP and PCP, and tries how often a datagram
	// is sent.
	control uint16
	tries   int
	// second is the port for searches of a second router, and window2 how
	// long to listen for one.
	second  uint16
	window2 time.Duration
	// survey is when to look for neighbours first, and surveyWindow for how
	// long.
	survey, surveyWindow time.Duration
	// table bounds the reading of a whole table.
	table time.Duration
}

// New returns a Router that has not looked for anything yet. It panics where
// cfg.Gateway is missing, which is a mistake of the programmer.
func New(cfg Config) *Router {
	if cfg.Gateway == nil {
		panic("router.New: Gateway is required")
	}
	if cfg.Spacing == 0 {
		cfg.Spacing = 200 * time.Millisecond
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	r := &Router{
		cfg:    cfg,
		log:    cfg.Log,
		murmur: murmur.New(cfg.Log),
		status: watch.New(Status{}, func(a, b Status) bool { return reflect.DeepEqual(a, b) }),
		hints:  newHinter(),
		target: watch.New(gena.Target{}, func(a, b gena.Target) bool { return a == b }),
		pace:   &igd.Pace{Gap: cfg.Spacing},
		timing: timing{cycle: 20 * time.Second, memory: 5 * time.Second, recheck: 5 * time.Minute,
			control: pcp.Port, tries: 4, second: ssdp.Port, window2: time.Second,
			survey: surveyDelay, surveyWindow: surveyWindow, table: tableTime},
		links:     ssdp.Links,
		turn:      make(chan struct{}, 1),
		searched:  throttle{least: suspicionGap, refill: suspicionRefill, burst: suspicionBurst},
		chosen:    throttle{least: time.Minute, refill: time.Minute, burst: 1},
		datagrams: make(chan struct{}, 1),
		silent:    make(map[string]*silence),
		epochs:    make(epochs),
	}
	r.searches = r.newSearches()
	return r
}

// Status is what is known of the router.
func (r *Router) Status() *watch.Value[Status] { return r.status }

// Describe names the router for people, as in "AVM FRITZ!Box 7590 at
// 192.168.178.1", or "router at 192.168.178.1" where it speaks NAT-PMP and PCP
// only, which tell no name; it is empty while none is known.
func (r *Router) Describe() string {
	s := r.status.Load()
	if !s.Address.IsValid() {
		return ""
	}
	return nameOf(s.Manufacturer, s.Model, s.Address)
}

// nameOf names a router for people.
func nameOf(manufacturer, name string, at netip.Addr) string {
	if maker, _, _ := strings.Cut(manufacturer, " "); !strings.HasPrefix(strings.ToLower(name), strings.ToLower(maker)) {
		name = strings.TrimSpace(maker + " " + name)
	}
	if name == "" {
		name = "router"
	}
	return fmt.Sprintf("%s at %s", name, at)
}

// Identity is what tells this router from another: its UDN, or its address
// where it gives none. It is empty while none is known.
func (r *Router) Identity() string {
	s := r.status.Load()
	if s.UDN != "" || !s.Address.IsValid() {
		return s.UDN
	}
	return s.Address.String()
}

// Add asks the router for the mapping m, or to renew it. Errors are
// fact.ErrNoRouter, a *fact.GatewayFault, or a failure to reach the router,
// after which the outcome is unknown: it is not asked twice in that case.
func (r *Router) Add(ctx context.Context, m fact.Mapping) error {
	return r.do(ctx, false, func(ctx context.Context, d *igd.Device) error { return d.Add(ctx, m) })
}

// Get reads back the entry for a port, or returns fact.ErrNoMapping. Other
// errors are as for Add.
func (r *Router) Get(ctx context.Context, p fact.Protocol, externalPort uint16) (m fact.Mapping, err error) {
	err = r.do(ctx, true, func(ctx context.Context, d *igd.Device) (err error) {
		m, err = d.Get(ctx, p, externalPort)
		return err
	})
	return m, err
}

// Delete removes the entry for a port; one that is not there is no error.
// Errors are as for Add.
func (r *Router) Delete(ctx context.Context, p fact.Protocol, externalPort uint16) error {
	return r.do(ctx, false, func(ctx context.Context, d *igd.Device) error { return d.Delete(ctx, p, externalPort) })
}

// ExternalAddress is the router's WAN address in its own words: None where it
// says that it has none, and Unknown with every error. A private address is
// Known; nobody vouches for any of it. It costs one SOAP call and no search
// where the router is known and Run runs, so it may be called every few
// seconds.
func (r *Router) ExternalAddress(ctx context.Context) (o fact.Observation, err error) {
	o = fact.UnknownAddr("igd", time.Now())
	err = r.do(ctx, true, func(ctx context.Context, d *igd.Device) (err error) {
		o, err = d.ExternalAddress(ctx)
		return err
	})
	if err != nil {
		return fact.UnknownAddr("igd", time.Now()), err
	}
	if o.State == fact.None && r.chooseAgain(ctx) {
		return r.ExternalAddress(ctx)
	}
	return o, nil
}

// chooseAgain looks, once in a minute, whether a router without an address has
// one on another of its lines, and finds it anew where that is so.
func (r *Router) chooseAgain(ctx context.Context) bool {
	again := false
	err := r.hold(ctx, func(ctx context.Context) error {
		if now := time.Now(); r.device == nil || r.chosen.wait(now) > 0 {
			return nil
		} else {
			r.chosen.took(now)
		}
		if !r.changedOver(ctx) {
			return nil
		}
		again = true
		return r.discover(ctx, true)
	})
	return again && err == nil
}

// gateway is the default gateway's address, unmapped.
func (r *Router) gateway() (netip.Addr, error) {
	addr, err := r.cfg.Gateway()
	return addr.Unmap(), err
}
