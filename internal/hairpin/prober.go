package hairpin

// The prober: its loop, what it remembers, and what it publishes.

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

// Prober keeps looking at the services. Make one with New.
type Prober struct {
	cfg    Config
	wan    *watch.Value[fact.Observation]
	loop   *loop.Loop
	status *watch.Value[Status]
	names  *watch.Value[[]fact.ServiceNames]
	kicked atomic.Bool

	dial dialFunc            // a test's, or net.Dialer's
	own  func() []netip.Addr // a test's, or ownAddresses

	// What follows belongs to the loop.
	memories []*memory // one for each service
	loopback loopback
}

// memory is what is remembered of a service.
type memory struct {
	looked bool     // whether last means anything
	last   look     // the last look
	seen   *served  // the last certificate shown; nil: none yet
	names  []string // the names of the last trusted one; nil: none yet

	wildcards []string // its wildcards
}

// New returns a prober of cfg.Services that has not started. wan is the public
// address, by which the router's loopback is tried while it is Known; it must
// not be nil.
func New(cfg Config, wan *watch.Value[fact.Observation]) *Prober {
	if wan == nil {
		panic("hairpin.New: wan is nil")
	}
	if cfg.Interval == 0 {
		cfg.Interval = 15 * time.Second
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Prober{
		cfg:      cfg,
		wan:      wan,
		dial:     (&net.Dialer{}).DialContext,
		own:      ownAddresses,
		loopback: noLoopback("it has not been tried yet"),
	}
	for range cfg.Services {
		p.memories = append(p.memories, &memory{})
	}
	p.status = watch.New(p.snapshot(time.Now()), func(a, b Status) bool { return reflect.DeepEqual(a, b) })
	p.names = watch.New(p.serviceNames(), func(a, b []fact.ServiceNames) bool { return reflect.DeepEqual(a, b) })
	p.loop = loop.New(loop.Config{Name: "hairpin", Step: p.step, Log: cfg.Log})
	return p
}

// Run looks until ctx ends, and returns nil then. Call it once.
func (p *Prober) Run(ctx context.Context) error {
	var group sync.WaitGroup
	group.Go(func() { p.followWAN(ctx) })
	err := p.loop.Run(ctx)
	group.Wait()
	return err
}

// followWAN wakes the loop whenever the public address changes.
func (p *Prober) followWAN(ctx context.Context) {
	_, changed := p.wan.Get()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			_, changed = p.wan.Get()
			p.loop.Kick()
		}
	}
}

// Kick asks for a round now, the router's loopback included: something
// happened, such as a port forward that came into force. It never blocks.
func (p *Prober) Kick() {
	p.kicked.Store(true)
	p.loop.Kick()
}

// Status is all that is known.
func (p *Prober) Status() *watch.Value[Status] { return p.status }

// Names are the names that the services' trusted certificates give them, one
// entry for each service in the order of the config. The configured names are
// not among them unless a certificate holds them.
func (p *Prober) Names() *watch.Value[[]fact.ServiceNames] { return p.names }

// step is one round. A service that fails is no failure of the round.
func (p *Prober) step(ctx context.Context) (time.Duration, error) {
	again := p.kicked.Swap(false)
	looks := make([]look, len(p.cfg.Services))
	p.each(ctx, func(ctx context.Context, i int) { looks[i] = lookAt(ctx, p.dial, p.cfg.Services[i]) })
	if ctx.Err() != nil {
		return 0, ctx.Err() // what failed because we are stopping says nothing
	}
	for i := range looks {
		p.remember(i, looks[i])
	}
	router := p.lookAtRouter(ctx, looks, again)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if router.verdict != p.loopback.verdict {
		p.cfg.Log.Info("router loopback judged", "verdict", router.verdict, "evidence", router.evidence)
	}
	p.loopback = router
	p.names.Store(p.serviceNames())
	p.status.Store(p.snapshot(time.Now()))
	return p.cfg.Interval, nil
}

// each does something for every service at the same time, each within its
// Timeout, and returns when all are done.
func (p *Prober) each(ctx context.Context, do func(ctx context.Context, i int)) {
	var group sync.WaitGroup
	for i := range p.cfg.Services {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
			defer cancel()
			do(ctx, i)
		})
	}
	group.Wait()
}

// remember takes in a look and logs what became different.
func (p *Prober) remember(i int, l look) {
	m, log := p.memories[i], p.cfg.Log.With("service", p.cfg.Services[i].Name)
	switch {
	case l.err != "" && (!m.looked || l.err != m.last.err):
		log.Warn("service does not answer", "err", l.err, "action", l.action)
	case l.err != "":
		log.Debug("service still does not answer", "err", l.err)
	case !m.looked || m.last.err != "":
		log.Info("service answers", "mqtt", l.mqtt)
	}
	m.looked, m.last = true, l
	if l.served == nil {
		return
	}
	if m.seen == nil || m.seen.cert.SPKISHA256 != l.served.cert.SPKISHA256 || m.seen.cert.Why != l.served.cert.Why || !m.seen.cert.NotAfter.Equal(l.served.cert.NotAfter) {
		c := l.served.cert
		log.Info("certificate seen", "names", c.Names, "issuer", c.Issuer, "not_after", c.NotAfter, "trusted", c.Trusted, "why", c.Why)
	}
	m.seen = l.served
	if l.proved && l.served.cert.Trusted && (m.names == nil || !slices.Equal(m.names, l.served.names) || !slices.Equal(m.wildcards, l.served.wildcards)) {
		log.Info("names learned from certificate", "names", l.served.names, "before", m.names)
		m.names, m.wildcards = l.served.names, l.served.wildcards
	}
}

// lookAtRouter tries the loopback where that is due and possible, and returns
// the verdict that stands then.
func (p *Prober) lookAtRouter(ctx context.Context, looks []look, again bool) loopback {
	wan := p.wan.Load()
	switch {
	case wan.State != fact.Known:
		return noLoopback("the public address is not known")
	case slices.Contains(p.own(), wan.Addr):
		return noLoopback("the public address " + wan.Addr.String() + " is this host's own, so a call to it never gets to a router")
	}
	last := p.loopback
	if last.wan == wan.Addr && !again && time.Since(last.at) < loopbackEvery {
		return last
	}
	var verdicts []Loopback
	evidence := make([]string, len(looks))
	results := make([]Loopback, len(looks))
	p.each(ctx, func(ctx context.Context, i int) {
		if looks[i].served != nil {
			results[i], evidence[i] = tryLoopback(ctx, p.dial, p.cfg.Services[i], wan.Addr, looks[i].served)
		}
	})
	var lines []string
	for i, line := range evidence {
		if line != "" {
			verdicts, lines = append(verdicts, results[i]), append(lines, line)
		}
	}
	switch {
	case len(verdicts) > 0:
		return loopback{verdict: combine(verdicts), evidence: lines, wan: wan.Addr, at: time.Now()}
	case last.wan == wan.Addr:
		return last // nothing to compare with now; it is tried in the next round
	default:
		return noLoopback("no service answers directly, so there is nothing to compare with")
	}
}
