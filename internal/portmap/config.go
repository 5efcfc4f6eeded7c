package portmap

// What the keeper of the port forwards needs.

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Gateway is the router, as far as this package needs one. Its errors are
// fact.ErrNoRouter, fact.ErrNoMapping, a *fact.GatewayFault, or a failure to
// reach the router whose outcome is unknown.
type Gateway interface {
	// Add asks the router for a mapping, or to renew it.
	Add(ctx context.Context, m fact.Mapping) error
	// Get reads back the entry for a port, or fact.ErrNoMapping.
	Get(ctx context.Context, p fact.Protocol, externalPort uint16) (fact.Mapping, error)
	// Delete removes the entry for a port; one that is not there is no error.
	Delete(ctx context.Context, p fact.Protocol, externalPort uint16) error
	// Map asks for a mapping by PCP or NAT-PMP, or to renew it. What is granted
	// may differ from what was asked for. Errors are fact.ErrNotSpoken, a
	// *fact.MapFault, or a failure whose outcome is unknown.
	Map(ctx context.Context, q fact.Request) (fact.Grant, error)
	// Unmap gives a mapping of Map's back; one that is not there is no error.
	Unmap(ctx context.Context, q fact.Request) error
	// Local is this host's own address in the LAN, as the router sees it; the
	// zero Addr where it is not known.
	Local() netip.Addr
	// Describe names the router for people ("AVM FRITZ!Box 7590 at
	// 192.168.178.1"); empty while none is known.
	Describe() string
	// Identity is what tells this router from another (its UDN); empty while
	// none is known.
	Identity() string
	// ExternalAddress is the router's own WAN address, asked to explain a
	// refusal.
	ExternalAddress(ctx context.Context) (fact.Observation, error)
}

// lister is a Gateway that can list its whole table, asked to explain that it
// is full.
type lister interface {
	// Table lists at most most entries, and whether there are more.
	Table(ctx context.Context, most int) (list []fact.Mapping, more bool, err error)
}

// Forward is one port to keep forwarded.
type Forward struct {
	// Service is the name of the [[service]].
	Service      string
	Protocol     fact.Protocol
	ExternalPort uint16
	// Internal is the service's LAN address and port.
	Internal netip.AddrPort
}

// RelayMode is when the relay carries what comes from outside to a service on
// another host.
type RelayMode string

// The modes of the relay.
const (
	// RelayOff means never.
	RelayOff RelayMode = "off"
	// RelayAuto means where the router refuses a forward to another host.
	RelayAuto RelayMode = "auto"
	// RelayOn means always, for services on another host.
	RelayOn RelayMode = "on"
)

// Relay passes TCP connections on to a service on another host. It is made
// with its listener open, and closed by the end of its Run.
type Relay interface {
	// Run carries connections until ctx ends, and returns once all its
	// goroutines have ended and its listener is closed. An error before that
	// means that it listens no more.
	Run(ctx context.Context) error
	// Status is what it has carried so far.
	Status() RelayStatus
}

// ReachState is whether a service was reached from this home at its own public
// address.
type ReachState int

// The states of a Reach.
const (
	// ReachUnknown means that it was not tried, or that trying told nothing.
	ReachUnknown ReachState = iota
	// Reached means that the service answered there.
	Reached
	// NotReached means that it did not. A router that does not lead its own
	// home to its public address (no NAT loopback) looks the same.
	NotReached
)

// Reach is what was seen when connecting to a service's public address.
type Reach struct {
	State ReachState
	// Words say what was seen, as part of a sentence; may be empty.
	Words string
}

// Config is what a Keeper needs.
type Config struct {
	// Enabled is false where the user forwards the port by hand: then nothing
	// is asked of the router.
	Enabled bool
	// Methods are the protocols to ask the router in, in this order; nil means
	// all, UPnP-IGD before PCP before NAT-PMP. Empty and not nil is as Enabled
	// false.
	Methods []fact.Method
	// Relay is when the relay is used; empty means RelayOff.
	Relay RelayMode
	// StateFile keeps what must outlive a restart: what was made on which
	// router, and what it was found to do. Empty keeps it in memory.
	StateFile string
	// Lease is the lease asked for; default 1 h. It is renewed at half life.
	Lease time.Duration
	// ReadBack is how often an entry is read back between renewals; default
	// 60 s, or 30 s for each forward where that is more: a look costs about
	// 2 KiB on the wire.
	ReadBack time.Duration
	// GatewayAddr is the address of the default gateway, to name the router's
	// page and to tell apart routers that give no identity; nil means that it
	// is not known.
	GatewayAddr func() (netip.Addr, error)
	// Reached is what is known of a service's public address as seen from
	// inside, for forwards that are made by hand. It must not block. Nil means
	// that it cannot be checked.
	Reached func(service string) Reach
	// OpenRelay starts to listen for a relay, which Run then runs; nil means
	// that there is none.
	OpenRelay func(listen, target netip.AddrPort) (Relay, error)
	// Forwards are the ports to keep.
	Forwards []Forward
	// Waiting are ports whose internal address is not known yet, and zero here:
	// nothing is asked for them, and what is on the router for them stays.
	Waiting []Forward
	// Rand gives the jitter; nil means the process's own source.
	Rand *rand.Rand
	// Log; nil means none.
	Log *slog.Logger
}
