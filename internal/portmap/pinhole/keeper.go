package pinhole

// The Keeper and its loop: which pinhole is looked after when.

import (
	"context"
	"log/slog"
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
	maxLease   = 24 * time.Hour   // the longest that UPnP takes
	lookWait   = 30 * time.Second // how often the services' addresses are looked at
	finishTime = 3 * time.Second  // for a change under way at the end
	stopTime   = 5 * time.Second  // for closing the pinholes after that
	lastLook   = time.Second      // before the end of it, and between two tries
	doubtFor   = 30 * time.Second // how late a router may carry out what it has not answered
)

// Keeper keeps the pinholes of a Config. Make one with New.
type Keeper struct {
	cfg    Config
	fw     Firewall
	log    *slog.Logger
	status *watch.Value[Status]
	loop   *loop.Loop
	heir   atomic.Pointer[Keeper] // nil while there is none

	mu     sync.Mutex // guards what follows
	kicked string     // why; empty when not

	// What follows belongs to Run.
	holes []*hole
	// old are pinholes that are no longer wanted and may still be open.
	old     []record
	clearAt time.Time // when to try that again
	saved   []byte    // what of ours the state file holds; nil while nothing
	// changing is for calls that change something on the router. It outlasts
	// Run's ctx: what was cut off may yet be carried out.
	changing context.Context
}

// hole is one pinhole under care.
type hole struct {
	Pinhole
	status PinholeStatus

	// made is what was opened for it, on the router that it names; nil when
	// nothing is.
	made *record
	// asked is what was asked for last and may be open though the router has
	// not said so; nil where it has answered.
	asked *record
	// sure is whether made's id is the router's answer to us since it last
	// started, as far as is known.
	sure bool
	// blind is whether the router does not tell whether pinholes stand.
	blind bool
	// nonce is what PCP knows this pinhole by; zero until it is asked.
	nonce [12]byte

	due, tried time.Time
	failures   int  // rounds in a row that did not end well
	refused    bool // the last failure was the router's answer, or the lack of one
}

