package igd

// Who is talked to: which addresses may be a gateway, and how to dial it.

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

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
	case !a.Is4(), a.IsLoopback(), !a.IsPrivate() && !fact.IsShared(a):
		return fmt.Errorf("the gateway's address %s is not a home network's: UPnP is spoken only with a router on a private IPv4 address", a)
	}
	return nil
}

// CheckLink is Check for a gateway that is spoken to by IPv6, from Local: it
// must be link-local, on an interface that its zone names. What is link-local
// leaves no interface, so it is never a host on the internet.
func (p Peer) CheckLink() error {
	switch a := p.Gateway; {
	case a.Is6() && a.IsLoopback() && p.AllowLoopback:
		return nil
	case !a.Is6(), a.Is4In6(), !a.IsLinkLocalUnicast(), a.Zone() == "":
		return fmt.Errorf("the IPv6 router's address %s is not a link-local one with its interface", a)
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
	network := "tcp4"
	if p.Gateway.Is6() {
		network = "tcp6" // see CheckLink
	}
	conn, err := dialer.DialContext(ctx, network, to.String())
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
