package main

// Looking at the chain while nobody asks: whenever something that it is made of
// has changed.

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/status/history"
	"github.com/edgeguard/edgeguard/internal/wan"
)

const (
	// chainGap keeps two looks at the chain apart, so that "since" is right to
	// within it.
	chainGap = 2 * time.Second
	// chainRarely is how often the chain is looked at while nothing seems to
	// change.
	chainRarely = 30 * time.Second
)

// watchChain builds a snapshot whenever there may be another one, so that the
// status knows since when a link has been so even if nobody looks, and that
// people can be told.
func (d *daemon) watchChain(ctx context.Context) error {
	for {
		changes := d.chainChanges() // before the look, so that none is missed
		in := d.inputs()
		in.History = history.View{} // of no use here
		s := d.builder.Build(in, time.Now())
		d.news.Store(newsOf(s))
		d.seen(s)
		next := chainRarely
		if until := in.DNS.Until; !until.IsZero() {
			next = min(next, max(time.Until(until), chainGap))
		}
		looked := time.Now()
		if changes.await(ctx, next) && !pause(ctx, time.Until(looked.Add(chainGap))) {
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// stir has the chain looked at soon, as something of it may have changed that
// is in no watch.Value. It never blocks.
func (d *daemon) stir() { poke(d.stirred) }

// chainChanges are the signals that something of the chain has changed.
type chainChanges struct {
	of      *concerns
	stirred <-chan struct{}
	wan     [2]wan.Status // of both families
	wanNews [2]<-chan struct{}

	ddns, router, portmap, pinholes, hairpin, handed, outside, cert <-chan struct{}
}

func (d *daemon) chainChanges() *chainChanges {
	c := d.now.Load()
	s := &chainChanges{of: c, stirred: d.stirred}
	for family := range s.wan {
		s.wan[family], s.wanNews[family] = c.wanOf(family)
	}
	_, s.ddns = c.ddns.Status().Get()
	_, s.router = d.router.Status().Get()
	_, s.portmap = c.portmap.Status().Get()
	_, s.pinholes = c.pinholes.Status().Get()
	_, s.hairpin = c.hairpin.Status().Get()
	_, s.handed = d.handed.Status().Get()
	_, s.cert = c.cert.Status().Get()
	s.outside = c.outsideNews()
	return s
}

// wanOf is what is known of the address of one family, IPv4 first, and the
// signal of its next change; nil where nobody watches it.
func (c *concerns) wanOf(family int) (wan.Status, <-chan struct{}) {
	w := []*wan.Watcher{c.wan, c.wan6}[family]
	if w == nil {
		return wan.Status{}, nil
	}
	return w.Status().Get()
}

// await waits for a change, for at most so long, and reports whether one came.
func (s *chainChanges) await(ctx context.Context, most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return false
		case <-s.wanNews[0]:
			if s.tells(0) {
				return true
			}
		case <-s.wanNews[1]:
			if s.tells(1) {
				return true
			}
		case <-s.stirred:
			return true
		case <-s.ddns:
			return true
		case <-s.router:
			return true
		case <-s.portmap:
			return true
		case <-s.pinholes:
			return true
		case <-s.hairpin:
			return true
		case <-s.handed:
			return true
		case <-s.outside:
			return true
		case <-s.cert:
			return true
		}
	}
}

// tells reports whether the address's status, which is another one, says more
// than that the same was heard again: the router is asked every few seconds.
func (s *chainChanges) tells(family int) bool {
	var now wan.Status
	before := s.wan[family]
	now, s.wanNews[family] = s.of.wanOf(family)
	s.wan[family] = now
	return !reflect.DeepEqual(timeless(before), timeless(now))
}

// timeless is a status without the times at which something was heard.
func timeless(s wan.Status) wan.Status {
	s.Sources = slices.Clone(s.Sources)
	for i := range s.Sources {
		s.Sources[i].Observation.At = time.Time{}
	}
	s.IPv4.At, s.IPv6.At, s.LastHint.At = time.Time{}, time.Time{}, time.Time{}
	return s
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
