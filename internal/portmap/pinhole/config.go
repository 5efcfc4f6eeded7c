package pinhole

// What the keeper of the pinholes needs.

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Firewall is the router, as far as this package needs one. The errors of the
// pinholes' methods are fact.ErrNoRouter, fact.ErrNoFirewall, a
// *fact.GatewayFault, or a failure whose outcome is unknown.
type Firewall interface {
	// FirewallStatus is whether the router filters what comes in by IPv6, and
	// whether it lets hosts open pinholes.
	FirewallStatus(ctx context.Context) (enabled, inbound bool, err error)
	// AddPinhole opens a pinhole and returns its id, or extends the one that is
	// there and returns its id.
	AddPinhole(ctx context.Context, p fact.Pinhole) (id uint16, err error)
	// UpdatePinhole gives the pinhole p the lease p.Lease from now on.
	UpdatePinhole(ctx context.Context, id uint16, p fact.Pinhole) error
	// CheckPinhole is whether the router says that the pinhole p works.
	CheckPinhole(ctx context.Context, id uint16, p fact.Pinhole) (working bool, err error)
	// DeletePinhole closes the pinhole p; one that is not there is no error.
	DeletePinhole(ctx context.Context, id uint16, p fact.Pinhole) error
	// Map asks for a pinhole by PCP, or to renew it. Errors are
	// fact.ErrNotSpoken, a *fact.MapFault, or a failure whose outcome is
	// unknown.
	Map(ctx context.Context, q fact.Request) (fact.Grant, error)
	// Unmap gives a pinhole of Map's back; one that is not there is no error.
	Unmap(ctx context.Context, q fact.Request) error
	// Describe names the router for people; empty while none is known.
	Describe() string
	// Identity is what tells this router from another; empty while none is
	// known.
	Identity() string
}

// Pinhole is one pinhole to keep open.
type Pinhole struct {
	// Service is the name of the [[service]].
	Service  string
	Protocol fact.Protocol
	// Port is the service's own port, which the internet dials, too.
	Port uint16
	// Address is the service's global IPv6 address now; required, called often,
	// must not block. False means that it is not known: nothing is done then.
	Address func() (netip.Addr, bool)
}

// Config is what a Keeper needs.
type Config struct {
	// Pinholes are the pinholes to keep; none means that there is nothing to
	// do but to close what an earlier run left open.
	Pinholes []Pinhole
	// Lease is the lease asked for; default 1 h, at most a day. It is renewed
	// at half life.
	Lease time.Duration
	// Check is how often the router is asked whether a pinhole works; default
	// 5 min.
	Check time.Duration
	// Methods are the protocols to ask the router in, in this order; nil means
	// all, UPnP before PCP. fact.MethodNATPMP, which knows no IPv6, is passed
	// over.
	Methods []fact.Method
	// Own reports whether an address is this host's, to explain a refusal; it
	// must not block. Nil means that nobody can tell.
	Own func(netip.Addr) bool
	// StateFile keeps what was opened, so that a run after a crash can renew and
	// close it. Empty keeps it in memory.
	StateFile string
	// Rand gives the jitter; nil means the process's own source.
	Rand *rand.Rand
	// Log; nil means none.
	Log *slog.Logger
}
