package checker

// The Checker: when it asks, and what it publishes.

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/watch"
)

const (
	// leastGap keeps two rounds apart, whatever happens: the checker is somebody's.
	leastGap = time.Minute
	// retry is when a port is checked again of which nothing could be said.
	retry = 10 * time.Minute
)

// Checker keeps asking. Make one with New.
type Checker struct {
	cfg    Config
	client *client
	wan    *watch.Value[fact.Observation]
	loop   *loop.Loop
	status *watch.Value[Status]
	kicked atomic.Bool

	// What follows belongs to the loop.
	last   time.Time  // when the last round ended; zero: never
	asked  netip.Addr // the public address of the last round
	doubts []bool     // by port: the last answer was a first closed
	next   time.Time  // when the next round is due in any case
}

// New returns a Checker that has not started. wan is the public address; it must
// not be nil, and nothing is asked while it is not Known.
func New(cfg Config, wan *watch.Value[fact.Observation]) *Checker {
	if wan == nil {
		panic("checker.New: wan is nil")
	}
	if cfg.Interval == 0 {
		cfg.Interval = time.Hour
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Checker{cfg: cfg, client: newClient(cfg), wan: wan, doubts: make([]bool, len(cfg.Ports))}
	first := Status{Host: Host(cfg.URL)}
	for _, p := range cfg.Ports {
		first.Checks = append(first.Checks, Check{Port: p, Verdict: Unknown, Detail: "it has not been asked yet"})
	}
	c.status = watch.New(first, func(a, b Status) bool { return reflect.DeepEqual(a, b) })
	c.loop = loop.New(loop.Config{Name: "outside checker", Step: c.step, Log: cfg.Log})
	return c
}

// Status is what is known.
func (c *Checker) Status() *watch.Value[Status] { return c.status }

// Kick asks for a round: something happened, such as a port forward that came
// into force. It never blocks; rounds are a minute apart.
func (c *Checker) Kick() {
	c.kicked.Store(true)
	c.loop.Kick()
}

// Run asks until ctx ends, and returns nil then. Call it once.
func (c *Checker) Run(ctx context.Context) error {
	var group sync.WaitGroup
	group.Go(func() {
		_, changed := c.wan.Get()
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
				_, changed = c.wan.Get()
				c.loop.Kick()
			}
		}
	})
	err := c.loop.Run(ctx)
	group.Wait()
	return err
}

// Look asks once, where the public address is known, and returns what is known
// then. One answer alone proves no port closed, so such a port is unknown. Call it
// in the place of Run.
func (c *Checker) Look(ctx context.Context) Status {
	if c.wan.Load().State != fact.Known {
		return c.unasked("the public address is not known")
	}
	if _, err := c.step(ctx); err != nil {
		return c.unasked("there was no time to ask it")
	}
	s := c.status.Load()
	s.Checks = slices.Clone(s.Checks)
	for i, doubt := range c.doubts {
		if doubt {
			s.Checks[i].Detail = "it said closed; one such answer alone proves nothing, so ask again"
		}
	}
	return s
}

// unasked is the status of one who was not asked, and why.
func (c *Checker) unasked(why string) Status {
	s := c.status.Load()
	s.Checks = slices.Clone(s.Checks)
	for i := range s.Checks {
		s.Checks[i].Detail = why
	}
	return s
}

// step is one round, where one is due.
func (c *Checker) step(ctx context.Context) (time.Duration, error) {
	wan, now := c.wan.Load(), time.Now()
	if wan.State != fact.Known {
		return c.cfg.Interval, nil // the address wakes us
	}
	due := c.kicked.Load() || wan.Addr != c.asked || !now.Before(c.next)
	switch rest := c.last.Add(leastGap).Sub(now); {
	case !due:
		return c.next.Sub(now), nil
	case !c.last.IsZero() && rest > 0:
		return rest, nil
	}
	c.kicked.Store(false)
	before := c.status.Load()
	after := Status{Host: before.Host}
	wait := c.cfg.Interval
	for i, p := range c.cfg.Ports {
		check, soon := c.check(ctx, i, p, wan.Addr, before.Checks[i])
		if ctx.Err() != nil {
			return 0, ctx.Err() // what failed because we are stopping says nothing
		}
		after.Checks = append(after.Checks, check)
		wait = min(wait, soon)
	}
	c.asked, c.last = wan.Addr, time.Now()
	c.next = c.last.Add(wait)
	c.status.Store(after)
	return wait, nil
}

// check asks for one port, and says when to ask again at the latest.
func (c *Checker) check(ctx context.Context, i int, p Port, address netip.Addr, before Check) (Check, time.Duration) {
	verdict, detail := c.client.ask(ctx, p, address)
	now := Check{Port: p, Address: address, Verdict: verdict, Detail: detail, CheckedAt: time.Now().Round(0)}
	known := before.Verdict != Unknown && before.Address == address
	first := verdict == Closed && !c.doubts[i] && !(known && before.Verdict == Closed)
	c.doubts[i] = first
	wait := c.cfg.Interval
	switch {
	case first: // one packet that got lost is no closed port
		now.Verdict, now.Detail = Unknown, "it said closed once, and is asked again"
		if known {
			now.Verdict, now.Detail = before.Verdict, before.Detail
		}
		wait = leastGap
	case verdict == Unknown:
		// That the checker is out of order says nothing of the port.
		if known {
			now.Verdict, now.Detail = before.Verdict, "so it said last; since then: "+detail
		}
		wait = min(wait, retry)
	}
	if ctx.Err() == nil && (now.Verdict != before.Verdict || now.Detail != before.Detail) {
		c.cfg.Log.Info("the outside checker was asked", "service", p.Service, "port", p.External, "verdict", now.Verdict, "detail", now.Detail)
	}
	return now, wait
}

// Of returns what is known of a service's port; false where it is not checked.
func (s Status) Of(service string, external uint16) (Check, bool) {
	i := slices.IndexFunc(s.Checks, func(c Check) bool { return c.Port.Service == service && c.Port.External == external })
	if i < 0 {
		return Check{}, false
	}
	return s.Checks[i], true
}
