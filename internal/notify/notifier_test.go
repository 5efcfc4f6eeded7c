package notify

// The decisions in time: every instant is exact, as synctest's clock is.

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/watch"
)

const topic = "ntfy://ntfy.sh/topic"

// home runs a notifier in a bubble.
type home struct {
	t     *testing.T
	cfg   Config
	in    *watch.Value[Input]
	begin time.Time
	got   []string // "SECONDS TITLE | BODY"
	say   func(Message) attempt
	stop  func()
}

// newHome returns a home whose notifier runs.
func newHome(t *testing.T, change func(*Config)) *home {
	h := &home{t: t, begin: time.Now(), in: watch.New(Input{}, Input.Equal)}
	h.cfg = Config{
		Targets: []Target{{Name: "notify[0]", URL: secret.New(topic)}},
		Dial:    func(context.Context, string, string) (net.Conn, error) { panic("nothing is dialed here") },
		Log:     slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(&h.cfg)
	}
	h.start()
	return h
}

func (h *home) start() {
	h.t.Helper()
	n, err := New(h.cfg, h.in)
	if err != nil {
		h.t.Fatal(err)
	}
	n.send = func(_ context.Context, e *endpoint, m Message) attempt {
		if h.say != nil {
			if a := h.say(m); a.outcome != delivered {
				return a
			}
		}
		body := strings.ReplaceAll(m.body(time.Now()), "\n", " / ")
		h.got = append(h.got, fmt.Sprintf("%d %s | %s", int(time.Since(h.begin).Seconds()), strings.TrimPrefix(m.title(), "edgeguard: "), body))
		return attempt{}
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("Run = %v", err)
		}
	}
	synctest.Wait()
}

// restart ends the notifier and starts another with the same state file.
func (h *home) restart() {
	h.stop()
	h.start()
}

// verdict sets one link's verdict.
func (h *home) verdict(id string, v fact.Verdict) {
	old := h.in.Load()
	links := slices.DeleteFunc(slices.Clone(old.Links), func(l Link) bool { return l.ID == id })
	old.Links = append(links, Link{ID: id, Verdict: v, Summary: "it is " + v.String()})
	h.in.Store(old)
	synctest.Wait()
}

func (h *home) address(text string) {
	in := h.in.Load()
	in.IPv4 = fact.KnownAddr(netip.MustParseAddr(text), "", time.Time{})
	h.in.Store(in)
	synctest.Wait()
}

func (h *home) record(address string, verified bool) {
	in := h.in.Load()
	in.Records = []Record{{"a.example.org", "A", netip.MustParseAddr(address), verified}}
	h.in.Store(in)
	synctest.Wait()
}

func (h *home) after(d time.Duration) { time.Sleep(d); synctest.Wait() }

// want compares what was sent so far.
func (h *home) want(lines ...string) {
	h.t.Helper()
	ok := len(lines) == len(h.got)
	for i := range lines {
		ok = ok && strings.HasPrefix(h.got[i], lines[i])
	}
	if !ok {
		h.t.Errorf("got\n  %s\nwant\n  %s", strings.Join(h.got, "\n  "), strings.Join(lines, "\n  "))
	}
}

func TestFailureIsToldOnceAndThenItsRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		h.verdict("ddns", fact.VerdictPass)
		h.after(100 * time.Second)
		h.verdict("ddns", fact.VerdictFail)
		h.after(609 * time.Second) // after 600 s, and 10 s for others
		h.want()
		h.after(time.Second)
		h.want("710 ddns has failed | ddns: it is fail (since ")
		h.after(72 * time.Hour)
		h.want("710 ")
		h.verdict("ddns", fact.VerdictPass)
		h.after(39 * time.Second)
		h.want("710 ")
		h.after(time.Second)
		h.want("710 ", "259950 ddns works again | ddns: it is pass")
		h.verdict("ddns", fact.VerdictFail) // anew
		h.after(610 * time.Second)
		h.want("710 ", "259950 ", "260560 ddns has failed")
		h.stop()
	})
}

func TestShortFailuresAreNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		for range 20 {
			h.verdict("wan", fact.VerdictFail)
			h.after(599 * time.Second)
			h.verdict("wan", fact.VerdictWarn)
			h.after(time.Second)
		}
		h.want()
		h.stop()
	})
}

