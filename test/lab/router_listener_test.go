//go:build linux

package lab_test

// A listener: package router on the NAS, that says what it hears and asks.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/test/lab"
)

// asListener makes this test program a listener on the NAS, by which address
// it asks: see TestRouterListener.
const asListener = "EDGEGUARD_TEST_ROUTER_LISTENER"

// TestRouterListener is no test: it is what the tests here start on the NAS. It
// follows the router until it is told to end, and writes a line for each hint,
// for each WAN address and for each change of the status. At SIGUSR1 it asks by
// every protocol.
func TestRouterListener(t *testing.T) {
	if os.Getenv(asListener) == "" {
		return // not skipped: nothing is left out
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ask := make(chan os.Signal, 1)
	signal.Notify(ask, syscall.SIGUSR1)
	var mu sync.Mutex
	say := func(words ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(os.Stderr, append([]any{"@", time.Now().UnixMicro()}, words...)...)
	}
	r := router.New(router.Config{
		Gateway: func() (netip.Addr, error) { return lab.RouterAddr, nil },
		Log:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			s, changed := r.Status().Get()
			say("status", s.Generation, s.Found, "gena="+onOff(s.Events.GENA), "announcements="+onOff(s.Events.Announcements), "ssdp="+onOff(s.Events.SSDP))
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	})
	tasks.Go(func() {
		for {
			hint, changed := r.Hints().Get()
			if hint.Count > 0 {
				say("hint", hint.Kind, hint.Count)
				o, err := r.ExternalAddress(ctx)
				say("address", o, err)
			}
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
			case <-ctx.Done():
				return
			}
			for name, ask := range map[string]func(context.Context) (fact.Observation, error){
				"igd": r.ExternalAddress, "natpmp": r.NATPMPAddress, "pcp": r.PCPAddress,
			} {
				began := time.Now()
				o, err := ask(ctx)
				say("asked", name, o, time.Since(began).Microseconds(), err)
			}
			name, found, err := r.SecondRouter(ctx, netip.MustParseAddr("172.16.5.2"))
			say("second", found, strconv.Quote(name), err)
			say("asked all")
		}
	})
	err := r.Run(ctx)
	tasks.Wait()
	say("ended", err)
}

func onOff(s router.EventSource) string {
	if s.On {
		return "on"
	}
	return "off"
}

// listener is a TestRouterListener that runs.
type listener struct{ *lab.Process }

func listen(t *testing.T, h *lab.Home) listener {
	t.Helper()
	return listener{h.NAS.Start(t, "the listener", "env", asListener+"=1", os.Args[0], "-test.run=^TestRouterListener$", "-test.v")}
}

// line is one line that the listener said.
type line struct {
	at    time.Time
	words []string
}

// said returns what the listener said since a moment, the lines that begin
// with the given words only.
func (l listener) said(since time.Time, words ...string) []line {
	var list []line
	for text := range strings.Lines(l.Log()) {
		fields := strings.Fields(text)
		if len(fields) < 3 || fields[0] != "@" {
			continue
		}
		micro, err := strconv.ParseInt(fields[1], 10, 64)
		at := time.UnixMicro(micro)
		if err != nil || at.Before(since) || len(fields)-2 < len(words) || !slices.Equal(fields[2:2+len(words)], words) {
			continue
		}
		list = append(list, line{at, fields[2:]})
	}
	return list
}

// await waits until the listener has said the words since a moment, and
// returns the first time that it did.
func (l listener) await(t *testing.T, since time.Time, words ...string) line {
	t.Helper()
	lab.Eventually(t, lab.Patience, func() error {
		if l.said(since, words...) == nil {
			return fmt.Errorf("the listener has not said %q", words)
		}
		return nil
	})
	return l.said(since, words...)[0]
}

// listens waits until it listens to everything, and returns the generation that
// it says then. That is the first, unless the machine has stalled.
func (l listener) listens(t *testing.T) (generation int) {
	t.Helper()
	lab.Eventually(t, lab.Patience, func() error {
		for _, s := range l.said(time.Time{}, "status") {
			if len(s.words) == 6 && slices.Equal(s.words[2:], []string{"true", "gena=on", "announcements=on", "ssdp=on"}) {
				generation, _ = strconv.Atoi(s.words[1])
				return nil
			}
		}
		return errors.New("the listener does not listen to everything")
	})
	return generation
}

// ready waits until it listens to everything, and has heard the first event.
func (l listener) ready(t *testing.T) {
	t.Helper()
	l.listens(t)
	l.await(t, time.Time{}, "hint", "gena")
}

// generation is the last one that it said.
func (l listener) generation() int {
	all := l.said(time.Time{}, "status")
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(all[len(all)-1].words[1])
	return n
}

// firsts logs when each kind of hint came first after a moment.
func (l listener) firsts(t *testing.T, since time.Time) {
	t.Helper()
	for _, kind := range []string{"gena", "natpmp", "pcp", "ssdp"} {
		if hints := l.said(since, "hint", kind); hints != nil {
			t.Logf("first hint by %s after %v, %d in all", kind, hints[0].at.Sub(since).Round(time.Millisecond), len(hints))
		}
	}
}

// end ends the listener, and wants it to end well.
func (l listener) end(t *testing.T) {
	t.Helper()
	if code, err := l.Stop(lab.Patience); err != nil || code != 0 || l.said(time.Time{}, "ended", "<nil>") == nil {
		t.Errorf("the listener ended with %d, %v\n%s", code, err, l.Log())
	}
}
