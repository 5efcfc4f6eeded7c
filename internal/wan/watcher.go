package wan

// The watcher: its loop, and what it publishes.

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// Watcher keeps the public IPv4 address known. Make one with New.
type Watcher struct {
	cfg     Config
	sources []*asked // in the order of the config
	loop    *loop.Loop
	address *watch.Value[fact.Observation]
	status  *watch.Value[Status]
	kicked  atomic.Bool

	// What follows belongs to the loop.
	plan      plan
	started   time.Time
	turn      int      // which outside source is asked first in the next round
	outside   []Answer // of the last round that asked the outside
	published fact.Observation
	changedAt time.Time
	nat       string
	cause     Cause
	verdict   fact.Verdict
}

// asked is a source and what it said last.
type asked struct {
	Source
	host   string
	status SourceStatus
}

// New returns a watcher of sources, in the order of the config, that has not
// started. It panics where cfg.OwnPrefixes is missing.
func New(cfg Config, sources []Source) *Watcher {
	if cfg.OwnPrefixes == nil {
		panic("wan.New: OwnPrefixes is required")
	}
	if cfg.PollRouter == 0 {
		cfg.PollRouter = 10 * time.Second
	}
	if cfg.RecheckOutside == 0 {
		cfg.RecheckOutside = 2 * time.Hour
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{
		cfg:     cfg,
		address: watch.New(fact.Observation{}, fact.Observation.SameValue),
		plan:    plan{recheck: cfg.RecheckOutside, rand: cfg.Rand},
	}
	for _, s := range sources {
		w.sources = append(w.sources, &asked{Source: s, host: hostOf(s.Name()), status: SourceStatus{Name: s.Name()}})
	}
	w.status = watch.New(w.snapshot(fact.Link{Summary: "The public address has not been asked for yet."}),
		func(a, b Status) bool { return reflect.DeepEqual(a, b) })
	w.loop = loop.New(loop.Config{Name: "wan", Step: w.step, Rand: cfg.Rand, Log: cfg.Log})
	return w
}

// Run watches until ctx ends, and returns nil then. Call it once.
func (w *Watcher) Run(ctx context.Context) error {
	w.started = time.Now()
	return w.loop.Run(ctx)
}

// Kick asks for a round now, the outside included: something happened that may
// have changed the address. It never blocks. Kicks in quick succession cause
// one round every 5 s at most, and one every 10 min in the long run.
func (w *Watcher) Kick() {
	w.kicked.Store(true)
	w.loop.Kick()
}

// Address is the agreed public IPv4 address. It is Unknown until an agreement,
// and never becomes Unknown or None again.
func (w *Watcher) Address() *watch.Value[fact.Observation] { return w.address }

// Status is all that is known.
func (w *Watcher) Status() *watch.Value[Status] { return w.status }

// step is one round: the router always, the outside when the plan says so.
// Failing sources are no failures of the round: the plan has its own waits.
func (w *Watcher) step(ctx context.Context) (time.Duration, error) {
	own := w.cfg.OwnPrefixes()
	routers := w.ask(ctx, w.ofKind(Router))
	if w.kicked.Swap(false) {
		w.plan.kicked = true
	}
	said := merged(routers)
	w.plan.hear(said, w.published)
	if hold := w.hold(len(routers), said); hold > 0 {
		return hold, nil
	}
	fresh := !time.Now().Before(w.plan.due())
	if fresh {
		w.plan.begin(time.Now())
		w.outside = w.askOutside(ctx, routers, own)
	}
	if ctx.Err() != nil {
		return 0, ctx.Err() // what failed because we are stopping says nothing
	}
	finding := Agree(join(routers, w.outside), own)
	if fresh {
		w.plan.end(time.Now(), settled(finding))
	}
	w.conclude(finding, said, fresh)
	return w.wait(len(routers)), nil
}

// hold gives a router that has not spoken since the start a little time, as it
// is being discovered: asked without it, the outside could agree on an address
// behind which the router would have shown a double NAT. Zero means go on.
func (w *Watcher) hold(routers int, said fact.Observation) time.Duration {
	since := time.Since(w.started)
	if routers == 0 || said.State != fact.Unknown || since >= w.cfg.PollRouter || !w.plan.asked.IsZero() {
		return 0
	}
	return min(max(w.cfg.PollRouter/5, time.Millisecond), w.cfg.PollRouter-since)
}

// settled reports whether asking again soon could not change anything: there
// is agreement, or a NAT in the way that only a change at the router ends.
func settled(f Finding) bool {
	switch f.Cause {
	case Agreed:
		return true
	case RouterPrivate, RouterCGNAT:
		return f.Outside.IsValid()
	default:
		return false
	}
}

// wait is how long until the next round.
func (w *Watcher) wait(routers int) time.Duration {
	wait := max(time.Until(w.plan.due()), time.Millisecond)
	if routers > 0 {
		wait = min(wait, w.cfg.PollRouter)
	}
	return wait
}

// conclude publishes what a round found. Only answers of this very round can
// change the published address.
func (w *Watcher) conclude(f Finding, said fact.Observation, fresh bool) {
	if f.Cause == Agreed && fresh {
		agreed := fact.KnownAddr(f.Addr, strings.Join(f.By, " and "), time.Now())
		if !agreed.SameValue(w.published) {
			w.cfg.Log.Info("public address agreed", "address", agreed.Addr, "before", w.published.String(), "sources", agreed.Source)
			w.changedAt, w.nat = agreed.At, ""
		}
		w.published = agreed
	}
	if f.NAT != "" || said.State != fact.Unknown {
		w.nat = f.NAT // a silent router takes nothing back
	}
	link := describe(f, w.published)
	link.Evidence = w.evidence()
	w.report(f.Cause, link)
	w.address.Store(w.published)
	w.status.Store(w.snapshot(link))
}

// report logs transitions.
func (w *Watcher) report(cause Cause, link fact.Link) {
	if cause == w.cause && link.Verdict == w.verdict {
		return
	}
	w.cause, w.verdict = cause, link.Verdict
	if link.Verdict == fact.VerdictPass {
		w.cfg.Log.Info("public address confirmed", "summary", link.Summary)
		return
	}
	w.cfg.Log.Warn("public address not confirmed", "summary", link.Summary, "action", link.Action, "evidence", link.Evidence)
}

func (w *Watcher) snapshot(link fact.Link) Status {
	s := Status{IPv4: w.published, NAT: w.nat, ChangedAt: w.changedAt, Link: link}
	for _, source := range w.sources {
		s.Sources = append(s.Sources, source.status)
	}
	return s
}
