package main

// edgeguard run: the daemon.

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/memlimit"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func newRun(opt *options) *cobra.Command {
	var flags listenFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := func() (*config.Config, error) { return loadConfig(opt, flags) }
			return runDaemon(cmd.Context(), opt, load, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&flags.dns, "dns-listen", "", "answer DNS on `ADDR` (HOST:PORT) instead of what the config says")
	cmd.Flags().StringVar(&flags.status, "status-listen", "", "serve the status on `ADDR` (HOST:PORT) instead of what the config says")
	return cmd
}

// settled is how long after the start what only the start needed (the config's
// text, the first handshakes, the system's certificates) is given back to the
// system: some MiB, of which the garbage would else stay until the first forced
// collection, and the program's own pages for good.
const settled = 3 * time.Second

// runDaemon binds, runs every part until ctx ends or one fails, and returns
// after all of them have ended.
func runDaemon(ctx context.Context, opt *options, load func() (*config.Config, error), stderr io.Writer) error {
	// From the first moment: a SIGHUP that nobody waits for ends the program.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	budget := limitMemory()
	load = budget.fit(load)
	cfg, err := load()
	if err != nil {
		return err
	}
	secrets, level := &secretList{}, &slog.LevelVar{}
	secrets.add(cfg)
	level.Set(cfg.Log.Level)
	log := newLogger(stderr, level, string(cfg.Log.Format), secrets.all)
	budget.log(log)
	for _, warning := range cfg.Warnings {
		log.Warn("config", "warning", warning)
	}
	own, err := findOwn(ctx, cfg, log)
	if err != nil {
		return failed(err)
	}
	if err := refuseExposed(cfg, own); err != nil {
		return misuse(err)
	}
	d, err := newDaemon(cfg, own, log, secrets)
	if err != nil {
		return misuse(err)
	}
	path := configFile(opt)
	d.noteConfig(path, nil)
	if err := d.bind(); err != nil {
		return failed(err)
	}
	defer time.AfterFunc(settled, func() { settle(log) }).Stop()
	log.Info("edgeguard runs", "version", version, "services", len(cfg.Services), "records", len(cfg.DDNS.Records))
	err = d.run(ctx, &reloader{daemon: d, log: component(log, "config"), level: level, path: path, hangup: hangup, load: load})
	log.Info("edgeguard has stopped")
	if err != nil && !errors.Is(err, context.Canceled) {
		return failed(err)
	}
	return nil
}

// settle gives back what only the start needed: garbage, and pages of the
// program itself.
func settle(log *slog.Logger) {
	debug.FreeOSMemory()
	if err := memlimit.ReleaseProgram(); err != nil {
		log.Debug("what only the start needed of the program stays resident", "err", err)
	}
}

// configFile is the file that the config comes from; empty where it is the
// environment alone.
func configFile(opt *options) string {
	path := opt.config
	if path == "" {
		path = config.PathFromEnv(os.LookupEnv)
	}
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// run runs every part. The first that fails stops the others.
func (d *daemon) run(ctx context.Context, r *reloader) error {
	group, ctx := errgroup.WithContext(ctx)
	r.parts = &parts{ctx: ctx, group: group, running: map[any]*part{}}
	for _, part := range []func(context.Context) error{d.dns.Run, d.http.Run, d.watchChain, d.countDNS, d.history.Run, d.router.Run, d.hearRouter, d.hearKernel, d.handed.Run, d.dropPort80} {
		group.Go(func() error { return part(ctx) })
	}
	d.startConcerns(r.parts, d.now.Load())
	group.Go(func() error { return r.run(ctx) })
	return group.Wait()
}
