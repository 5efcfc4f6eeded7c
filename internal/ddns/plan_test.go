package ddns

// What no decision may ever be, whatever is remembered and seen.

import (
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/fact"
	"pgregory.net/rapid"
)

var planNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// drawEvidence draws evidence about three addresses.
func drawEvidence(t *rapid.T) evidence {
	list := []netip.Addr{netip.MustParseAddr("11.0.0.1"), netip.MustParseAddr("11.0.0.2"), netip.MustParseAddr("11.0.0.3")}
	pick := func(what string) netip.Addr { return rapid.SampledFrom(list).Draw(t, what) }
	ago := func(what string) time.Time {
		return planNow.Add(-time.Duration(rapid.IntRange(0, 100_000).Draw(t, what)) * time.Second)
	}
	e := evidence{desired: pick("desired"), now: planNow, proxied: rapid.Bool().Draw(t, "proxied"), retryAt: ago("retry")}
	e.mem.Outcome = rapid.SampledFrom([]outcome{outcomeNone, outcomeSent, outcomeTaken, outcomeUnclear, outcomeFailed, outcomeDeleted}).Draw(t, "outcome")
	if e.mem.Outcome != outcomeNone && e.mem.Outcome != outcomeDeleted {
		e.mem.Addr = pick("last")
		e.mem.At = ago("at")
		e.mem.Prior = e.mem.At.Add(-time.Minute)
		e.mem.Verified = e.mem.Outcome == outcomeTaken && rapid.Bool().Draw(t, "verified")
	}
	if e.mem.Outcome == outcomeDeleted {
		e.mem.Deleted = ago("deleted")
	}
	e.mem.Repeats = rapid.IntRange(0, 16).Draw(t, "repeats")
	if e.mem.Edits = rapid.IntRange(0, 16).Draw(t, "edits"); e.mem.Edits > 0 {
		e.mem.EditedAt = ago("edited")
	}
	if rapid.Bool().Draw(t, "told to wait") {
		e.mem.NotBefore = planNow.Add(time.Duration(rapid.IntRange(-3600, 3600).Draw(t, "wait")) * time.Second)
	}
	if rapid.IntRange(0, 9).Draw(t, "stopped") == 0 {
		e.mem.Stopped = "bad token"
	}
	switch rapid.IntRange(0, 3).Draw(t, "seen") {
	case 0:
		e.resolved = authority.Reply{State: fact.Known, Addrs: []netip.Addr{pick("resolved")}}
	case 1:
		e.answer = authority.Answer{State: fact.None, Replies: []authority.Reply{{State: fact.None}}}
	default:
		addrs := []netip.Addr{pick("shown")}
		e.answer = authority.Answer{State: fact.Known, Addrs: addrs, Replies: []authority.Reply{{State: fact.Known, Addrs: addrs}}}
		if rapid.Bool().Draw(t, "split") {
			other := []netip.Addr{pick("shown elsewhere")}
			e.answer.Replies = append(e.answer.Replies, authority.Reply{State: fact.Known, Addrs: other})
			if other[0] != addrs[0] {
				e.answer.State, e.answer.Addrs, e.answer.Split = fact.Unknown, nil, true
			}
		}
	}
	return e
}

func TestNoPlanBreaksTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvidence(t)
		d := plan(e)
		due := !d.Write.IsZero()
		same := e.mem.Addr == e.desired
		shown := e.answer.Shows(e.desired)
		switch {
		case e.mem.Stopped != "" && (due || d.Phase != PhaseStopped):
			t.Errorf("a stop is not a stop: %+v", d)
		case d.Phase == PhaseVerified && !shown && !d.ByResolver:
			t.Errorf("verified without being shown: %+v", d)
		case d.ByResolver && (e.answer.Heard() || e.resolved.State != fact.Known || e.resolved.Addrs[0] != e.desired):
			t.Errorf("a resolver is believed over the servers: %+v", d)
		case d.Phase == PhaseVerified && due:
			t.Errorf("what is right would be sent: %+v", d)
		case same && e.answer.ShownBySome(e.desired) && e.mem.Outcome == outcomeTaken && due:
			t.Errorf("what has arrived would be sent again: %+v", d)
		case same && !e.answer.Heard() && e.mem.Outcome == outcomeTaken && due:
			t.Errorf("what was taken would be sent again on nobody's word: %+v", d)
		}
		if !due {
			return
		}
		for what, until := range map[string]time.Time{
			"the gap": e.mem.At.Add(minGap), "the wider gap": e.mem.Prior.Add(twoGaps), "the provider's wait": e.mem.NotBefore,
		} {
			if d.Write.Before(until) {
				t.Errorf("%s is not kept: %v before %v", what, d.Write, until)
			}
		}
		if late := d.Write.Sub(planNow); late > maxEditGap {
			t.Errorf("a write is put off by %v", late)
		}
	})
}

// What is wanted is written some time, unless there is a reason not to.
func TestEveryPlanLeadsSomewhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvidence(t)
		d := plan(e)
		if d.Phase == PhaseVerified || d.Phase == PhaseStopped || !d.Write.IsZero() {
			return
		}
		arrived := e.answer.ShownBySome(e.desired) || d.Proxied || !e.answer.Heard() && e.mem.Outcome == outcomeTaken
		if e.mem.Addr != e.desired || !arrived {
			t.Errorf("nothing would ever happen: %+v", d)
		}
	})
}
