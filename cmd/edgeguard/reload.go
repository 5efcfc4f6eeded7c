package main

// Taking over another config without a stop: on SIGHUP, and when the file has
// changed.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"reflect"
	"sync"
	"syscall"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/status"
)

const (
	// lookEvery is how often the config file is looked at where nobody tells of
	// changes, and how long after one it is looked at again. A change counts
	// once two looks in a row agree: editors and copies write in steps.
	lookEvery = 2 * time.Second
	// lookRarely is how often it is looked at where the kernel tells of changes,
	// as it does not of all.
	lookRarely = 30 * time.Second
	// listenRetry is the wait before the DNS server is moved to a new address
	// once more.
	listenRetry = 2 * time.Second
)

// reloader takes over other configs for as long as it runs.
type reloader struct {
	daemon *daemon
	parts  *parts
	log    *slog.Logger
	level  *slog.LevelVar
	// path is the file; empty where the environment is the config.
	path string
	// hangup brings SIGHUP.
	hangup <-chan os.Signal
	// load reads the config with the flags over it.
	load func() (*config.Config, error)
}

// run waits for reasons to reload until ctx ends.
func (r *reloader) run(ctx context.Context) error {
	touched, told, deaf := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		err := fileChanges(ctx, r.path, sync.OnceFunc(func() { close(told) }), func() { poke(touched) })
		if err != nil && ctx.Err() == nil {
			r.log.Debug("the kernel does not tell of changes of the config file, so it is looked at every few seconds", "err", err)
			close(deaf)
		}
	})
	r.follow(ctx, r.hangup, touched, told, deaf)
	return nil
}

// follow reloads at a signal and when the file has changed, and follows this
// host to other addresses.
func (r *reloader) follow(ctx context.Context, hangup <-chan os.Signal, touched, told, deaf <-chan struct{}) {
	file := fileWatch{path: r.path}
	file.changed() // what it is now is in force
	every := lookEvery
	look := time.NewTimer(every)
	defer look.Stop()
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			r.reload("SIGHUP")
			continue
		case <-r.daemon.moves.listen:
			retry = r.followLAN()
			continue
		case <-retry:
			retry = r.followLAN()
			continue
		case <-r.daemon.moves.located:
			r.relocate()
			continue
		case <-r.daemon.moves.rooted:
			r.reroot()
			continue
		case <-told:
			told, every = nil, lookRarely // and a look, as one may have been missed
		case <-deaf:
			deaf, every = nil, lookEvery
		case <-touched:
		case <-look.C:
		}
		if file.changed() {
			r.reload("the file has changed")
		}
		if file.unsettled() {
			look.Reset(lookEvery)
		} else {
			look.Reset(every)
		}
	}
}

// reload puts the config in force as it is now, or says why not and leaves the
// old one.
func (r *reloader) reload(why string) {
	cfg, err := r.load()
	if err == nil {
		err = r.parts.apply(r.daemon, cfg)
	}
	if err != nil {
		r.daemon.noteConfig(r.path, err)
		for _, line := range faults(err) {
			r.log.Error("the new config cannot be used; the old one stays in force", "reason", why, "fault", line)
		}
		return
	}
	r.daemon.now.Load().cert.Kick() // files that it names may be others
	r.level.Set(cfg.Log.Level)
	r.daemon.noteConfig(r.path, nil)
	for _, warning := range cfg.Warnings {
		r.log.Warn("config", "warning", warning)
	}
	r.log.Info("the config has been taken over", "reason", why, "file", r.path)
}

// followLAN moves the DNS server along when DHCP gives us another address in
// the LAN. The status page stays where it is until a restart. It returns when to
// try again; nil means not before our addresses change.
func (r *reloader) followLAN() (again <-chan time.Time) {
	d := r.daemon
	cfg := d.now.Load().cfg
	if !needsLAN(cfg) {
		return nil
	}
	own, err := lanAddress(cfg)
	if err != nil || own == d.ownAddress() {
		return nil // without a network what was known is as good as anything
	}
	before := d.setOwn(own)
	if err := d.dns.Reconfigure(d.dnsConfig(d.now.Load())); err != nil {
		r.log.Warn("the DNS server cannot follow this host to its new LAN address; it will try again", "address", own, "err", err)
		d.setOwn(before)
		return time.After(listenRetry)
	}
	r.log.Info("this host has another LAN address; the DNS server listens there now", "address", own, "before", before)
	return nil
}

// setOwn remembers our address in the LAN, and returns the one before.
func (d *daemon) setOwn(own netip.Addr) (before netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, d.own = d.own, own
	return before
}

// apply refuses what only a restart can change, and puts the rest in force.
func (p *parts) apply(d *daemon, cfg *config.Config) error {
	if needsLAN(cfg) && !d.ownAddress().IsValid() {
		own, err := lanAddress(cfg)
		if err != nil {
			return fmt.Errorf("finding this host's address in the LAN: %w", err)
		}
		d.setOwn(own)
	}
	if err := needsRestart(d.now.Load().cfg, cfg); err != nil {
		return err
	}
	if err := refuseExposed(cfg, d.ownAddress()); err != nil {
		return err
	}
	return d.reconfigure(p, cfg)
}

// needsRestart refuses what stands for the process's whole life: listeners, the
// log, and the conversation with the router, which knows where its events
// arrive. [lan] router is not among them: it is looked up at each call.
func needsRestart(old, cfg *config.Config) error {
	switch {
	case !reflect.DeepEqual(old.Status, cfg.Status) || old.Log.Format != cfg.Log.Format:
		return errors.New("[status] listen and [log] format are taken over only by a restart; restart edgeguard, or put them back as they were")
	case old.LANAddress != cfg.LANAddress || old.RouterEventPort != cfg.RouterEventPort:
		return errors.New("[lan] address and event_port and event_host of [wan] are taken over only by a restart, as the router knows this host by them; restart edgeguard, or put them back as they were")
	}
	return nil
}

// faults are the lines of what is wrong with a config.
func faults(err error) []string {
	var all *config.Errors
	if !errors.As(err, &all) {
		return []string{err.Error()}
	}
	var lines []string
	for _, e := range all.List {
		lines = append(lines, e.Error())
	}
	return lines
}

// noteConfig remembers for the status what came of a config.
func (d *daemon) noteConfig(path string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if path == "" {
		path = config.Environment
	}
	if err != nil {
		d.config.File, d.config.Err = path, err.Error()
		return
	}
	d.config = status.ConfigStatus{File: path, LoadedAt: time.Now()}
}

// fileWatch tells when a file has become another one.
type fileWatch struct {
	path    string // empty: never
	settled string // what was last reported
	seen    string // what the last look found
}

// changed looks, and reports whether the file differs from what was last
// reported and has been the same for two looks. A file that is gone is not a
// change: some editors take it away for a moment, and there is nothing to read.
func (w *fileWatch) changed() bool {
	if w.path == "" {
		return false
	}
	info, err := os.Stat(w.path)
	if err != nil {
		return false
	}
	now := signature(info)
	first := w.settled == ""
	stable := now == w.seen
	w.seen = now
	if first || stable && now != w.settled {
		w.settled = now
		return !first
	}
	return false
}

// unsettled reports whether the last look found what another one must confirm.
func (w *fileWatch) unsettled() bool { return w.seen != w.settled }

func signature(info fs.FileInfo) string {
	inode := ""
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = fmt.Sprint(s.Ino)
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size(), inode)
}
