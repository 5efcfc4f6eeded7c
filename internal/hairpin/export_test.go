package hairpin

// What the external tests reach into: the network, and pure functions.

import (
	"context"
	"net"
	"net/netip"
)

// SetNetwork replaces the dialler and the list of own addresses.
func (p *Prober) SetNetwork(dial func(ctx context.Context, network, address string) (net.Conn, error), own []netip.Addr) {
	p.dial, p.own = dial, func() []netip.Addr { return own }
}

var (
	HostNames    = hostNames
	IsHostName   = isHostName
	Covers       = covers
	ParseConnack = parseConnack
	Combine      = combine
)
