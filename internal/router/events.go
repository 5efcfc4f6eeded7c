package router

// The subscription to the router's events, as gena wants the router to be.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/gena"
	"github.com/edgeguard/edgeguard/internal/router/igd"
)

// errMoved means that the router is not the one that was meant.
var errMoved = errors.New("the router is another one by now")

func (r *Router) newKeeper() *gena.Keeper {
	return &gena.Keeper{
		Router: (*events)(r),
		Listen: r.listenEvents,
		Report: func(on bool, why string) {
			r.reportEvents(func(e *EventSources) { e.GENA.On, e.GENA.Why = on, why })
		},
		Log: r.log,
	}
}

func (r *Router) listenEvents(t gena.Target) (gena.Callback, error) {
	heard := func(yes bool) { r.reportEvents(func(e *EventSources) { e.GENA.Heard = yes }) }
	heard(false)
	return gena.Listen(gena.ReceiverConfig{
		Local: t.Local, Port: r.cfg.EventPort, Advertise: r.cfg.Host, Gateway: t.Gateway,
		Heard: func() { heard(true); r.hearEvent() }, Log: r.log,
	})
}

// hearEvent takes an event. What PCPAddress and Map themselves set off is none,
// or the hint would have the address asked for again, and so on.
func (r *Router) hearEvent() {
	if r.mapping.Load() > 0 || time.Now().UnixNano() < r.echo.Load() {
		r.log.Debug("an event came while we mapped a port by PCP or NAT-PMP; it may be of that")
		return
	}
	r.hints.give(kindGENA)
}

// ignoreEcho makes hearEvent take events for ours from now until a moment after
// the function that it returns is called.
func (r *Router) ignoreEcho() (end func()) {
	r.mapping.Add(1)
	return func() {
		r.echo.Store(time.Now().Add(echoFor).UnixNano())
		r.mapping.Add(-1)
	}
}

// events is a Router as gena.Router.
type events Router

// Target implements gena.Router.
func (e *events) Target() (gena.Target, <-chan struct{}) { return e.target.Get() }

// Subscribe implements gena.Router.
func (e *events) Subscribe(ctx context.Context, at gena.Target, callback string) (g gena.Grant, err error) {
	err = e.exchange(ctx, at, func(ctx context.Context, c gena.Client) (err error) {
		g, err = c.Subscribe(ctx, at.URL, callback)
		return err
	})
	return g, err
}

// Renew implements gena.Router.
func (e *events) Renew(ctx context.Context, at gena.Target, sid string) (g gena.Grant, err error) {
	err = e.exchange(ctx, at, func(ctx context.Context, c gena.Client) (err error) {
		g, err = c.Renew(ctx, at.URL, sid)
		return err
	})
	return g, err
}

// Unsubscribe implements gena.Router.
func (e *events) Unsubscribe(ctx context.Context, at gena.Target, sid string) error {
	return e.exchange(ctx, at, func(ctx context.Context, c gena.Client) error { return c.Unsubscribe(ctx, at.URL, sid) })
}

// Lost implements gena.Router. It is a hint, too: a router that restarted may
// have another address.
func (e *events) Lost(ctx context.Context, at gena.Target, why error) {
	r := (*Router)(e)
	r.hints.give(kindGENA)
	err := r.hold(ctx, func(ctx context.Context) error {
		if r.target.Load() != at {
			return nil // somebody has found it since
		}
		return r.discover(ctx, true)
	})
	if err != nil {
		r.log.Debug("the router was not found after its events were lost", "lost", why, "err", err)
	}
}

// exchange makes a request in the router's one conversation.
func (e *events) exchange(ctx context.Context, at gena.Target, request func(context.Context, gena.Client) error) error {
	r := (*Router)(e)
	return r.hold(ctx, func(ctx context.Context) error {
		if r.device == nil || r.target.Load() != at {
			return errMoved
		}
		return r.device.Exchange(ctx, func(ctx context.Context) error {
			return request(ctx, gena.Client{Dial: r.device.Peer().Dial})
		})
	})
}

// retarget publishes where there are events now. The turn is held.
func (r *Router) retarget(d *igd.Device, generation uint64) {
	t := gena.Target{}
	if d != nil && d.EventURL() != "" {
		t = gena.Target{URL: d.EventURL(), Gateway: d.Gateway(), Local: d.Peer().Local, Generation: generation}
	}
	r.target.Store(t)
}

// EventSources are the ways in which a router tells what happens.
type EventSources struct {
	// GENA is the subscription to the events of its connection service.
	GENA EventSource
	// Announcements are what it sends to all hosts by NAT-PMP and PCP.
	Announcements EventSource
	// SSDP is what it says of its coming and going.
	SSDP EventSource
}

// EventSource is whether one of them is listened to.
type EventSource struct {
	// On is whether we listen where the router can be heard. Whether it says
	// anything is another question.
	On bool
	// Why is the reason, in words, why we do not; empty when On, or before
	// Run.
	Why string
	// Heard is whether anything has come since this subscription was asked for.
	// A router sends its first event at once, so where nothing has come,
	// something on the way keeps its events from us. Known of GENA only.
	Heard bool
}

// String is the source for people.
func (s EventSource) String() string {
	if s.On {
		return "on"
	}
	return fmt.Sprintf("off (%s)", s.Why)
}
