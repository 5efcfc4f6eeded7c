package portmap

// The Keeper and its loop: which forward is looked after when.

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/portmap/memory"
	"github.com/edgeguard/edgeguard/internal/watch"
)

const (
	conflictWait = 5 * time.Minute  // until another's entry is looked at again
	longest      = time.Hour        // the longest a forward is left alone
	readBack     = time.Minute      // between two looks at a forward that is as it should be
	perForward   = 30 * time.Second // so that many forwards are no more traffic than a few
)

// Keeper keeps the forwards of a Config. Make one with New.
type Keeper struct {
	cfg     Config
	gw      Gateway
	log     *slog.Logger
	status  *watch.Value[Status]
	loop    *loop.Loop
	signals signals
	heir    atomic.Pointer[heir] // nil while there is none

	// What follows belongs to Run.
	forwards []*forward
	memory   *memory.Memory
	router   string          // the identity of the router last met, or its stand-in
	tidied   map[string]bool // by identity: what an earlier life left there is gone
	// changing is for calls that change something on the router. It outlasts
	// Run's ctx: what was cut off may yet be carried out.
	changing context.Context
}

// New returns a Keeper that has not asked for anything yet. It panics where gw
// is missing though the config enables the keeper.
func New(cfg Config, gw Gateway) *Keeper {
	if gw == nil && cfg.Enabled {
		panic("portmap.New: gw is nil")
	}
	if cfg.Lease == 0 {
		cfg.Lease = time.Hour
	}
	if cfg.ReadBack == 0 {
		cfg.ReadBack = max(readBack, time.Duration(len(cfg.Forwards))*perForward)
	}
	if cfg.Methods == nil {
		cfg.Methods = []fact.Method{fact.MethodIGD, fact.MethodPCP, fact.MethodNATPMP}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{cfg: cfg, gw: gw, log: cfg.Log, tidied: make(map[string]bool)}
	for _, f := range cfg.Forwards {
		made := newForward(f)
		if k.manual() {
			k.tell(made, k.byHand(made, ""))
		}
		k.forwards = append(k.forwards, made)
	}
	k.loop = loop.New(loop.Config{Name: "portmap", Step: k.step, Rand: cfg.Rand, Log: cfg.Log})
	k.status = watch.New(k.snapshot(), func(a, b Status) bool { return reflect.DeepEqual(a, b) })
	return k
}

// manual reports whether the config keeps our hands off the router.
func (k *Keeper) manual() bool { return !k.cfg.Enabled || len(k.cfg.Methods) == 0 }

// Status is what is known of the forwards.
func (k *Keeper) Status() *watch.Value[Status] { return k.status }

// Run keeps the forwards until ctx ends, then waits for a change under way, for
// three seconds, takes away what is ours and was not handed over, within five,
// and returns nil. By then all relays have ended or were handed over. The router
// must be there to be called for that time.
func (k *Keeper) Run(ctx context.Context) error {
	changing, cancel := loop.Outlast(ctx, finishTime)
	defer cancel()
	k.changing = changing
	// Not before: another Keeper may have written the file until now.
	k.memory = memory.Open(k.cfg.StateFile, k.log)
	err := k.loop.Run(ctx)
	if !k.manual() {
		k.withdraw(ctx)
	}
	for _, f := range k.forwards {
		f.closeRelay()
	}
	return err
}

// step looks after every forward whose time has come.
func (k *Keeper) step(ctx context.Context) (time.Duration, error) {
	wait := longest
	why, hint, later := k.signals.take(time.Now())
	if later > 0 {
		wait = later
	}
	for _, f := range k.forwards {
		if why != "" {
			f.hurry(time.Now(), why, hint)
		}
		if time.Now().Before(f.due) {
			k.refresh(f)
			continue
		}
		began := time.Now()
		out := k.tend(ctx, f)
		if ctx.Err() != nil {
			return 0, nil
		}
		k.settle(f, out, began)
		k.status.Store(k.snapshot())
	}
	if !k.manual() {
		wait = min(wait, k.clearLeftovers(ctx))
		k.memory.Save()
	}
	k.status.Store(k.snapshot())
	for _, f := range k.forwards {
		wait = min(wait, time.Until(f.due))
		if f.relay != nil || f.status.State == StateManual {
			wait = min(wait, k.cfg.ReadBack) // for refresh
		}
	}
	return max(wait, 0), nil
}

// refresh brings what is known without asking the router up to date.
func (k *Keeper) refresh(f *forward) {
	f.status.Relay = f.relay.status()
	f.status.Reach = Reach{}
	if f.status.State != StateManual {
		return
	}
	if k.cfg.Reached != nil {
		f.status.Reach = k.cfg.Reached(f.Service)
	}
	f.status.Action = f.actionByEye()
}

// settle takes the outcome of a round into the forward, and logs what changed.
func (k *Keeper) settle(f *forward, out outcome, began time.Time) {
	now := time.Now()
	before := f.status
	f.tried, f.due = now, now.Add(out.wait)
	f.refused = out.refused
	if f.failures++; out.state == StateActive && out.problem == "" {
		f.failures = 0
	}
	recovered := f.reckon(out, began, now)
	k.tell(f, out)
	switch {
	case f.woken != "":
		f.status.Woken = f.woken
	case f.status.State != before.State || recovered:
		f.status.Woken = ""
	}
	f.woken, f.hinted = "", false
	if out.looked && out.state == StateActive && now.Sub(before.ReadBackAt) >= readBack {
		f.status.ReadBackAt = now.Round(0).Truncate(time.Second)
	}
	if recovered {
		k.log.Info("the forward was missing, and is there again", "service", f.Service, "port", f.ExternalPort, "down", f.status.Down, "woken_by", f.status.Woken)
	}
	k.report(before, f.status)
}

// tell puts an outcome into the forward's status.
func (k *Keeper) tell(f *forward, out outcome) {
	s := &f.status
	s.State, s.Conflict, s.LastError = out.state, out.conflict, out.problem
	s.Action, s.Note, s.Steps = out.action, out.note, out.steps
	f.todo = out.action
	s.Method = string(out.method)
	if !k.manual() {
		s.Router = k.describe()
	}
	end := out.until
	if out.state != StateActive {
		end = time.Time{}
	}
	s.LeaseExpiresAt = shown(end, s.LeaseExpiresAt)
	k.refresh(f)
}

// reckon keeps count of how long the forward was missing, and reports whether
// it was and is there again.
func (f *forward) reckon(out outcome, began, now time.Time) (recovered bool) {
	stands := out.state == StateActive
	if stands && f.gone {
		recovered = true
		f.status.Down = max(now.Sub(f.badSince).Round(time.Millisecond), time.Millisecond)
	}
	switch {
	case stands:
		f.stood, f.worked, f.gone, f.badSince = true, true, false, time.Time{}
	case f.stood:
		f.stood = false
		if f.badSince.IsZero() {
			f.badSince = began
		}
	}
	return recovered
}

// missing notes that the forward was found gone.
func (f *forward) missing(now time.Time) {
	if !f.worked {
		return
	}
	f.gone = true
	if f.badSince.IsZero() {
		f.badSince = now
	}
}

func (k *Keeper) report(before, now ForwardStatus) {
	attrs := []any{"service", now.Service, "port", now.ExternalPort, "internal", now.Internal, "router", now.Router, "method", now.Method}
	same := before.State == now.State && before.LastError == now.LastError && before.Conflict == now.Conflict
	switch {
	case now.State == StateActive && now.LastError == "" && !same:
		k.log.Info("the port is forwarded", attrs...)
	case now.State == StateActive && now.LastError == "":
		k.log.Debug("the port is still forwarded", attrs...)
	default:
		level := slog.LevelWarn
		if same {
			level = slog.LevelDebug
		}
		why := now.LastError
		if why == "" {
			why = now.Conflict
		}
		k.log.Log(context.Background(), level, "the forward needs attention", append(attrs, "state", now.State, "err", why)...)
	}
}

// backoff is the wait after a forward's failures in a row.
func (k *Keeper) backoff(f *forward, least, most time.Duration) time.Duration {
	return loop.Backoff(f.failures, least, most, k.cfg.Rand)
}

// between draws a wait by lot.
func (k *Keeper) between(least, most time.Duration) time.Duration {
	n := int64(most - least + 1)
	if k.cfg.Rand != nil {
		return least + time.Duration(k.cfg.Rand.Int64N(n))
	}
	return least + time.Duration(rand.Int64N(n))
}

// snapshot is the Status of now; it shares nothing with the Keeper that will
// change.
func (k *Keeper) snapshot() Status {
	var list []ForwardStatus
	for _, f := range k.forwards {
		list = append(list, f.status)
	}
	return Status{Forwards: slices.Clip(list), Link: withWaiting(link(list), k.cfg.Waiting, len(list))}
}
