package router

// What the one conversation with the router needs.

import (
	"log/slog"
	"net/netip"
	"time"
)

// Config is what a Router needs.
type Config struct {
	// Gateway returns the default gateway's address, the only host whose
	// answers count; required, called at each call, so that a host that changed
	// networks finds the new router at once. An error means that
	// it is unknown now.
	Gateway func() (netip.Addr, error)
	// SSDP are the addresses that the search is sent to; nil means the
	// multicast group 239.255.255.250:1900 and the gateway itself on 1900.
	// Tests give a loopback address.
	SSDP []netip.AddrPort
	// AllowLoopback lets a gateway on loopback through, for tests with a
	// router of their own; never set it otherwise.
	AllowLoopback bool
	// Spacing is the least time between two calls to the router; default
	// 200 ms, as some routers fail on calls that come too close.
	Spacing time.Duration
	// Timeout bounds one call; default 5 s.
	Timeout time.Duration
	// EventPort is the TCP port on which Run receives the router's events;
	// zero means any. A container on a bridge publishes it under the same
	// number.
	EventPort uint16
	// EventHost is the address that the router is told to send its events to;
	// the zero Addr means our own. A container on a bridge gives its host's
	// address in the LAN: routers refuse another address than the one that a
	// subscription comes from.
	EventHost netip.Addr
	// Log; nil means none.
	Log *slog.Logger
}
