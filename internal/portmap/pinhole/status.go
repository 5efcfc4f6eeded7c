package pinhole

// What is known of the pinholes, and what it means for the chain.

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// State is how a pinhole is.
type State string

// The states of a pinhole.
const (
	// StatePending means that it has not been asked for yet.
	StatePending State = "pending"
	// StateWaiting means that the service's IPv6 address is not known.
	StateWaiting State = "waiting"
	// StateActive means that the router has opened it and does not say that it
	// is gone.
	StateActive State = "active"
	// StateOpen means that the router filters no IPv6, so that none is needed.
	StateOpen State = "open"
	// StateNone means that the router speaks no protocol for it.
	StateNone State = "none"
	// StateFailed means that the router refused, or was not reached.
	StateFailed State = "failed"
	// StateUnconfirmed means that it was opened, and that whether it still
	// stands is not known.
	StateUnconfirmed State = "unconfirmed"
)

// Status is what is known of all pinholes. It is immutable.
type Status struct {
	// Pinholes are in the order of the config.
	Pinholes []PinholeStatus
}

// PinholeStatus is what is known of one pinhole.
type PinholeStatus struct {
	Service  string
	Protocol fact.Protocol
	// Port is the same on both sides.
	Port uint16
	// Internal is the address and port that it leads to; the zero AddrPort
	// while no address was ever known.
	Internal netip.AddrPort
	// Method is the protocol that it was opened in; empty while it is not.
	Method fact.Method
	State  State
	// LeaseExpiresAt is when it ends unless renewed; zero when it is not open.
	LeaseExpiresAt time.Time
	// LastError is the last failure in words; empty when there is none. With
	// StateActive it means that the pinhole stands but something is amiss.
	LastError string
	// Action is what a person can do about it; empty when there is nothing.
	Action string
	// Note is what is worth knowing of a pinhole that is well; empty when there
	// is nothing.
	Note string
	// Router names the router; empty while none is known.
	Router string
}

// missing reports whether the internet is known, or must be feared, not to get
// through.
func (p PinholeStatus) missing() bool {
	switch p.State {
	case StateFailed, StateNone, StateUnconfirmed:
		return true
	case StateActive:
		return p.LastError != ""
	}
	return false
}

// Into returns the chain's link "forward", as the IPv4 forwards make it, with
// the pinholes taken in: a line of evidence for each, and a warning where one is
// missing, as IPv6 alone is lost then. A pinhole never makes the link better.
func (s Status) Into(forward fact.Link) fact.Link {
	evidence := append([]string(nil), forward.Evidence...)
	var worst *PinholeStatus
	for i, p := range s.Pinholes {
		evidence = append(evidence, p.evidence())
		if worst == nil && p.missing() {
			worst = &s.Pinholes[i]
		}
	}
	forward.Evidence = evidence
	if worst == nil {
		return forward
	}
	if verdict := fact.Worse(forward.Verdict, fact.VerdictWarn); verdict != forward.Verdict {
		forward.Verdict, forward.Summary, forward.Action = verdict, worst.sentence(), worst.Action
	}
	return forward
}

// sentence says in one line what is amiss with a pinhole.
func (p PinholeStatus) sentence() string {
	switch {
	case p.State == StateActive:
		return fmt.Sprintf("The router lets IPv6 through to %s, but %s.", p.Service, p.LastError)
	case p.State == StateUnconfirmed:
		return fmt.Sprintf("IPv6 from the internet may not reach %s (IPv4 does not depend on it, but clients that try IPv6 first wait in vain): %s.", p.Service, p.LastError)
	}
	return fmt.Sprintf("IPv6 from the internet does not reach %s (IPv4 does not depend on it, but clients that try IPv6 first wait in vain): %s.", p.Service, p.LastError)
}

// evidence is one line on a pinhole. It holds no times, so that it changes only
// when something does.
func (p PinholeStatus) evidence() string {
	line := fmt.Sprintf("%s: IPv6 pinhole, %s to %s, is %s", p.Service, p.Protocol, p.Internal, p.State)
	if !p.Internal.IsValid() {
		line = fmt.Sprintf("%s: IPv6 pinhole, %s, is %s", p.Service, p.Protocol, p.State)
	}
	for _, more := range []string{p.LastError, p.Note} {
		if more != "" {
			line += "; " + more
		}
	}
	return line
}
