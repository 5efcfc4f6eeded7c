package wan

// The watcher: its loop, and what it publishes.

import (
	"context"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// holdMost is how long a router that has not spoken since the start is waited
// for, looked for every holdEvery.
const (
	holdMost  = 10 * time.Second
	holdEvery = time.Second
	// settleAgain is the wait before what the outside settled is asked again.
	settleAgain = time.Minute
	// silentFor makes a router that answered before one that does not.
	silentFor = 10 * time.Minute
)

// Watcher keeps the public address of one family known. Make one with New.
type Watcher struct {
	cfg     Config
	sources []*asked // in the order of the config
	parties int      // how many independent ones are outside
	loop    *loop.Loop
	address *watch.Value[fact.Observation]
	status  *watch.Value[Status]
	kicked  atomic.Bool
	hinted  atomic.Bool
	hint    atomic.Pointer[Hint] // the latest; nil before any
	group   sync.WaitGroup       // what runs beside the loop
	second  *second

	// What follows belongs to the loop.
	plan      plan
	looks     looks
	thrift    thrift
	heeded    bool // a hint has not been followed by a look yet
	started   time.Time
	heard     time.Time // when a router said anything last, or the start
	turn      int       // which outside source is asked first in the next round
	outside   []Answer  // of the last round that asked the outside
	published fact.Observation
	changedAt time.Time
	nat       string
	cause     Cause
	verdict   fact.Verdict
}

// New returns a watcher of sources, in the order of the config, that has not
// started. It panics where cfg.OwnPrefixes is missing.
func New(cfg Config, sources []Source) *Watcher {
	if cfg.OwnPrefixes == nil {
		panic("wan.New: OwnPrefixes is required")
	}
	cfg = cfg.withDefaults()
	w := &Watcher{
		cfg:     cfg,
		address: watch.New(fact.Observation{}, fact.Observation.SameValue),
		plan:    plan{rand: cfg.Rand},
		looks:   looks{rand: cfg.Rand, every: cfg.PollRouter},
	}
	parties := map[string]bool{}
	for _, s := range sources {
		a := &asked{Source: s, party: party(s.Name()), dear: dear(s), status: SourceStatus{Name: s.Name()}}
		w.sources = append(w.sources, a)
		if s.Kind() == Outside {
			parties[a.party] = true
		}
	}
	w.parties = len(parties)
	// A million homes that start together do not begin with the same service.
	w.turn = int(jitter(cfg.Rand, 1<<20))
	w.status = watch.New(w.snapshot(fact.Link{Summary: "The public address has not been asked for yet."}),
		func(a, b Status) bool { return reflect.DeepEqual(a, b) })
	w.loop = loop.New(loop.Config{Name: "wan", Step: w.step, Rand: cfg.Rand, Log: cfg.Log})
	w.second = newSecond(w)
	return w
}

// Run watches until ctx ends, and returns nil then. Call it once.
func (w *Watcher) Run(ctx context.Context) error {
	w.started = time.Now()
	w.heard = w.started
	defer w.group.Wait()
	return w.loop.Run(ctx)
}

// Kick asks for a round now, the outside included: something happened that may
// have changed the address. It never blocks. Kicks in quick succession cause
// a round after half a second, then every 4 s, and ever fewer in the long run.
func (w *Watcher) Kick() {
	w.kicked.Store(true)
	w.loop.Kick()
}

// Hint tells that something was heard which may mean a change: an event of the
// router's, an announcement, a change of our own addresses or routes. kind
// names it for the log and the status. The router is asked at once and again within the next
// 2 s; the outside is asked only if the router then says something else, or, a
// few times a day, if no router answers at all. It never blocks, and a flood
// of hints causes one look a second.
func (w *Watcher) Hint(kind string) {
	w.cfg.Log.Debug("hint of a change", "family", w.cfg.Family.String(), "kind", clean(kind))
	w.hint.Store(&Hint{Kind: clean(kind), At: time.Now().Round(0)})
	w.hinted.Store(true)
	w.loop.Kick()
}

// Address is the agreed public address. It is Unknown until an agreement, and
// never becomes Unknown or None again.
func (w *Watcher) Address() *watch.Value[fact.Observation] { return w.address }

// Status is all that is known.
func (w *Watcher) Status() *watch.Value[Status] { return w.status }

// step is one round: the router always, the outside when the plan says so.
// Failing sources are no failures of the round: the plan has its own waits.
func (w *Watcher) step(ctx context.Context) (time.Duration, error) {
	if w.hinted.Swap(false) {
		w.looks.hint(time.Now())
		w.heeded = true
	}
	if wait := w.looks.tooSoon(time.Now()); wait > 0 {
		return wait, nil
	}
	if w.kicked.Swap(false) {
		w.plan.kicked = true
	}
	routine := !w.heeded && !w.plan.kicked && !w.looks.following(time.Now())
	w.looks.calm = w.calm(time.Now())
	w.looks.begin(time.Now())
	own := w.cfg.OwnPrefixes()
	near := w.askNear(ctx, routine)
	said, spoken := saidBy(near), spoke(near)
	w.mistrust(time.Now(), routine && w.looks.calm && spoken && said != w.plan.said)
	if spoken {
		w.heard = time.Now()
	}
	w.looks.answered(time.Now(), time.Since(w.heard) < silentFor)
	if w.looks.slow {
		w.plan.hasten(w.recheck(false))
	}
	if w.heeded && !spoken && w.cfg.Family == IPv4 {
		w.plan.heed(time.Now())
	}
	w.heeded = false
	w.plan.hear(time.Now(), said, w.published.String())
	if hold := w.hold(spoken); hold > 0 {
		return hold, nil
	}
	fresh := !time.Now().Before(w.plan.due(time.Now()))
	if fresh {
		if w.thrift.left != nil { // what was said before does not count in an agreement
			near = w.askNear(ctx, false)
			said, spoken = saidBy(near), spoke(near)
			w.plan.hear(time.Now(), said, w.published.String())
		}
		urgent := w.plan.begin(time.Now())
		w.outside = w.askOutside(ctx, near, own, urgent, w.plan.sparing())
	}
	if ctx.Err() != nil {
		return 0, ctx.Err() // what failed because we are stopping says nothing
	}
	finding := w.judge(join(near, w.outside), own)
	if fresh {
		w.plan.end(time.Now(), w.settled(finding), w.recheckOf(finding, said, spoken))
		w.plan.note(finding, said)
	}
	w.conclude(ctx, finding, spoken, fresh)
	return w.wait(), nil
}

// hold gives a router that has not spoken since the start a little time, as it
// is being discovered: asked without it, the outside could agree on an address
// behind which the router would have shown a double NAT. Zero means go on.
func (w *Watcher) hold(spoken bool) time.Duration {
	since := time.Since(w.started)
	if len(w.ofKind(Router)) == 0 || spoken || len(w.ofKind(Word)) > 0 || since >= holdMost || !w.plan.asked.IsZero() {
		return 0
	}
	return min(holdEvery, holdMost-since)
}

// settled reports whether asking again soon could not change anything: there
// is agreement, or a NAT in the way that only a change at the router ends.
func (w *Watcher) settled(f Finding) bool {
	switch f.Cause {
	case Agreed, WordOdd:
		return true
	case RouterPrivate, RouterCGNAT, RouterDSLite:
		return f.Outside.IsValid()
	case RouterNone, Silence, RouterOdd:
		return w.cfg.Family == IPv6 // nobody was asked
	default:
		return false
	}
}

// recheck is how long an undisturbed outside is left alone.
func (w *Watcher) recheck(spoken bool) time.Duration {
	if spoken || len(w.ofKind(Word)) > 0 {
		return w.cfg.RecheckOutside
	}
	return w.cfg.RecheckAlone
}

// recheckOf is recheck after a finding. Where the outside has settled between
// routers that contradict each other it is asked once more soon: during a
// change it may have been seen by the old address.
func (w *Watcher) recheckOf(f Finding, said string, spoken bool) time.Duration {
	if f.Cause == Agreed && len(f.Against) > 0 && said != w.plan.agreed {
		return settleAgain
	}
	return w.recheck(spoken)
}

// wait is how long until the next round.
func (w *Watcher) wait() time.Duration {
	wait := time.Until(w.plan.due(time.Now()))
	if len(w.ofKind(Router)) > 0 {
		wait = min(wait, time.Until(w.looks.due()))
	}
	return max(wait, time.Millisecond)
}

// conclude publishes what a round found. Only answers of this very round can
// change the published address.
func (w *Watcher) conclude(ctx context.Context, f Finding, spoken, fresh bool) {
	if f.Cause == Agreed && fresh {
		agreed := fact.KnownAddr(f.Addr, strings.Join(f.By, " and "), time.Now())
		if !agreed.SameValue(w.published) {
			w.cfg.Log.Info("public address agreed", "address", agreed.Addr, "before", w.published.String(), "sources", agreed.Source)
			w.changedAt, w.nat = agreed.At, ""
		}
		w.published = agreed
	}
	if f.NAT != "" || spoken {
		w.nat = f.NAT // a silent router takes nothing back
	}
	inFront := w.second.of(ctx, f)
	link := w.describe(f, inFront)
	link.Evidence = w.evidence(inFront)
	w.report(f.Cause, link)
	w.address.Store(w.published)
	w.status.Store(w.snapshot(link))
}

// report logs transitions, with what they rest on. Whoever tells of the link
// warns with its summary, so this does not.
func (w *Watcher) report(cause Cause, link fact.Link) {
	if cause == w.cause && link.Verdict == w.verdict {
		return
	}
	w.cause, w.verdict = cause, link.Verdict
	if link.Verdict == fact.VerdictPass {
		w.cfg.Log.Debug("public address confirmed", "summary", link.Summary)
		return
	}
	w.cfg.Log.Info("public address not confirmed", "summary", link.Summary, "action", link.Action, "evidence", link.Evidence)
}

func (w *Watcher) snapshot(link fact.Link) Status {
	s := Status{NAT: w.nat, ChangedAt: w.changedAt, Link: link}
	if w.cfg.Family == IPv6 {
		s.IPv6 = w.published
	} else {
		s.IPv4 = w.published
	}
	if hint := w.hint.Load(); hint != nil {
		s.LastHint = *hint
	}
	for _, source := range w.sources {
		s.Sources = append(s.Sources, source.status)
	}
	return s
}

// private4 reports whether a finding is that of a router behind another.
func private4(f Finding) (netip.Addr, bool) {
	return f.Router, f.Cause == RouterPrivate
}
