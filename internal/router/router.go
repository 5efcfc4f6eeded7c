package router

// The Router, its identity, and the actions on it.

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/igd"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// Router is the home's router. Make one with New. Its methods may be called
// from several goroutines.
type Router struct {
	cfg    Config
	log    *slog.Logger
	status *watch.Value[Status]
	pace   *igd.Pace
	timing timing

	// turn holds the right to talk to the router and to touch what follows.
	turn   chan struct{}
	device *igd.Device // nil while none is known
	where  found       // how device was found
	miss   miss        // the last search, where it failed
}

// timing is what tests shorten.
type timing struct {
	window  time.Duration // to listen for replies; 0 means ssdp's default
	settle  time.Duration // to listen on once a router replied; 0 means ssdp's default
	cycle   time.Duration // bounds one search with all that follows it
	memory  time.Duration // how long a failed search stands for new ones
	recheck time.Duration // how often a known router is searched for again
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
	return &Router{
		cfg:    cfg,
		log:    cfg.Log,
		status: watch.New(Status{}, func(a, b Status) bool { return reflect.DeepEqual(a, b) }),
		pace:   &igd.Pace{Gap: cfg.Spacing},
		timing: timing{cycle: 20 * time.Second, memory: 5 * time.Second, recheck: 5 * time.Minute},
		turn:   make(chan struct{}, 1),
	}
}

// Status is what is known of the router.
func (r *Router) Status() *watch.Value[Status] { return r.status }

// Describe names the router for people, as in "AVM FRITZ!Box 7590 at
// 192.168.178.1"; it is empty while none is known.
func (r *Router) Describe() string {
	s := r.status.Load()
	if !s.Found {
		return ""
	}
	name := s.Model
	if maker, _, _ := strings.Cut(s.Manufacturer, " "); !strings.HasPrefix(strings.ToLower(name), strings.ToLower(maker)) {
		name = strings.TrimSpace(maker + " " + name)
	}
	if name == "" {
		name = "router"
	}
	return fmt.Sprintf("%s at %s", name, s.Address)
}

// Identity is what tells this router from another: its UDN, or its address
// where it gives none. It is empty while none is known.
func (r *Router) Identity() string {
	s := r.status.Load()
	if !s.Found || s.UDN != "" {
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
// Known; nobody vouches for any of it.
func (r *Router) ExternalAddress(ctx context.Context) (o fact.Observation, err error) {
	o = fact.UnknownAddr("igd", time.Now())
	err = r.do(ctx, true, func(ctx context.Context, d *igd.Device) (err error) {
		o, err = d.ExternalAddress(ctx)
		return err
	})
	if err != nil {
		return fact.UnknownAddr("igd", time.Now()), err
	}
	return o, nil
}

// gateway is the default gateway's address, unmapped.
func (r *Router) gateway() (netip.Addr, error) {
	addr, err := r.cfg.Gateway()
	return addr.Unmap(), err
}
