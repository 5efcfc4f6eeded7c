package cert

// The Keeper and its loop: one round looks at the clock, the own CA, the
// certificate and the broker, and starts what is due. What talks to a public CA
// takes minutes and runs beside the rounds, one piece at a time, so that a client
// that is revoked meanwhile reaches the broker all the same.

import (
	"context"
	"log/slog"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/loop"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// longest is the longest between two rounds. Rounds are cheap, and what can
// change without a word to us (the wall clock, the own CA) is noticed by then.
const longest = time.Minute

// Keeper keeps the certificate of a Config. Make one with New.
type Keeper struct {
	cfg    Config
	log    *slog.Logger
	status *watch.Value[Status]
	loop   *loop.Loop
	clock  clock
	tick   time.Duration // longest, but for tests of years
	asked  atomic.Bool   // a person wants it renewed
	kicked atomic.Bool   // the files may have changed

	// What follows belongs to Run.
	store   store
	loaded  bool   // what is on the disk is known
	loadErr string // why it is not
	held    keys.Pair
	about   about // what is known of held
	own     own
	issuing issuing
	handing handing
	jobs    chan func() // what a job found, to be taken in by a round; one at a time
	working work
}

// New returns a Keeper that has not touched anything yet. It panics where cfg
// lacks what its mode needs, which is a mistake of the programmer.
func New(cfg Config) *Keeper {
	if cfg.Mode == "" {
		cfg.Mode = None
	}
	switch {
	case cfg.Mode != None && cfg.Mode != ACME && cfg.Mode != OwnCA:
		panic("cert.New: there is no such mode")
	case cfg.Mode != None && (len(cfg.Names) == 0 || cfg.Folder == ""):
		panic("cert.New: Names and Folder are required")
	case cfg.Mode == ACME && cfg.Issuer == nil:
		panic("cert.New: Issuer is nil")
	case cfg.Mode == OwnCA && cfg.Authority == nil:
		panic("cert.New: Authority is nil")
	}
	if cfg.Key == "" {
		cfg.Key = keys.RSA2048
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{cfg: cfg, log: cfg.Log, tick: longest, clock: clock{now: time.Now}, jobs: make(chan func(), 1), store: store{folder: cfg.Folder}}
	k.loop = loop.New(loop.Config{Name: "cert", Step: k.step, Rand: cfg.Rand, Log: cfg.Log})
	k.status = watch.New(Status{}, func(a, b Status) bool { return reflect.DeepEqual(a, b) })
	return k
}

// Status is what is known of the certificate.
func (k *Keeper) Status() *watch.Value[Status] { return k.status }

// Kick has everything looked at now: the own CA, what is served, the files. An
// attempt that failed still waits for its time. It never blocks.
func (k *Keeper) Kick() {
	k.kicked.Store(true)
	k.loop.Kick()
}

// Renew has the certificate renewed now, whether it is due or not, and without
// waiting for the time of the next attempt; what a CA has forbidden it still
// refuses. It is for people, and does not block. One that is being obtained at
// the moment is the answer to it.
func (k *Keeper) Renew() {
	k.asked.Store(true)
	k.loop.Kick()
}

// Run keeps the certificate until ctx ends, and returns nil once a job under way
// has ended too; what that obtained in the end is still saved.
func (k *Keeper) Run(ctx context.Context) error {
	k.clock.begin()
	err := k.loop.Run(ctx)
	if k.working != idle {
		(<-k.jobs)()
	}
	return err
}

// step is a round.
func (k *Keeper) step(ctx context.Context) (time.Duration, error) {
	select {
	case finish := <-k.jobs:
		k.working = idle
		finish()
	default:
	}
	now, jumped := k.clock.look()
	if jumped != 0 {
		k.log.Warn("the clock has jumped", "by", jumped, "shows", now)
		k.forgetTimes(now)
	}
	k.load(now)
	set := k.clockSet(now)
	if set {
		k.lookAtOwn()
	}
	wait := k.tick
	if k.loaded && k.cfg.Mode != None {
		if set {
			wait = min(wait, k.issue(ctx, now))
		}
		k.publish(now) // what follows may take as long as a command
		wait = min(wait, k.handOver(ctx, now, set))
	}
	k.publish(now)
	return max(wait, 0), nil
}

// forgetTimes drops every appointment: they were made by another clock.
func (k *Keeper) forgetTimes(now time.Time) {
	k.issuing.retryAt, k.issuing.askAt = time.Time{}, time.Time{}
	k.handing.forgetTimes(now)
}

// load reads what is on the disk, once that has worked.
func (k *Keeper) load(now time.Time) {
	if k.loaded || k.cfg.Folder == "" {
		return
	}
	held, about, err := k.store.load(k.log)
	if err == nil {
		err = k.store.loadOwn(&k.own)
	}
	if err != nil {
		k.loadErr = plain(err)
		k.log.Warn("the certificate's folder cannot be read", "folder", k.cfg.Folder, "err", err)
		return
	}
	k.loaded, k.loadErr, k.held, k.about = true, "", held, about
	if leaf := held.Leaf(); leaf != nil && !validAt(leaf, now) {
		k.clock.doubt() // many a clock is set some minutes after the start
	}
}

// work is what is under way beside the rounds.
type work uint8

const (
	idle work = iota
	obtaining
	asking // for the CA's window
)

// begin runs job beside the rounds; what it returns is run by a round. Nothing
// may be under way.
func (k *Keeper) begin(what work, job func() (finish func())) {
	k.working = what
	go func() {
		k.jobs <- job()
		k.loop.Kick()
	}()
}