// New returns a Keeper that has not asked for anything yet. It panics where fw
// or an Address is missing, which is a mistake of the programmer.
func New(cfg Config, fw Firewall) *Keeper {
	if fw == nil {
		panic("pinhole.New: fw is nil")
	}
	if cfg.Lease <= 0 {
		cfg.Lease = time.Hour
	}
	cfg.Lease = min(max(cfg.Lease.Truncate(time.Second), 2*time.Second), maxLease)
	if cfg.Check <= 0 {
		cfg.Check = 5 * time.Minute
	}
	if cfg.Methods == nil {
		cfg.Methods = []fact.Method{fact.MethodIGD, fact.MethodPCP}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{cfg: cfg, fw: fw, log: cfg.Log}
	for _, p := range cfg.Pinholes {
		if p.Address == nil {
			panic("pinhole.New: the Address of " + p.Service + " is nil")
		}
		k.holes = append(k.holes, &hole{Pinhole: p, status: PinholeStatus{Service: p.Service, Protocol: p.Protocol, Port: p.Port, State: StatePending}})
	}
	k.loop = loop.New(loop.Config{Name: "pinhole", Step: k.step, Rand: cfg.Rand, Log: cfg.Log})
	k.status = watch.New(k.snapshot(), func(a, b Status) bool { return reflect.DeepEqual(a, b) })
	return k
}

// Status is what is known of the pinholes.
func (k *Keeper) Status() *watch.Value[Status] { return k.status }

// Kick asks for a look at every pinhole now, because of why: the router was
// found anew, the address has changed. Pinholes that a router keeps refusing
// come a little later, so that a router which is found again by every refusal
// is not asked without end. It never blocks.
func (k *Keeper) Kick(why string) {
	k.mu.Lock()
	k.kicked = why
	k.mu.Unlock()
	k.loop.Kick()
}

// Run keeps the pinholes until ctx ends, then waits for a change under way, for
// three seconds, closes what is ours and was not handed over, within five, and
// returns nil. The router must be there to be called for that time.
func (k *Keeper) Run(ctx context.Context) error {
	changing, cancel := loop.Outlast(ctx, finishTime)
	defer cancel()
	k.changing = changing
	k.restore()
	err := k.loop.Run(ctx)
	k.withdraw(ctx)
	return err
}

// restore takes up what an earlier run opened. Its ids are not sure.
func (k *Keeper) restore() {
	list, err := load(k.cfg.StateFile, time.Now())
	if err != nil {
		k.log.Warn("could not read which pinholes an earlier run opened; they end with their leases", "file", k.cfg.StateFile, "err", err)
	}
	if raw, err := text(list); err == nil && list != nil {
		k.saved = raw
	}
	for _, r := range list {
		if slices.ContainsFunc(k.holes, func(h *hole) bool {
			return h.made != nil && h.made.internal == r.internal && h.made.protocol == r.protocol
		}) {
			continue // it was handed over
		}
		at := slices.IndexFunc(k.holes, func(h *hole) bool {
			return h.made == nil && h.Service == r.service && h.Protocol == r.protocol && h.Port == r.internal.Port()
		})
		if at < 0 {
			k.retire(r, false)
			continue
		}
		k.holes[at].made, k.holes[at].nonce = &r, r.nonce
	}
}

// step looks after every pinhole whose time has come.
func (k *Keeper) step(ctx context.Context) (time.Duration, error) {
	k.wake()
	for _, h := range k.holes {
		if time.Now().Before(h.due) && !k.moved(h) {
			continue
		}
		out := k.tend(ctx, h)
		if ctx.Err() != nil {
			return 0, nil
		}
		k.settle(h, out)
		k.save()
		k.status.Store(k.snapshot())
	}
	k.clear(ctx)
	if ctx.Err() != nil {
		return 0, nil
	}
	k.save()
	wait := lookWait
	for _, h := range k.holes {
		wait = min(wait, time.Until(h.due))
	}
	return max(wait, 0), nil
}

// wake takes a kick in.
func (k *Keeper) wake() {
	k.mu.Lock()
	why := k.kicked
	k.kicked = ""
	k.mu.Unlock()
	if why == "" {
		return
	}
	k.log.Debug("looking at the pinholes", "why", why)
	for _, h := range k.holes {
		h.sure, h.blind = false, false
		h.hurry(time.Now())
	}
	for i := range k.old {
		k.old[i].id = unknownID
	}
	k.clearAt = time.Time{}
}

// hurry makes the pinhole due now, or shortly where the router has just refused
// it.
func (h *hole) hurry(now time.Time) {
	due := now
	if h.refused {
		if t := h.tried.Add(min(5*time.Second<<min(h.failures, 10), time.Minute)); t.After(now) {
			due = t
		}
	}
	if due.Before(h.due) {
		h.due = due
	}
}

// moved reports whether the service's address is another one than at the last
// look.
func (k *Keeper) moved(h *hole) bool {
	addr, known := h.Address()
	if !known || !isGlobal(addr) {
		return false // nothing is done about that, and there is time to say so
	}
	return addr != h.status.Internal.Addr() || h.status.State == StateWaiting
}

// settle takes the outcome of a round into the pinhole, and logs what changed.
func (k *Keeper) settle(h *hole, out outcome) {
	now, before := time.Now(), h.status
	h.tried, h.due, h.refused = now, now.Add(out.wait), out.refused
	if h.failures++; !out.refused {
		h.failures = 0
	}
	h.status.State, h.status.LastError, h.status.Action, h.status.Note = out.state, out.problem, out.action, out.note
	if out.internal.IsValid() {
		h.status.Internal = out.internal
	}
	h.status.Router = k.fw.Describe()
	h.status.Method, h.status.LeaseExpiresAt = "", time.Time{}
	if h.made != nil && (out.state == StateActive || out.state == StateUnconfirmed) {
		h.status.Method = h.made.method
		h.status.LeaseExpiresAt = h.made.ends.Round(0).Truncate(time.Second)
	}
	k.report(before, h.status)
}

func (k *Keeper) report(before, now PinholeStatus) {
	same := before.State == now.State && before.LastError == now.LastError && before.Internal == now.Internal
	attrs := []any{"service", now.Service, "internal", now.Internal, "state", now.State, "router", now.Router}
	level, text := slog.LevelInfo, "the pinhole is looked after"
	if now.LastError != "" {
		level, text = slog.LevelWarn, "the pinhole needs attention"
		attrs = append(attrs, "err", now.LastError)
	}
	if same {
		level = slog.LevelDebug
	}
	k.log.Log(context.Background(), level, text, attrs...)
}

// snapshot is the Status of now; it shares nothing with the Keeper.
func (k *Keeper) snapshot() Status {
	var list []PinholeStatus
	for _, h := range k.holes {
		list = append(list, h.status)
	}
	return Status{Pinholes: list}
}
