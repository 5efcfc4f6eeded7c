package main

// What the keeper of the certificate is told: that a person wants it renewed,
// that a command has changed the own authority, that a service serves another
// certificate. And what it tells: that there is another authority.

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/hairpin"
)

// renewFile is made by `edgeguard cert renew` in the certificate's folder, and
// taken away by the daemon when it has heard.
const renewFile = "renew"

// dropEvery is the wait between two attempts to close port 80 after a crash.
const dropEvery = time.Minute

// startCert runs c's keeper of the certificate.
func (d *daemon) startCert(p *parts, c *concerns) {
	p.start(c.cert, c.cert.Run,
		func(ctx context.Context) error {
			if c.issuer != nil {
				c.issuer.sweep(ctx)
			}
			return nil
		},
		func(ctx context.Context) error { return d.hearCommands(ctx, c) },
		func(ctx context.Context) error { return d.followRoot(ctx, c.cert) })
}

// dropPort80 takes away at the start what a crash has left open on the router,
// whatever the config says now, as soon as the router answers.
func (d *daemon) dropPort80(ctx context.Context) error {
	for {
		err := d.certPorts.dropStale(ctx)
		if err == nil || errors.As(err, new(*durable.DamagedError)) {
			return nil
		}
		component(d.log, "cert").Debug("what was left open on the router cannot be taken away yet", "err", err)
		if !pause(ctx, dropEvery) {
			return nil
		}
	}
}

// hearCommands hears what commands leave in the certificate's folder, until ctx
// ends.
func (d *daemon) hearCommands(ctx context.Context, c *concerns) error {
	cfg := c.cfg.Certificate
	if cfg.Mode == cert.None || cfg.Folder == "" {
		return nil
	}
	log := component(d.log, "cert")
	if err := os.MkdirAll(cfg.Folder, 0o700); err != nil {
		log.Warn("the certificate's folder cannot be made; commands are heard once it is there", "err", err)
	}
	touched, told, deaf := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		// The folder of the authority, and that in which it lies.
		err := fileChanges(ctx, caFolder(c.cfg), sync.OnceFunc(func() { close(told) }), func() { poke(touched) })
		if err != nil && ctx.Err() == nil {
			log.Debug("the kernel does not tell of changes of the certificate's folder, so it is looked at every few seconds", "err", err)
			close(deaf)
		}
	})
	e := &ear{folder: cfg.Folder, keeper: c.cert, log: log}
	e.listen(ctx, touched, told, deaf)
	return nil
}

// ear hears what commands leave in the certificate's folder.
type ear struct {
	folder string
	keeper interface { // a *cert.Keeper
		Kick()
		Renew()
	}
	log *slog.Logger

	looked bool   // whether ca means anything
	ca     string // what the files of the authority were like
	failed string // why the last wish could not be followed
}

// listen looks when it is told of a change, and by the clock: rarely once it is
// told, until that turns out to fail. After a change it looks twice more soon: in
// a folder that has just been made, files appear before the kernel is asked to
// tell of them.
func (e *ear) listen(ctx context.Context, touched, told, deaf <-chan struct{}) {
	every := lookEvery
	timer := time.NewTimer(0)
	defer timer.Stop()
	for soon := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-told:
			told, every = nil, lookRarely // and a look, as one may have been missed
		case <-deaf:
			deaf, every = nil, lookEvery
		case <-touched:
			soon = 3
		case <-timer.C:
		}
		e.look()
		if soon = max(soon-1, 0); soon > 0 {
			timer.Reset(lookEvery)
		} else {
			timer.Reset(every)
		}
	}
}

// look looks once. The authority that is there at the first look the keeper finds
// by itself.
func (e *ear) look() {
	switch err := os.Remove(filepath.Join(e.folder, renewFile)); {
	case err == nil:
		e.failed = ""
		e.log.Info("a person wants the certificate renewed")
		e.keeper.Renew()
	case errors.Is(err, fs.ErrNotExist):
		e.failed = ""
	case e.failed != err.Error():
		// One that stays would have it renewed for ever.
		e.failed = err.Error()
		e.log.Warn("the wish to renew the certificate cannot be taken away, so it is not followed", "err", err, "action", "Let the user that edgeguard runs as write to this folder.")
	}
	ca := filesSignature(filepath.Join(e.folder, ownCAName))
	if e.looked && ca != e.ca {
		e.keeper.Kick()
	}
	e.ca, e.looked = ca, true
}

// followRoot has the config made anew when there is another authority: its
// services are verified against it, and devices are told of it.
func (d *daemon) followRoot(ctx context.Context, k *cert.Keeper) error {
	return follow(ctx, k.Status(), func(s cert.Status) {
		if root := d.now.Load().root; s.Mode == cert.OwnCA && s.Root != nil && !s.Root.Equal(root) || s.Root == nil && root != nil && s.Phase == cert.PhaseNoAuthority {
			poke(d.moves.rooted)
		}
	})
}

// reroot puts the own authority in force that is there now.
func (r *reloader) reroot() {
	c := r.daemon.now.Load()
	if root := r.daemon.ownRoot(c.cfg, c.root); root == nil && c.root == nil || root != nil && root.Equal(c.root) {
		return
	}
	if err := r.daemon.reconfigure(r.parts, c.cfg); err != nil {
		r.log.Error("the own certificate authority cannot be taken over; the services are verified as before", "err", err)
		return
	}
	r.log.Info("services that have no ca_file are verified against the own certificate authority as it is now")
}

// tellKeeper has the keeper look when a service serves another certificate than
// before.
func (d *daemon) tellKeeper(ctx context.Context, p *hairpin.Prober) error {
	var before []hairpin.Served
	same := func(a, b hairpin.Served) bool { return a.Service == b.Service && leafSum(a) == leafSum(b) }
	return follow(ctx, p.Status(), func(hairpin.Status) {
		if now := p.Served(); !slices.EqualFunc(before, now, same) {
			before = now
			d.now.Load().cert.Kick()
		}
	})
}

func leafSum(s hairpin.Served) (sum [sha256.Size]byte) {
	if s.Leaf != nil {
		sum = sha256.Sum256(s.Leaf.Raw)
	}
	return sum
}