// Nobody's knowledge is neither a failure nor a recovery, and its time does not
// count for either.
func TestUnknownIsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		h.verdict("wan", fact.VerdictUnknown)
		h.after(24 * time.Hour)
		h.want()
		h.verdict("wan", fact.VerdictFail)
		h.after(500 * time.Second)
		h.verdict("wan", fact.VerdictUnknown)
		h.after(24 * time.Hour)
		h.want()
		h.verdict("wan", fact.VerdictFail) // 100 s to go
		h.after(109 * time.Second)
		h.want()
		h.after(time.Second)
		h.want("173410 wan has failed")
		h.verdict("wan", fact.VerdictUnknown)
		h.after(24 * time.Hour)
		h.verdict("wan", fact.VerdictPass)
		h.after(20 * time.Second)
		h.verdict("wan", fact.VerdictUnknown)
		h.after(time.Hour)
		h.want("173410 ")
		h.verdict("wan", fact.VerdictPass) // 10 s to go
		h.after(20 * time.Second)
		h.want("173410 ", "263450 wan works again")
		h.stop()
	})
}

func TestAWarningIsARecoveryOnlyWhenItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		h.verdict("broker", fact.VerdictFail)
		h.after(610 * time.Second)
		h.verdict("broker", fact.VerdictWarn)
		h.after(609 * time.Second)
		h.want("610 ")
		h.verdict("broker", fact.VerdictFail) // not anew: it was never told that it is whole
		h.after(time.Hour)
		h.want("610 ")
		h.verdict("broker", fact.VerdictWarn)
		h.after(610 * time.Second)
		h.want("610 ", "5429 broker works again | broker: it is warn")
		h.stop()
	})
}

// A link that had failed long before a target was there is told soon.
func TestAnOldFailureIsToldToANewTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		h.in.Store(Input{Links: []Link{{ID: "ddns", Verdict: fact.VerdictFail, Summary: "x", Since: time.Now().Add(-time.Hour)}}})
		h.after(10 * time.Second)
		h.want("10 ddns has failed")
		h.stop()
	})
}

func TestChangeIsToldWithItsRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		h.address("198.51.100.4")
		h.record("198.51.100.4", true)
		h.after(time.Hour)
		h.want() // where it begins is no change
		h.address("203.0.113.7")
		h.record("198.51.100.4", false)
		h.after(5 * time.Second)
		h.record("203.0.113.7", true)
		h.after(9 * time.Second)
		h.want()
		h.after(time.Second)
		h.want("3615 the public address is now 203.0.113.7 | The public address was 198.51.100.4 and is now 203.0.113.7. Right already: a.example.org.")

		// A record that stays wrong is not waited for beyond two minutes.
		h.address("203.0.113.8")
		h.record("203.0.113.7", false)
		h.after(130 * time.Second)
		h.want("3615 ", "3745 the public address is now 203.0.113.8 | The public address was 203.0.113.7 and is now 203.0.113.8. Not right yet: a.example.org.")

		// There and back within that time is nothing to tell.
		h.address("203.0.113.9")
		h.after(60 * time.Second)
		h.address("203.0.113.8")
		h.after(time.Hour)
		h.want("3615 ", "3745 ")

		// An address that nobody knows is none that was lost.
		in := h.in.Load()
		in.IPv4 = fact.UnknownAddr("", time.Time{})
		h.in.Store(in)
		h.after(time.Hour)
		h.address("203.0.113.8")
		h.after(time.Hour)
		h.want("3615 ", "3745 ")
		h.stop()
	})
}

func TestWhatComesTogetherIsOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		h.address("198.51.100.4")
		h.verdict("wan", fact.VerdictFail)
		h.after(3 * time.Second)
		h.verdict("forward", fact.VerdictFail)
		h.after(600 * time.Second)
		h.address("203.0.113.7")
		h.after(time.Hour)
		h.want("610 forward has failed (and 2 more) | forward: it is fail (since ")
		for _, part := range []string{"wan: it is fail", "is now 203.0.113.7"} {
			if !strings.Contains(h.got[0], part) {
				t.Errorf("no %q in %s", part, h.got[0])
			}
		}
		h.stop()
	})
}

func TestTargetsChooseTheirEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, func(cfg *Config) { cfg.Targets[0].On = []Event{Recovery}; cfg.Targets[0].After = time.Minute })
		h.address("198.51.100.4")
		h.address("203.0.113.7")
		h.verdict("wan", fact.VerdictFail)
		h.after(time.Hour)
		h.want()
		h.verdict("wan", fact.VerdictPass)
		h.after(time.Minute)
		h.want("3640 wan works again")
		h.stop()
	})
}

