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
	source *sourcer
	shown  atomic.Pointer[[]Served]

	dial dialFunc            // a test's, or net.Dialer's
	own  func() []netip.Addr // a test's, or ownAddresses

	// What follows belongs to the loop.
	memories []*memory // one for each service
	loopback loopback
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
	p.source = newSourcer(cfg, func(ctx context.Context, network, address string) (net.Conn, error) {
		return p.dial(ctx, network, address)
	}, func() { p.loop.Kick() })
	for _, s := range cfg.Services {
		p.memories = append(p.memories, newMemory(s))
	}
	p.status = watch.New(p.snapshot(time.Now()), func(a, b Status) bool { return reflect.DeepEqual(a, b) })
	p.names = watch.New(p.serviceNames(), func(a, b []fact.ServiceNames) bool { return reflect.DeepEqual(a, b) })
	p.loop = loop.New(loop.Config{Name: "hairpin", Step: p.step, Log: cfg.Log})
	return p
}

// Run looks until ctx ends, and returns nil then. Call it once.
func (p *Prober) Run(ctx context.Context) error {
	// Before the first round: what changes after that is a kick.
	_, changed := p.wan.Get()
	var group sync.WaitGroup
	group.Go(func() { p.followWAN(ctx, changed) })
	group.Go(func() { p.source.run(ctx) })
	err := p.loop.Run(ctx)
	group.Wait()
	return err
}

// followWAN wakes the loop whenever the public address changes, as changed says
// of the first time.
func (p *Prober) followWAN(ctx context.Context, changed <-chan struct{}) {
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
	begun := time.Now()
	looks, deeps := p.visit(ctx, again)
	if ctx.Err() != nil {
		return 0, ctx.Err() // what failed because we are stopping says nothing
	}
	p.show(looks, begun)
	for i := range looks {
		if !p.cfg.Services[i].Address.IsValid() {
			continue // not found yet, which is no word on the service
		}
		p.remember(i, looks[i], deeps[i])
	}
	router := p.lookAtRouter(ctx, looks, again)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if router.verdict != p.loopback.verdict {
		p.cfg.Log.Info("router loopback judged", "verdict", router.verdict, "evidence", router.evidence)
	}
	p.loopback = router
	p.tellSource()
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

// lookAtRouter tries the loopback where that is due and possible, and returns
// the verdict that stands then.
func (p *Prober) lookAtRouter(ctx context.Context, looks []look, again bool) loopback {
	wan := p.wan.Load()
	switch {
	case allRemote(p.cfg.Services):
		return noLoopback(noneAtHome)
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
	results := make([]outside, len(looks))
	p.each(ctx, func(ctx context.Context, i int) {
		if looks[i].served != nil && !p.cfg.Services[i].Remote {
			results[i].verdict, results[i].evidence = p.tryLoopback(ctx, p.cfg.Services[i], wan.Addr, looks[i].served)
		}
	})
	var lines []string
	for _, r := range results {
		if r.evidence != "" {
			verdicts, lines = append(verdicts, r.verdict), append(lines, r.evidence)
		}
	}
	switch {
	case len(verdicts) > 0:
		return loopback{verdict: combine(verdicts), evidence: lines, wan: wan.Addr, at: time.Now(), services: results}
	case last.wan == wan.Addr:
		return last // nothing to compare with now; it is tried in the next round
	default:
		return noLoopback("no service answers directly, so there is nothing to compare with")
	}
}
