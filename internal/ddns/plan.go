package ddns

// The decision: from what is wanted, remembered and seen to what is due. Pure.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	// minGap is the least time between two writes of a record, whatever
	// happens, and twoGaps between a write and the next but one: three writes
	// in a minute are never reached, and a storm of changes that lasts a
	// minute ends with the third.
	minGap  = 30 * time.Second
	twoGaps = 90 * time.Second
	// longBound is how long a write may go unseen before it is repeated; it
	// doubles up to maxBound.
	longBound = 10 * time.Minute
	maxBound  = 6 * time.Hour
	// brokenBound is how long a write that we were stopped in the middle of may
	// go unseen where the servers say something else: nobody said yes to it. It doubles, too, so that a process that
	// dies of writing does not write all the time.
	brokenBound = time.Minute
	// maxRefusals is how many doubtful refusals in a row are taken as final.
	maxRefusals = 3
	// editGap is how long a record that was put right and then changed by
	// somebody else again is left to him; it doubles up to maxEditGap. After
	// peaceful of nobody else's changes all is forgotten.
	editGap    = time.Hour
	maxEditGap = 24 * time.Hour
	peaceful   = 48 * time.Hour
)

// decision is what a round is to do.
type decision struct {
	// Phase is how the record is, unless a write changes it.
	Phase Phase
	// Write is when a write is due; zero means that none is. It may lie in
	// the past.
	Write time.Time
	// Repeat is whether that write would send the same value again.
	Repeat bool
	// Edited is whether somebody else has changed the record.
	Edited bool
	// Proxied is whether the record hides behind Cloudflare's proxy.
	Proxied bool
	// ByResolver is whether a resolver's word is all that there is for Phase.
	ByResolver bool
}

// evidence is what a decision rests on.
type evidence struct {
	mem memory
	// desired is what the record should say.
	desired netip.Addr
	// answer is what the authoritative servers said, resolved what a resolver
	// said in their place; that is a reason to be content, never to write.
	answer   authority.Answer
	resolved authority.Reply
	// proxied is whether the provider or the addresses seen say that the record
	// hides behind Cloudflare's proxy.
	proxied bool
	// retryAt is when a failed write may be repeated.
	retryAt, now time.Time
}

// plan decides.
func plan(e evidence) decision {
	mem, answer, desired := e.mem, e.answer, e.desired
	same := mem.Addr == desired
	shown := answer.Shows(desired)
	byResolver := !answer.Heard() && e.resolved.State == fact.Known && len(e.resolved.Addrs) == 1 && e.resolved.Addrs[0] == desired
	switch {
	case mem.Stopped != "":
		return decision{Phase: PhaseStopped}
	case shown && (same || !mem.unsettled(e.now)):
		return decision{Phase: PhaseVerified}
	case byResolver && (same && mem.Outcome != outcomeFailed || mem.Outcome == outcomeNone):
		return decision{Phase: PhaseVerified, ByResolver: true}
	case !same:
		return decision{Phase: PhasePending, Write: mem.earliest(time.Time{})}
	}
	d := decision{Phase: PhaseWritten, Repeat: true}
	if !answer.Heard() || mem.Outcome == outcomeSent {
		d.Phase = PhaseUnconfirmed
	}
	switch {
	case mem.Outcome == outcomeFailed:
		d.Phase, d.Write = PhasePending, mem.earliest(e.retryAt)
	case mem.Outcome == outcomeUnclear:
		d.Phase, d.Write = PhaseUnconfirmed, mem.earliest(e.retryAt)
	case e.proxied && mem.Outcome == outcomeTaken:
		d.Proxied = true // the value is right behind the proxy; writing it again helps nobody
	case answer.ShownBySome(desired):
		// It has arrived, and the other servers follow.
	case mem.Outcome == outcomeTaken && !answer.Heard():
		// It was taken, and nobody says that it is something else.
	case mem.Verified:
		d.Phase, d.Edited = PhasePending, true
		d.Write = mem.earliest(mem.editedUntil())
	case mem.Outcome == outcomeSent && answer.Heard():
		d.Write = mem.earliest(mem.At.Add(doubled(brokenBound, mem.Repeats, maxBound)))
	default:
		d.Write = mem.earliest(mem.At.Add(bound(mem.Repeats)))
	}
	return d
}

// doubled is least, doubled the given number of times, at most most.
func doubled(least time.Duration, times int, most time.Duration) time.Duration {
	for range times {
		if least *= 2; least >= most {
			return most
		}
	}
	return least
}

// bound is how long the write after the given number of repeats may go unseen.
func bound(repeats int) time.Duration { return doubled(longBound, repeats, maxBound) }

// verifyWait is the wait before the given look at a record that is not yet as
// it should be: 2 s, 4 s, 8 s and so on up to 5 min, 15 min after an hour, and
// recheck after a day.
func verifyWait(looks int, recheck time.Duration) time.Duration {
	wait := doubled(2*time.Second, looks, 5*time.Minute)
	switch {
	case looks > 110:
		wait = recheck
	case looks > 19:
		wait = 15 * time.Minute
	}
	return min(wait, recheck)
}
