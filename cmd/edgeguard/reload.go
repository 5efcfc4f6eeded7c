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
	"os/signal"
	"reflect"
	"syscall"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/status"
)

// lookEvery is how often the config file is looked at. A change counts once two
// looks in a row agree: editors and copies write in steps.
const lookEvery = 2 * time.Second

// reloader takes over other configs for as long as it runs.
type reloader struct {
	daemon *daemon
	parts  *parts
	log    *slog.Logger
	level  *slog.LevelVar
	// path is the file; empty where the environment is the config.
	path string
	// load reads the config with the flags over it.
	load func() (*config.Config, error)
}

// run waits for reasons to reload until ctx ends.
func (r *reloader) run(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	file := fileWatch{path: r.path}
	file.changed() // what it is now is in force
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
			r.reload("SIGHUP")
		case <-tick.C:
			if file.changed() {
				r.reload("the file has changed")
			}
			r.followLAN()
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
	r.level.Set(cfg.Log.Level)
	r.daemon.noteConfig(r.path, nil)
	for _, warning := range cfg.Warnings {
		r.log.Warn("config", "warning", warning)
	}
	r.log.Info("the config has been taken over", "reason", why, "file", r.path)
}

// followLAN moves the DNS server along when DHCP gives us another address in
// the LAN. The status page stays where it is until a restart.
func (r *reloader) followLAN() {
	d := r.daemon
	if !needsLAN(d.now.Load().cfg) {
		return
	}
	own, err := lanAddress()
	if err != nil || own == d.ownAddress() {
		return // without a network what was known is as good as anything
	}
	before := d.setOwn(own)
	if err := d.dns.Reconfigure(d.dnsConfig(d.now.Load())); err != nil {
		r.log.Warn("the DNS server cannot follow this host to its new LAN address; it will try again", "address", own, "err", err)
		d.setOwn(before)
		return
	}
	r.log.Info("this host has another LAN address; the DNS server listens there now", "address", own, "before", before)
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
		own, err := lanAddress()
		if err != nil {
			return fmt.Errorf("finding this host's address in the LAN: %w", err)
		}
		d.setOwn(own)
	}
	if old := d.now.Load().cfg; !reflect.DeepEqual(old.Status, cfg.Status) || old.Log.Format != cfg.Log.Format {
		return errors.New("[status] listen and [log] format are taken over only by a restart; restart edgeguard, or put them back as they were")
	}
	return d.reconfigure(p, cfg)
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

func signature(info fs.FileInfo) string {
	inode := ""
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = fmt.Sprint(s.Ino)
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size(), inode)
}
