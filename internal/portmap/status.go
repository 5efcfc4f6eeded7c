package portmap

// What is known of the forwards, for the status page.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// State is how a forward is.
type State string

// The states of a forward.
const (
	// StateDisabled means that the config keeps edgeguard's hands off.
	StateDisabled State = "disabled"
	// StatePending means that it has not been asked for yet.
	StatePending State = "pending"
	// StateActive means that the router has read it back as ours.
	StateActive State = "active"
	// StateConflict means that the router's entry for the port is another's.
	StateConflict State = "conflict"
	// StateFailed means that the router refused, or there is none.
	StateFailed State = "failed"
	// StateUnconfirmed means that the router took it but read-back failed.
	StateUnconfirmed State = "unconfirmed"
)

// Status is what is known of all forwards. It is immutable.
type Status struct {
	// Forwards are in the order of the config.
	Forwards []ForwardStatus
	// Link is the chain's link "forward".
	Link fact.Link
}

// ForwardStatus is what is known of one forward.
type ForwardStatus struct {
	Service      string
	Protocol     fact.Protocol
	ExternalPort uint16
	Internal     netip.AddrPort
	// Method is the protocol that the router was asked in ("igd"); empty
	// while none is.
	Method string
	State  State
	// LeaseExpiresAt is when the entry ends unless renewed; zero when it is
	// not active or does not end by itself.
	LeaseExpiresAt time.Time
	// Router names the router; empty while none is known.
	Router string
	// Conflict says who holds the port; empty unless State is StateConflict.
	Conflict string
	// LastError is the last failure in words; empty when there is none. With
	// StateActive it means that the forward stands but could not be renewed.
	LastError string
	// Action is what a person can do about it; empty when there is nothing.
	Action string
	// Note is what is worth knowing of a forward that is active, such as that
	// it was set up by hand; empty when there is nothing.
	Note string
}
