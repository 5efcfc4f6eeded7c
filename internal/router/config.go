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
	// Gateway6 returns the IPv6 default router, a link-local address with its
	// zone as a rule: the only one that is asked for pinholes, by PCP, and
	// whose answers to that count. It is called at each such call. Nil means
	// that none is asked; an error that there is none now.
	Gateway6 func() (netip.Addr, error)
	// SSDP are the addresses that the search is sent to; nil means the
	// multicast group 239.255.255.250:1900 on every interface of ours that has
	// multicast, and the gateway itself on 1900; only the latter where the
	// gateway is in no network of ours. Tests give a loopback address.
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
	// Host is this host's own address in the LAN, for a container on a bridge,
	// which has another one: the router sends its events there and PCP names
	// it, as routers refuse another address than the one that a request comes
	// from. The zero Addr means our own toward the gateway.
	Host netip.Addr
	// Moved tells that our addresses, our routes or the gateway may have
	// changed, and Run looks. Whoever gives it sends now and then in any case,
	// as nobody else looks while the gateway is known. Nil means that Run looks
	// every 3 s.
	Moved <-chan struct{}
	// Log; nil means none.
	Log *slog.Logger
}
