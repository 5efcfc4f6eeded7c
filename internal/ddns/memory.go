package ddns

// What is remembered of a record, in the process and in the state file.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

// outcome is how the last write ended.
type outcome string

const (
	// outcomeNone means that nothing was ever written or seen.
	outcomeNone outcome = ""
	// outcomeSent is saved before a write goes out. Found after a restart, it
	// means that the process died while the write was under way.
	outcomeSent outcome = "sent"
	// outcomeTaken means that the provider said yes, or that the record was
	// found to be right without a write.
	outcomeTaken outcome = "taken"
	// outcomeUnclear means that the write failed in a way that leaves open
	// whether it happened.
	outcomeUnclear outcome = "unclear"
	// outcomeFailed means that the write did not happen.
	outcomeFailed outcome = "failed"
	// outcomeDeleted means that we deleted the record, at Deleted.
	outcomeDeleted outcome = "deleted"
)

// memory is what is remembered of one record. It holds no secret.
type memory struct {
	// Addr is the value last sent or seen right; zero when there is none.
	Addr netip.Addr
	// At is when a write last began, Prior when the one before did; zero when
	// none did.
	At, Prior time.Time
	Outcome   outcome
	// Verified is whether the authoritative servers have shown Addr since At.
	Verified bool
	// Stands is the value that the provider last took or the servers last
	// showed; zero when there is none, or when it was deleted.
	Stands netip.Addr
	// Repeats counts writes of Addr beyond the first since it was verified.
	Repeats int
	// Edits counts how often the record was put right after somebody else had
	// changed it, EditedAt is when last.
	Edits    int
	EditedAt time.Time
	// Deleted is when we deleted the record; zero when it was written since.
	Deleted time.Time
	// NotBefore is when the provider wants the next write at the earliest.
	NotBefore time.Time
	// Refusals counts doubtful refusals in a row.
	Refusals int
	// Stopped is why nothing is written any more; empty while it is. Action
	// is what a person can do about it.
	Stopped, Action string
}

// failed reports whether the last write is to be tried again by back-off.
func (m memory) failed() bool { return m.Outcome == outcomeFailed || m.Outcome == outcomeUnclear }

// unsettled reports whether a write of Addr, or a deletion, may still arrive at
// the authoritative servers, which then show the past.
func (m memory) unsettled(now time.Time) bool {
	switch m.Outcome {
	case outcomeSent, outcomeTaken, outcomeUnclear:
		return !m.Verified && now.Sub(m.At) < longBound
	case outcomeDeleted:
		return now.Sub(m.Deleted) < longBound
	}
	return false
}

// earliest is the first moment at or after at when the provider may be
// written to. It is never the zero Time.
func (m memory) earliest(at time.Time) time.Time {
	for _, t := range []time.Time{m.At.Add(minGap), m.Prior.Add(twoGaps), m.NotBefore} {
		if t.After(at) {
			at = t
		}
	}
	return at
}

// editedUntil is until when a record that somebody else has changed is left to
// him; zero where it need not be.
func (m memory) editedUntil() time.Time {
	if m.Edits == 0 {
		return time.Time{}
	}
	return m.EditedAt.Add(doubled(editGap, m.Edits-1, maxEditGap))
}

// sane returns m as loaded at now, with times that a clock set wrong has moved
// into the future brought back.
func (m memory) sane(now time.Time) memory {
	for _, at := range []*time.Time{&m.At, &m.Prior, &m.EditedAt, &m.Deleted} {
		if at.After(now) {
			*at = now
		}
	}
	if latest := now.Add(provider.MaxRetryAfter + mostLot); m.NotBefore.After(latest) {
		m.NotBefore = latest
	}
	m.Repeats = min(max(m.Repeats, 0), 16)
	m.Edits = min(max(m.Edits, 0), 16)
	m.Refusals = min(max(m.Refusals, 0), maxRefusals)
	m.Stopped, m.Action = provider.Clean(m.Stopped), provider.Clean(m.Action)
	return m
}
