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
	"github.com/edgeguard/edgeguard/internal/watch"
)

const (
	conflictWait = 5 * time.Minute // until another's entry is looked at again
	stopTime     = 5 * time.Second // for taking the forwards away at the end
	longest      = time.Hour       // the longest a forward is left alone
)

// Keeper keeps the forwards of a Config. Make one with New.
type Keeper struct {
	cfg    Config
	gw     Gateway
	log    *slog.Logger
	status *watch.Value[Status]
	loop   *loop.Loop
	kicked atomic.Bool

	// What follows belongs to Run.
	forwards []*forward
	// endless holds the identities of routers that take no lease that ends, or
	// that end it at once.
	endless map[string]bool
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
		cfg.ReadBack = 30 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{cfg: cfg, gw: gw, log: cfg.Log, endless: make(map[string]bool)}
	for _, f := range cfg.Forwards {
		k.forwards = append(k.forwards, newForward(f, cfg.Enabled))
	}
	k.loop = loop.New(loop.Config{Name: "portmap", Step: k.step, Rand: cfg.Rand, Log: cfg.Log})
	k.status = watch.New(k.snapshot(), func(a, b Status) bool { return reflect.DeepEqual(a, b) })
	return k
}

// Status is what is known of the forwards.
func (k *Keeper) Status() *watch.Value[Status] { return k.status }

// Kick asks for a look at every forward now: the router may have restarted.
// Forwards that a router keeps refusing come a little later, so that a router
// which is found again by every refusal is not asked without end.
func (k *Keeper) Kick() {
	k.kicked.Store(true)
	k.loop.Kick()
}

// Run keeps the forwards until ctx ends, then takes away what is ours, within
// five seconds, and returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	if !k.cfg.Enabled {
		<-ctx.Done()
		return nil
	}
	err := k.loop.Run(ctx)
	k.withdraw(ctx)
	return err
}

// step looks after every forward whose time has come.
func (k *Keeper) step(ctx context.Context) (time.Duration, error) {
	if k.kicked.Swap(false) {
		for _, f := range k.forwards {
			f.hurry(time.Now())
		}
	}
	for _, f := range k.forwards {
		if time.Now().Before(f.due) {
			continue
		}
		out := k.tend(ctx, f)
		if ctx.Err() != nil {
			return 0, nil
		}
		k.settle(f, out)
		k.status.Store(k.snapshot())
	}
	wait := longest
	for _, f := range k.forwards {
		wait = min(wait, time.Until(f.due))
	}
	return max(wait, 0), nil
}

// settle takes the outcome of a round into the forward, and logs what changed.
func (k *Keeper) settle(f *forward, out outcome) {
	now := time.Now()
	before := f.status
	f.tried, f.due = now, now.Add(out.wait)
	f.refused = out.refused
	if f.failures++; out.state == StateActive && out.problem == "" {
		f.failures = 0
	}
	f.status.State, f.status.Conflict, f.status.LastError = out.state, out.conflict, out.problem
	f.status.Action, f.status.Note = out.action, out.note
	f.status.Router = k.gw.Describe()
	f.status.Method = ""
	if f.status.Router != "" {
		f.status.Method = "igd"
	}
	f.status.LeaseExpiresAt = f.shownExpiry(out.state, before.LeaseExpiresAt)
	k.report(before, f.status)
}

func (k *Keeper) report(before, now ForwardStatus) {
	attrs := []any{"service", now.Service, "port", now.ExternalPort, "internal", now.Internal, "router", now.Router}
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

// withdraw deletes the entries that are read back as ours. ctx has ended.
func (k *Keeper) withdraw(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	for _, f := range k.forwards {
		if !f.asked {
			continue // nothing of ours can be there
		}
		entry, err := k.gw.Get(ctx, f.Protocol, f.ExternalPort)
		if err == nil && f.holder(entry) == ours {
			err = k.gw.Delete(ctx, f.Protocol, f.ExternalPort)
			if err == nil {
				k.log.Info("took the forward away", "service", f.Service, "port", f.ExternalPort)
			}
		}
		if err != nil && !isNoMapping(err) {
			k.log.Warn("could not take the forward away; it ends with its lease", "service", f.Service, "port", f.ExternalPort, "err", err)
		}
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

// snapshot is the Status of now; it shares nothing with the Keeper.
func (k *Keeper) snapshot() Status {
	var list []ForwardStatus
	for _, f := range k.forwards {
		list = append(list, f.status)
	}
	return Status{Forwards: slices.Clip(list), Link: link(k.cfg.Enabled, list)}
}

// wanted is the mapping that f asks for.
func (f *forward) wanted(lease time.Duration) fact.Mapping {
	return fact.Mapping{
		Protocol:     f.Protocol,
		ExternalPort: f.ExternalPort,
		Internal:     f.Internal,
		Description:  f.description,
		Lease:        lease,
		Enabled:      true,
	}
}
