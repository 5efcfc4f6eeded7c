package fact

// Pinholes: what lets the internet through a router's IPv6 firewall.

import (
	"errors"
	"net/netip"
	"time"
)

// Pinhole is one pinhole in a router's IPv6 firewall: it lets the whole
// internet reach one port of one address.
type Pinhole struct {
	Protocol Protocol
	// Internal is the service's global IPv6 address and its port. Nothing is
	// translated, so it is what the internet dials, too.
	Internal netip.AddrPort
	// Lease is the lease asked for, in whole seconds from one to a day.
	Lease time.Duration
}

// ErrNoFirewall means that the router was found and offers no control of its
// IPv6 firewall (UPnP WANIPv6FirewallControl:1).
var ErrNoFirewall = errors.New("the router offers no control of its IPv6 firewall by UPnP")
