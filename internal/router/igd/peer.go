package igd

// Who is talked to: which addresses may be a gateway, and how to dial it.

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// sharedSpace is the address space of carriers' NAT (RFC 6598), which
// netip.Addr.IsPrivate does not cover.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// Peer is the gateway and how it is talked to. It is immutable.
type Peer struct {
	// Gateway is the only host that is ever talked to.
	Gateway netip.Addr
	// Local is our own address that faces it, from which connections come.
	Local netip.Addr
	// AllowLoopback lets a gateway on loopback through, for tests.
	AllowLoopback bool
	// Timeout bounds one exchange.
	Timeout time.Duration
	// Pace spaces the exchanges; must not be nil. It is shared by all that
	// talk to this gateway.
	Pace *Pace
}

// Check returns an error unless the gateway's address is one that a home
// router has: IPv4, in private or shared space. In particular it is never a
// host on the internet, a link-local metadata service or this very host.
func (p Peer) Check() error {
	switch a := p.Gateway; {
	case a.Is4() && a.IsLoopback() && p.AllowLoopback:
		return nil
	case !a.Is4(), a.IsLoopback(), !a.IsPrivate() && !sharedSpace.Contains(a):
		return fmt.Errorf("the gateway's address %s is not a home network's: UPnP is spoken only with a router on a private IPv4 address", a)
	}
	return nil
}

// Dial connects to the gateway. The address must be its literal one: no name
// is ever looked up.
func (p Peer) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil || to.Addr() != p.Gateway {
		return nil, fmt.Errorf("refusing to connect to %q, which is not the gateway %s", address, p.Gateway)
	}
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(p.Local, 0))}
	conn, err := dialer.DialContext(ctx, "tcp4", to.String())
	if err == nil {
		exchangeIn(ctx).connected.Store(true)
	}
	return conn, err
}

// Pace keeps exchanges apart, as some routers fail on those that come too
// close. It is for one caller at a time.
type Pace struct {
	// Gap is the least time between the end of one exchange and the beginning
	// of the next.
	Gap  time.Duration
	last time.Time
}

// wait returns once the next exchange may begin, or when ctx has ended.
func (p *Pace) wait(ctx context.Context) error {
	timer := time.NewTimer(time.Until(p.last.Add(p.Gap)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func (p *Pace) done() { p.last = time.Now() }
