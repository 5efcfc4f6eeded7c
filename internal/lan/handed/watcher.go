package handed

// The watcher: one loop that asks, and one that hears.

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/lan/dhcp"
	"github.com/edgeguard/edgeguard/internal/lan/radv"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/watch"
)

const (
	// firstAfter is how long after the start the first question is: the network
	// has better things to do then, and a router may start together with us.
	firstAfter = 10 * time.Second
	// askEvery is how often the DHCP servers are asked, askSoon how soon again
	// where they could not be. Where none answers they are asked again after
	// askLost, as answers get lost, until that was so askSilent times in a row.
	askEvery, askSoon = 30 * time.Minute, time.Minute
	askLost           = 10 * time.Second
	askSilent         = 2
	// askMisled is how soon again while devices are led past us, as whoever reads
	// that corrects it and wants to see that it is well. Not sooner: routers keep
	// a log of who asks.
	askMisled = 2 * time.Minute
	// stepGap keeps two rounds apart: whoever is in the LAN may speak as a router
	// as often as he likes.
	stepGap = time.Second
	// hearAgain is when hearing the routers is tried again after it failed.
	hearAgain = 10 * time.Minute
)

// notHere is said where the router is in no network of ours.
const notHere = "this host is not in the router's network, as in a container on a bridge, so what its DHCP hands out is not heard here"

// Place is this host's place in the LAN.
type Place struct {
	// Interface is the name of the interface that faces the router, Index its
	// number, Local our address on it, and Router the router's. Without a name
	// the router is in no network of ours, as for a container on a bridge, and
	// there is nobody to ask.
	Interface     string
	Index         int
	Local, Router netip.Addr
	// Own are all addresses that mean this host, without zones; immutable.
	Own []netip.Addr
	// Boxed is as in Status.
	Boxed bool
}

func (p Place) same(o Place) bool {
	return p.Interface == o.Interface && p.Index == o.Index && p.Local == o.Local && p.Router == o.Router
}

// Config is what a Watcher needs.
type Config struct {
	// Place finds this host's place; required. An error means that there is no
	// network yet, or nothing to look for in it.
	Place func() (Place, error)
	// Through lists the connections to services on this host that come from the
	// router, as it stands in for devices; false where such cannot be seen. Nil
	// means never.
	Through func() (calls []netip.AddrPort, seen bool)
	// Misled reports whether what is known leads devices to other DNS servers
	// than us; the DHCP servers are asked more often then. Nil means never.
	Misled func(Status) bool
	// Moved tells that Place may have changed; nil means that it is looked at
	// every half hour.
	Moved <-chan struct{}
	// Log; nil means none.
	Log *slog.Logger

	// What tests put in place of the network; nil means that.
	ask     func(context.Context, dhcp.Place) ([]dhcp.Server, error)
	listen  func(ctx context.Context, opened func(), heard func(radv.Advertisement)) error
	solicit func(index int) error
}

// Watcher watches. Make one with New, run it once.
type Watcher struct {
	cfg    Config
	status *watch.Value[Status]
	rounds *loop.Loop
	begun  time.Time

	// Of the rounds alone.
	place   Place
	stepped time.Time // the end of the last round
	askAt   time.Time
	silent  int // rounds in a row in which nobody answered
	failed  string
	through callers

	mu      sync.Mutex
	routers map[routerKey]heardRouter // guarded by mu; nil while nobody listens
	unheard string                    // guarded by mu; why not
}

// New returns a Watcher that has not started. It panics where Place is missing,
// which is a mistake of the programmer.
func New(cfg Config) *Watcher {
	if cfg.Place == nil {
		panic("handed.New: Place is required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.ask == nil {
		cfg.ask = dhcp.Ask
	}
	if cfg.listen == nil {
		l := new(radv.Listener)
		cfg.listen, cfg.solicit = l.Listen, l.Solicit
	}
	w := &Watcher{cfg: cfg, status: watch.New(Status{}, Status.Equal)}
	w.rounds = loop.New(loop.Config{Name: "what the LAN hands out", Log: cfg.Log, Step: w.step})
	return w
}

// Status is what is known.
func (w *Watcher) Status() *watch.Value[Status] { return w.status }

// Run watches until ctx ends, and then returns nil.
func (w *Watcher) Run(ctx context.Context) error {
	w.begun = time.Now()
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { w.hear(ctx) })
	group.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.cfg.Moved: // never, where it is nil
				w.rounds.Kick()
			}
		}
	})
	return w.rounds.Run(ctx)
}

// step does what is due and publishes what is known then. What failed is said
// in the status, so it is no error of the loop's.
func (w *Watcher) step(ctx context.Context) (time.Duration, error) {
	early := max(firstAfter-time.Since(w.begun), stepGap-time.Since(w.stepped))
	if early > 0 {
		return early, nil
	}
	defer func() { w.stepped = time.Now() }()
	place, err := w.cfg.Place()
	if err != nil {
		return askSoon, nil // no network: what was known may be so again
	}
	next := w.status.Load()
	if !place.same(w.place) {
		next = Status{}
		w.askAt, w.silent, w.through = time.Time{}, 0, callers{}
		if w.place.Local.IsValid() {
			w.forgetRouters()
		}
	}
	w.place = place
	next.Local, next.Router, next.Own, next.Boxed = place.Local, place.Router, place.Own, place.Boxed
	if place.Interface == "" {
		next.DHCPError = notHere
		w.askAt = time.Now().Add(askEvery)
	} else if !time.Now().Before(w.askAt) {
		w.solicit()
		w.askAt = w.askDHCP(ctx, &next)
	}
	if ctx.Err() != nil {
		return 0, nil
	}
	look := w.through.look(w.cfg.Through, &next)
	expires := w.fillRouters(&next)
	w.status.Store(next)
	return max(min(time.Until(w.askAt), look, expires), stepGap), nil
}

// askDHCP asks the servers and returns when to ask again.
func (w *Watcher) askDHCP(ctx context.Context, next *Status) time.Time {
	p := w.place
	servers, err := w.cfg.ask(ctx, dhcp.Place{Interface: p.Interface, Local: p.Local, Router: p.Router})
	now := time.Now()
	if ctx.Err() != nil {
		return now
	}
	if err != nil {
		next.DHCPError = err.Error()
		if next.DHCPError != w.failed {
			w.failed = next.DHCPError
			w.cfg.Log.Info("which DNS server DHCP hands out is not known", "err", err)
		}
		if errors.Is(err, dhcp.ErrPermission) {
			return now.Add(askEvery)
		}
		return now.Add(askSoon)
	}
	next.DHCPError, w.failed = "", ""
	next.CheckedAt = now.UTC().Truncate(time.Second)
	if len(servers) > 0 {
		next.DHCP, w.silent = servers, 0
		if w.cfg.Misled != nil && w.cfg.Misled(*next) {
			return now.Add(askMisled)
		}
		return now.Add(askEvery)
	}
	w.silent++
	if w.silent < askSilent {
		return now.Add(askLost)
	}
	next.DHCP = []dhcp.Server{}
	return now.Add(askEvery)
}

// solicit has the IPv6 routers speak, rarely: else they do within minutes.
func (w *Watcher) solicit() {
	if w.cfg.solicit == nil {
		return
	}
	if err := w.cfg.solicit(w.place.Index); err != nil {
		w.cfg.Log.Debug("the IPv6 routers could not be asked", "err", err)
	}
}
