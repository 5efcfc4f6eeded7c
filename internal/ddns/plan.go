package ddns

// The decision: from what is wanted, remembered and seen to what is due. Pure.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
)

const (
	// minGap is the least time between two writes of a record, whatever
	// happens.
	minGap = 30 * time.Second
	// longBound is how long a write may go unseen before it is repeated; it
	// doubles up to maxBound.
	longBound = 10 * time.Minute
	maxBound  = 6 * time.Hour
	// maxRefusals is how many doubtful refusals in a row are taken as final.
	maxRefusals = 3
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
	// Proxied is whether the record hides behind Cloudflare's proxy.
	Proxied bool
}

// plan decides. kind is the provider, desired is what the record should say, answer what the
// authoritative servers said, retryAt when a failed write may be repeated.
func plan(mem memory, kind string, desired netip.Addr, answer authority.Answer, retryAt, now time.Time) decision {
	same := mem.Addr == desired
	switch {
	case mem.Stopped != "":
		return decision{Phase: PhaseStopped}
	case answer.Shows(desired) && (same || !mem.unsettled(now)):
		return decision{Phase: PhaseVerified}
	case !same:
		return decision{Phase: PhasePending, Write: earliest(mem, time.Time{})}
	}
	proxied := kind == "cloudflare" && behindCloudflare(answer.Seen())
	d := decision{Phase: PhaseWritten, Repeat: true}
	if !answer.Heard() || mem.Outcome == outcomeSent {
		d.Phase = PhaseUnconfirmed
	}
	switch {
	case mem.Outcome == outcomeFailed:
		d.Phase, d.Write = PhasePending, earliest(mem, retryAt)
	case mem.Outcome == outcomeUnclear:
		d.Phase, d.Write = PhaseUnconfirmed, earliest(mem, retryAt)
	case proxied && mem.Outcome == outcomeTaken:
		d.Proxied = true // the value is right behind the proxy; writing it again helps nobody
	case mem.Verified && (!answer.Heard() || answer.ShownBySome(desired)):
		// It was right and nobody says that it was changed.
	case mem.Verified:
		d.Phase, d.Write = PhasePending, earliest(mem, time.Time{})
	default:
		d.Write = earliest(mem, mem.At.Add(bound(mem.Repeats)))
	}
	return d
}

// earliest is the first moment at or after at when the provider may be
// written to. It is never the zero Time.
func earliest(mem memory, at time.Time) time.Time {
	for _, t := range []time.Time{mem.At.Add(minGap), mem.NotBefore} {
		if t.After(at) {
			at = t
		}
	}
	return at
}

// bound is how long the write after the given number of repeats may go unseen.
func bound(repeats int) time.Duration {
	wait := longBound
	for range repeats {
		if wait *= 2; wait >= maxBound {
			return maxBound
		}
	}
	return wait
}

// verifyWait is the wait before the given look at a record that is not yet as
// it should be: 2 s, 4 s, 8 s and so on up to 5 min.
func verifyWait(looks int) time.Duration {
	const most = 5 * time.Minute
	if looks > 7 {
		return most
	}
	return min(2*time.Second<<max(looks, 0), most)
}
