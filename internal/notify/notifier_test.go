package notify

// The decisions in time: every instant is exact, as synctest's clock is.

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

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
			if !strings.Contains(h.sent()[0], part) {
				t.Errorf("no %q in %s", part, h.sent()[0])
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
		for _, line := range h.sent() {
			var seconds int
			_, _ = fmt.Sscan(line, &seconds)
			at = append(at, seconds)
		}
		for i := 10; i < len(at); i++ {
			if at[i]-at[i-10] < 3600 {
				t.Errorf("messages %d to %d came within %d s", i-10, i, at[i]-at[i-10])
			}
		}
		if len(at) < 30 || len(at) > 45 || !strings.Contains(h.sent()[len(h.sent())-1], "is now 203.0.1.150") {
			t.Errorf("%d messages, the last %s", len(at), h.sent()[len(h.sent())-1])
		}
		h.stop()
	})
}
