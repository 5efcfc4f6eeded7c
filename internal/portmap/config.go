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

// Forward is one port to keep forwarded.
type Forward struct {
	// Service is the name of the [[service]].
	Service      string
	Protocol     fact.Protocol
	ExternalPort uint16
	// Internal is the service's LAN address and port.
	Internal netip.AddrPort
}

// Config is what a Keeper needs.
type Config struct {
	// Enabled is false where the user forwards the port by hand: then nothing
	// is asked of the router.
	Enabled bool
	// Lease is the lease asked for; default 1 h. It is renewed at half life.
	Lease time.Duration
	// ReadBack is how often the entry is read back between renewals; default
	// 30 s.
	ReadBack time.Duration
	// Forwards are the ports to keep.
	Forwards []Forward
	// Rand gives the jitter; nil means the process's own source.
	Rand *rand.Rand
	// Log; nil means none.
	Log *slog.Logger
}
