package notify

// Outages, refusals and restarts.

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// The line is down when something fails: the message comes after, with its time.
func TestMessagesWaitForTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		h.verdict("wan", fact.VerdictPass)
		tries := 0
		down := func(Message) attempt { tries++; return attempt{outcome: failed, text: "no line"} }
		h.answers(down)
		h.verdict("wan", fact.VerdictFail)
		h.after(10 * time.Hour)
		h.want()
		if tries < 100 || tries > 300 { // at most five minutes apart, at least half of that
			t.Errorf("tried %d times", tries)
		}
		h.answers(nil)
		before := time.Now()
		h.verdict("wan", fact.VerdictPass) // the line is back: no waiting for the back-off
		if len(h.sent()) != 1 || time.Now() != before {
			t.Fatalf("%q after %v", h.sent(), time.Since(before))
		}
		if !strings.Contains(h.sent()[0], "wan has failed") || !strings.Contains(h.sent()[0], "This is of 2000-01-01 00:10 ") || !strings.Contains(h.sent()[0], "could not be sent earlier") {
			t.Error(h.sent()[0])
		}
		h.after(time.Minute)
		h.want("36000 wan has failed", "36040 wan works again")
		h.stop()
	})
}

func TestAServiceIsLeftAloneForAsLongAsItWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		var at []time.Duration
		h.answers(func(Message) attempt {
			at = append(at, time.Since(h.begin))
			if len(at) == 1 {
				return attempt{outcome: limited, wait: time.Hour, text: "slow down"}
			}
			return attempt{}
		})
		h.verdict("ddns", fact.VerdictFail)
		h.after(700 * time.Second)
		h.verdict("wan", fact.VerdictPass) // a reason to try, but not now
		h.after(2 * time.Hour)
		if want := []time.Duration{610 * time.Second, 4210 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("tried at %v, want %v", at, want)
		}
		h.stop()
	})
}

func TestARefusedMessageIsGivenUpAndTheNextTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		tries := 0
		h.answers(func(m Message) attempt {
			if strings.Contains(m.title(), "ddns") {
				tries++
				return attempt{outcome: refused, text: "unknown topic"}
			}
			return attempt{}
		})
		h.verdict("ddns", fact.VerdictFail)
		h.after(time.Hour)
		h.verdict("wan", fact.VerdictFail)
		h.after(24 * time.Hour)
		h.want("7811 wan has failed")
		if tries != 3 {
			t.Errorf("tried %d times", tries)
		}
		h.stop()
	})
}

func TestTheQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		h.answers(func(Message) attempt { return attempt{outcome: failed, text: "no line"} })
		h.address("203.0.113.1")
		for i := range 60 {
			h.address(fmt.Sprintf("203.0.113.%d", i+2))
			h.after(10 * time.Minute)
		}
		h.answers(nil)
		h.after(time.Hour)
		if len(h.sent()) != maxQueue || !strings.Contains(h.sent()[0], "now 203.0.113.46") || !strings.Contains(h.sent()[15], "now 203.0.113.61") {
			t.Errorf("%d: %q", len(h.sent()), h.sent())
		}
		h.stop()
	})
}

func TestARestartTellsNothingAgainAndLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify.json")
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, func(cfg *Config) { cfg.StateFile = path })
		h.address("198.51.100.4")
		h.verdict("ddns", fact.VerdictFail)
		h.verdict("wan", fact.VerdictPass)
		h.after(620 * time.Second)
		h.want("610 ddns has failed")

		h.restart()
		h.after(24 * time.Hour)
		h.want("610 ")

		// What is unknown after a restart is as it was before.
		h.stop()
		h.in.Store(Input{})
		h.start()
		h.after(time.Hour)
		h.address("198.51.100.4")
		h.verdict("ddns", fact.VerdictFail)
		h.after(time.Hour)
		h.want("610 ")

		// What changed and what mended meanwhile is told.
		h.stop()
		h.address("203.0.113.7")
		h.verdict("ddns", fact.VerdictPass)
		h.answers(func(Message) attempt { return attempt{outcome: failed, text: "no line"} })
		h.start()
		h.after(time.Minute)
		h.want("610 ")

		// A message that waits survives too.
		h.stop()
		raw, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(raw), "ntfy") || strings.Contains(string(raw), "topic") {
			t.Errorf("%v: %s", err, raw)
		}
		h.answers(nil)
		h.start()
		h.after(time.Minute)
		h.want("610 ", "94280 the public address is now 203.0.113.7", "94281 ddns works again")
		h.stop()

		// A new target knows nothing of what others were told.
		h.verdict("ddns", fact.VerdictFail)
		h.cfg.Targets[0].URL = secret.New(topic + "2")
		h.start()
		h.after(610 * time.Second)
		h.want("610 ", "94280 ", "94281 ", "94950 ddns has failed")
		h.stop()
	})
}

