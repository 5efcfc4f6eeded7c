// Package loop is the one runner of edgeguard's concerns: a step that says
// when it wants to run next, a kick that wakes it at once, and a jittered,
// growing wait after an error. It is a leaf.
package loop

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Step does one round of work and says how long to wait before the next. With
// an error the loop waits by its back-off instead, but never less than next:
// a step that was told Retry-After returns it with the error.
type Step func(ctx context.Context) (next time.Duration, err error)

// Config says how a Loop behaves.
type Config struct {
	// Name is the loop's name in the log; required.
	Name string
	// Step is the work; required. It must return soon after ctx ends.
	Step Step
	// MinBackoff and MaxBackoff bound the wait after an error, which doubles
	// with every error in a row. Zero means 1 s and 5 min.
	MinBackoff, MaxBackoff time.Duration
	// Rand gives the jitter; nil means the process's own source. Tests give a
	// seeded one.
	Rand *rand.Rand
	// Log gets transitions from good to failing and back; nil means none.
	// Repeats of the same failure go to debug.
	Log *slog.Logger
}

// Loop runs a step again and again. Make one with New.
type Loop struct {
	cfg  Config
	kick chan struct{}
}

// New returns a loop that has not started. It panics where a required part of
// cfg is missing, which is a mistake of the programmer.
func New(cfg Config) *Loop {
	if cfg.Name == "" || cfg.Step == nil {
		panic("loop.New: Name and Step are required")
	}
	if cfg.MinBackoff == 0 {
		cfg.MinBackoff = time.Second
	}
	if cfg.MaxBackoff == 0 {
		cfg.MaxBackoff = 5 * time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Loop{cfg: cfg, kick: make(chan struct{}, 1)}
}

// Kick asks for a round now. It never blocks; kicks that come while one is
// pending are one, and a round that begins for another reason is theirs too. A
// kick during a round makes another follow it.
func (l *Loop) Kick() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// Run runs rounds until ctx ends, the first at once, and then returns nil. It
// returns only between rounds.
func (l *Loop) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var failures failures
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.kick:
		case <-timer.C:
			select {
			case <-l.kick: // this round is what it asked for
			default:
			}
		}
		next, err := l.cfg.Step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		wait := failures.wait(next, err, l.cfg)
		l.report(&failures, err, wait)
		timer.Reset(wait)
	}
}

// report logs transitions, and repeats only for those who debug.
func (l *Loop) report(f *failures, err error, wait time.Duration) {
	switch {
	case err != nil && err.Error() != f.reported:
		f.reported = err.Error()
		l.cfg.Log.Warn("round failed", "loop", l.cfg.Name, "err", err, "retry_in", wait)
	case err != nil:
		l.cfg.Log.Debug("round failed again", "loop", l.cfg.Name, "err", err, "retry_in", wait)
	case f.reported != "":
		f.reported = ""
		l.cfg.Log.Info("round succeeded again", "loop", l.cfg.Name)
	}
}
