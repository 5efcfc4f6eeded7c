//go:build linux

package lab_test

// A finder: package router alone on a host of the lab, where the daemon as a
// whole would be in the way.

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/test/lab"
)

// asFinder makes this test program a finder; its value is a finderConfig.
const asFinder = "EDGEGUARD_TEST_FORWARD_FINDER"

// finderConfig is what a finder is told.
type finderConfig struct {
	Gateway netip.Addr
	Host    netip.Addr // zero where it is not in a container
	Port    uint16     // for events; zero means any
	Most    int        // entries of the table
	Add     []netip.AddrPort
}

// finderLine is one line that a finder says: what is not set did not happen.
type finderLine struct {
	At     time.Time
	Status *router.Status `json:",omitempty"`
	Hint   *router.Hint   `json:",omitempty"`
	Asked  *finderAnswer  `json:",omitempty"`
}

// finderAnswer is what the router said when a finder was told to ask.
type finderAnswer struct {
	Table []fact.Mapping
	More  bool
	Err   string            // of the table
	WAN   string            // the external address, or the error
	Adds  map[string]string // outcomes by internal client; "ok", or the error
}

// TestForwardFinder is no test: it is what the tests here start on a host. It
// follows the router until it is told to end, and asks it at SIGUSR1.
func TestForwardFinder(t *testing.T) {
	text := os.Getenv(asFinder)
	if text == "" {
		return // not skipped: nothing is left out
	}
	var cfg finderConfig
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ask := make(chan os.Signal, 1)
	signal.Notify(ask, syscall.SIGUSR1)
	var mu sync.Mutex
	say := func(l finderLine) {
		mu.Lock()
		defer mu.Unlock()
		l.At = time.Now()
		out, err := json.Marshal(l)
		fmt.Fprintln(os.Stderr, "@", string(out), err)
	}
	r := router.New(router.Config{
		Gateway: func() (netip.Addr, error) { return cfg.Gateway, nil }, Host: cfg.Host, EventPort: cfg.Port,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			s, changed := r.Status().Get()
			say(finderLine{Status: &s})
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	})
	tasks.Go(func() {
		for {
			h, changed := r.Hints().Get()
			say(finderLine{Hint: &h})
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	})
	tasks.Go(func() {
		for {
			select {
			case <-ask:
				answer := cfg.ask(ctx, r)
				say(finderLine{Asked: &answer})
			case <-ctx.Done():
				return
			}
		}
	})
	if err := r.Run(ctx); err != nil {
		t.Error(err)
	}
	tasks.Wait()
}

// ask makes every call once.
func (cfg finderConfig) ask(ctx context.Context, r *router.Router) (a finderAnswer) {
	a.Adds = make(map[string]string)
	for i, to := range cfg.Add {
		m := fact.Mapping{Protocol: fact.TCP, ExternalPort: 8883 + uint16(i), Internal: to, Description: "edgeguard lab", Lease: time.Hour, Enabled: true}
		a.Adds[to.String()] = "ok"
		if err := r.Add(ctx, m); err != nil {
			a.Adds[to.String()] = err.Error()
		}
	}
	o, err := r.ExternalAddress(ctx)
	if a.WAN = o.String(); err != nil {
		a.WAN = err.Error()
	}
	if a.Table, a.More, err = r.Table(ctx, max(cfg.Most, 1)); err != nil {
		a.Err = err.Error()
	}
	return a
}

// finder is a TestForwardFinder that runs.
type finder struct{ *lab.Process }

func find(t *testing.T, on *lab.Host, cfg finderConfig) finder {
	t.Helper()
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return finder{on.Start(t, "the finder", "env", asFinder+"="+string(text), os.Args[0], "-test.run=^TestForwardFinder$", "-test.v")}
}

// said returns what the finder said so far.
func (f finder) said() (lines []finderLine) {
	for text := range strings.Lines(f.Log()) {
		body, ok := strings.CutPrefix(text, "@ ")
		if !ok {
			continue
		}
		var l finderLine
		if json.NewDecoder(strings.NewReader(body)).Decode(&l) == nil {
			lines = append(lines, l)
		}
	}
	return lines
}

// await waits for a line that is good, and returns the first one that ever was.
// What came before an act counts, too: a condition that could have held before
// must ask for line.At.
func (f finder) await(t *testing.T, what string, good func(finderLine) bool) finderLine {
	t.Helper()
	var got finderLine
	lab.Eventually(t, lab.Patience, func() error {
		lines := f.said()
		for _, l := range lines {
			if good(l) {
				got = l
				return nil
			}
		}
		if n := len(lines); n > 0 && lines[n-1].Status != nil {
			return fmt.Errorf("the finder has not said %s; its last status is %+v", what, *lines[n-1].Status)
		}
		return fmt.Errorf("the finder has not said %s", what)
	})
	return got
}

// status waits for a status that is good, at any time since the finder's start.
func (f finder) status(t *testing.T, what string, good func(router.Status) bool) router.Status {
	t.Helper()
	return f.statusSince(t, time.Time{}, what, good)
}

// statusSince waits for a status that is good and was said after a moment: on a
// machine that stalls the first search may find nothing, so that any status may
// have been there before the act that it is the outcome of.
func (f finder) statusSince(t *testing.T, since time.Time, what string, good func(router.Status) bool) router.Status {
	t.Helper()
	return *f.await(t, what, func(l finderLine) bool { return l.Status != nil && l.At.After(since) && good(*l.Status) }).Status
}

// ask has the router asked, and returns what it said.
func (f finder) ask(t *testing.T) finderAnswer {
	t.Helper()
	began := time.Now()
	// Not its wrapper's: ip netns exec and env become the program themselves.
	if err := f.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	return *f.await(t, "what the router answers", func(l finderLine) bool { return l.Asked != nil && l.At.After(began) }).Asked
}

// end ends the finder, and wants it to end well.
func (f finder) end(t *testing.T) {
	t.Helper()
	if code, err := f.Stop(lab.Patience); err != nil || code != 0 {
		t.Errorf("the finder ended with %d, %v", code, err)
	}
}