// How long a failure has lasted is not lost in a restart, nor how many messages
// there were in the last hour.
func TestARestartGoesOnCounting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify.json")
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, func(cfg *Config) { cfg.StateFile = path })
		h.verdict("ddns", fact.VerdictFail)
		for range 6 {
			h.after(100 * time.Second)
			h.restart()
		}
		h.after(10 * time.Second)
		h.want("610 ddns has failed")
		h.address("203.0.113.1")
		for i := range 20 {
			h.address(fmt.Sprintf("203.0.113.%d", i+2))
			h.after(20 * time.Second)
			h.restart()
		}
		if len(h.sent()) != perHour {
			t.Errorf("%d messages in %v", len(h.sent()), time.Since(h.begin))
		}
		h.stop()
	})
}

func TestAForeignStateFileIsSetAside(t *testing.T) {
	for name, text := range map[string]string{
		"torn":      `{"version":1,"targets":[{"finger`,
		"foreign":   `hello`,
		"version":   `{"version":2}`,
		"family":    `{"version":1,"targets":[{"fingerprint":"x","ipv4":"::1"}]}`,
		"no facts":  `{"version":1,"targets":[{"queues":[[{"facts":[],"time":"2026-01-01T00:00:00Z"}]]}]}`,
		"bad event": `{"version":1,"targets":[{"queues":[[{"facts":[{"event":"boo","summary":"x"}]}]]}]}`,
		"huge":      strings.Repeat(" ", maxState+1),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "notify.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				h := newHome(t, func(cfg *Config) { cfg.StateFile = path })
				h.verdict("ddns", fact.VerdictFail)
				h.after(610 * time.Second)
				h.want("610 ddns has failed")
				h.stop()
			})
			if aside, err := os.ReadFile(path + ".bad"); err != nil || string(aside) != text {
				t.Errorf("not set aside: %v", err)
			}
			raw, err := os.ReadFile(path)
			if targets, parseErr := parseState(raw); err != nil || parseErr != nil || len(targets) != 1 || !targets[0].Failed[0].Told {
				t.Errorf("%v, %v: %s", err, parseErr, raw)
			}
		})
	}
}

func TestAStateFileThatCannotBeWrittenStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, func(cfg *Config) { cfg.StateFile = filepath.Join(t.TempDir(), "no", "such", "folder") })
		h.verdict("ddns", fact.VerdictFail)
		h.after(610 * time.Second)
		h.want("610 ddns has failed")
		h.stop()
	})
}

// One endpoint that hangs holds up neither the others nor the decisions.
func TestOneSlowServiceHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := watch.New(Input{}, Input.Equal)
		n, err := New(Config{
			Targets: []Target{{Name: "a", URL: secret.New(topic)}, {Name: "b", URL: secret.New("gotify://push.example.org/token")}},
			Dial:    func(context.Context, string, string) (net.Conn, error) { panic("nothing is dialed here") },
		}, in)
		if err != nil {
			t.Fatal(err)
		}
		var sent atomic.Int32
		n.send = func(ctx context.Context, e *endpoint, m Message) attempt {
			if e.service == "ntfy" {
				<-ctx.Done()
				return attempt{outcome: failed}
			}
			sent.Add(1)
			return attempt{}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- n.Run(ctx) }()
		in.Store(Input{Links: []Link{{ID: "wan", Verdict: fact.VerdictFail}, {ID: "dns", Verdict: fact.VerdictPass}}})
		time.Sleep(20 * time.Minute)
		in.Store(Input{Links: []Link{{ID: "wan", Verdict: fact.VerdictPass}, {ID: "dns", Verdict: fact.VerdictPass}}})
		time.Sleep(20 * time.Minute)
		if sent.Load() != 2 {
			t.Errorf("%d messages", sent.Load())
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestNewNeedsWhatItNeeds(t *testing.T) {
	in := watch.New(Input{}, Input.Equal)
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, nil }
	for name, cfg := range map[string]Config{
		"no dial":  {Targets: []Target{{URL: secret.New(topic)}}},
		"bad URL":  {Targets: []Target{{Name: "notify[3]", URL: secret.New("matrix://" + hidden)}}, Dial: dial},
		"too many": {Targets: make([]Target, 17), Dial: dial},
	} {
		if n, err := New(cfg, in); err == nil || n != nil || strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: %v, %v", name, n, err)
		}
	}
	// With no targets there is nothing to do, and that well.
	n, err := New(Config{}, in)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Run(ctx); err != nil {
		t.Error(err)
	}
}
