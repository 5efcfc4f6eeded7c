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
	// StateManual means that the forward is to be made by hand: the config
	// wants it so, or the router speaks none of the methods.
	StateManual State = "manual"
	// StatePending means that it has not been asked for yet.
	StatePending State = "pending"
	// StateActive means that the router has read it back as ours, or granted
	// it by a method that cannot be read back.
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
	// Method is the protocol that the router was last asked in ("igd", "pcp",
	// "natpmp"), or "manual"; empty while it has not been.
	Method string
	State  State
	// ReadBackAt is when the router last showed the entry as ours, or granted
	// it anew; zero while it has not. A look that finds all as it was moves it
	// at most once a minute.
	ReadBackAt time.Time
	// Woken is what brought the last look that did not come by the clock ("the
	// router was found anew"); empty where there was none, or where the clock
	// has since found something else.
	Woken string
	// Down is how long the forward was missing the last time it was found
	// gone: from the first look that did not see it in force until it was in
	// force again. Zero while it never was.
	Down time.Duration
	// Relay is what the relay has carried; nil where the router forwards to
	// the service itself.
	Relay *RelayStatus
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
	// Steps are what a person does to make the forward by hand, in order, a
	// sentence each; nil unless State is StateManual. Action has them too,
	// until the service was reached.
	Steps []string
	// Reach is what was seen at the service's public address from inside;
	// filled where State is StateManual.
	Reach Reach
	// Warning is what does not work though the forward does, and what to do;
	// empty where there is nothing.
	Warning string
	// Note is what is worth knowing of a forward that is active, such as that
	// it was set up by hand; empty when there is nothing.
	Note string

	// relayed is whether the router leads to a relay of which nothing more is
	// known, as Look finds it.
	relayed bool
}

// RelayStatus is what is known of a relay.
type RelayStatus struct {
	// Listen is where it listens, Target the service that it leads to.
	Listen, Target netip.AddrPort
	// Open is how many connections it carries now, Total how many it has
	// carried since it started, Refused how many it turned away because it
	// carried too many, and Failed how many found no service.
	Open              int
	Total             uint64
	Refused, Failed   uint64
	BytesIn, BytesOut uint64
	// LastError is why the service was not reached last; empty since it was.
	LastError string
}