// However much happens, no hour has more than ten messages, and what is so in
// the end is told.
func TestAnHourHasTenMessagesAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		for i := range 400 { // every 30 s for 200 min
			h.address(fmt.Sprintf("203.0.%d.%d", i/250, i%250+1))
			h.after(30 * time.Second)
		}
		h.after(2 * time.Hour)
		var at []int
		for _, line := range h.got {
			var seconds int
			_, _ = fmt.Sscan(line, &seconds)
			at = append(at, seconds)
		}
		for i := 10; i < len(at); i++ {
			if at[i]-at[i-10] < 3600 {
				t.Errorf("messages %d to %d came within %d s", i-10, i, at[i]-at[i-10])
			}
		}
		if len(at) < 30 || len(at) > 45 || !strings.Contains(h.got[len(h.got)-1], "is now 203.0.1.150") {
			t.Errorf("%d messages, the last %s", len(at), h.got[len(h.got)-1])
		}
		h.stop()
	})
}

// The line is down when something fails: the message comes after, with its time.
func TestMessagesWaitForTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, nil)
		h.verdict("wan", fact.VerdictPass)
		tries := 0
		down := func(Message) attempt { tries++; return attempt{outcome: failed, text: "no line"} }
		h.say = down
		h.verdict("wan", fact.VerdictFail)
		h.after(10 * time.Hour)
		h.want()
		if tries < 100 || tries > 300 { // at most five minutes apart, at least half of that
			t.Errorf("tried %d times", tries)
		}
		h.say = nil
		before := time.Now()
		h.verdict("wan", fact.VerdictPass) // the line is back: no waiting for the back-off
		if len(h.got) != 1 || time.Now() != before {
			t.Fatalf("%q after %v", h.got, time.Since(before))
		}
		if !strings.Contains(h.got[0], "wan has failed") || !strings.Contains(h.got[0], "This is of 2000-01-01 00:10 ") || !strings.Contains(h.got[0], "could not be sent earlier") {
			t.Error(h.got[0])
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
		h.say = func(Message) attempt {
			at = append(at, time.Since(h.begin))
			if len(at) == 1 {
				return attempt{outcome: limited, wait: time.Hour, text: "slow down"}
			}
			return attempt{}
		}
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
		h.say = func(m Message) attempt {
			if strings.Contains(m.title(), "ddns") {
				tries++
				return attempt{outcome: refused, text: "unknown topic"}
			}
			return attempt{}
		}
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
		h.say = func(Message) attempt { return attempt{outcome: failed, text: "no line"} }
		h.address("203.0.113.1")
		for i := range 60 {
			h.address(fmt.Sprintf("203.0.113.%d", i+2))
			h.after(10 * time.Minute)
		}
		h.say = nil
		h.after(time.Hour)
		if len(h.got) != maxQueue || !strings.Contains(h.got[0], "now 203.0.113.46") || !strings.Contains(h.got[15], "now 203.0.113.61") {
			t.Errorf("%d: %q", len(h.got), h.got)
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
		h.say = func(Message) attempt { return attempt{outcome: failed, text: "no line"} }
		h.start()
		h.after(time.Minute)
		h.want("610 ")

		// A message that waits survives too.
		h.stop()
		raw, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(raw), "ntfy") || strings.Contains(string(raw), "topic") {
			t.Errorf("%v: %s", err, raw)
		}
		h.say = nil
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
		if len(h.got) != perHour {
			t.Errorf("%d messages in %v", len(h.got), time.Since(h.begin))
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
		sent := 0
		n.send = func(ctx context.Context, e *endpoint, m Message) attempt {
			if e.service == "ntfy" {
				<-ctx.Done()
				return attempt{outcome: failed}
			}
			sent++
			return attempt{}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- n.Run(ctx) }()
		in.Store(Input{Links: []Link{{ID: "wan", Verdict: fact.VerdictFail}, {ID: "dns", Verdict: fact.VerdictPass}}})
		time.Sleep(20 * time.Minute)
		in.Store(Input{Links: []Link{{ID: "wan", Verdict: fact.VerdictPass}, {ID: "dns", Verdict: fact.VerdictPass}}})
		time.Sleep(20 * time.Minute)
		if sent != 2 {
			t.Errorf("%d messages", sent)
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
