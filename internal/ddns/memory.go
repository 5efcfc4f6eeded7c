package ddns

// What is remembered of a record, in the process and in the state file.

import (
	"crypto/sha256"
	"encoding/hex"
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
)

// memory is what is remembered of one record. It holds no secret.
type memory struct {
	// Addr is the value last sent or seen right; zero when there is none.
	Addr netip.Addr
	// At is when a write last began; zero when none did.
	At      time.Time
	Outcome outcome
	// Verified is whether the authoritative servers have shown Addr since At.
	Verified bool
	// Repeats counts writes of Addr beyond the first since it was verified.
	Repeats int
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

// unsettled reports whether a write of Addr may still arrive at the
// authoritative servers, which then show the past.
func (m memory) unsettled(now time.Time) bool {
	return !m.Verified && now.Sub(m.At) < longBound &&
		(m.Outcome == outcomeSent || m.Outcome == outcomeTaken || m.Outcome == outcomeUnclear)
}

// sane returns m as loaded at now, with times that a clock set wrong has moved
// into the future brought back.
func (m memory) sane(now time.Time) memory {
	if m.At.After(now) {
		m.At = now
	}
	if latest := now.Add(provider.MaxRetryAfter); m.NotBefore.After(latest) {
		m.NotBefore = latest
	}
	m.Repeats = min(max(m.Repeats, 0), 16)
	m.Refusals = min(max(m.Refusals, 0), maxRefusals)
	m.Stopped, m.Action = provider.Clean(m.Stopped), provider.Clean(m.Action)
	return m
}

// fingerprint tells one configuration of a record from another, so that a
// refusal is forgotten once the token or the zone is changed. It is a truncated
// hash: tokens are long and random, so it does not help in guessing one.
func (r RecordConfig) fingerprint() string {
	h := sha256.New()
	for _, part := range []string{"edgeguard ddns record v1", r.Provider, r.Domain, r.Zone, r.Token.Reveal()} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}
