package router

// The conversation by datagrams, NAT-PMP and PCP: one exchange at a time, and
// patience with routers that speak neither.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/pcp"
)

// way is a way to ask the router by datagrams.
type way struct {
	kind string // what silence and epochs are remembered by
	name string // for people
	six  bool   // whether it goes over IPv6, to the IPv6 default router
}

var (
	byNATPMP = way{kind: kindNATPMP, name: "NAT-PMP"}
	byPCP    = way{kind: kindPCP, name: "PCP"}
	byPCP6   = way{kind: "pcp6", name: "PCP over IPv6", six: true}
)

// errNoIPv6 means that nobody gave us an IPv6 default router to ask.
var errNoIPv6 = fmt.Errorf("%w: no IPv6 default router is known", fact.ErrNotSpoken)

// gatewayOf is the router that a way leads to, if it is one that may be asked.
func (r *Router) gatewayOf(w way) (netip.Addr, error) {
	if w.six {
		return r.gateway6()
	}
	gateway, err := r.gateway()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("the gateway's address is unknown: %w", err)
	}
	return gateway, r.peer(gateway).Check()
}

// gateway6 is the IPv6 default router. It is on our link, so that only the
// kernel's table and whoever may write it name it.
func (r *Router) gateway6() (netip.Addr, error) {
	if r.cfg.Gateway6 == nil {
		return netip.Addr{}, errNoIPv6
	}
	gateway, err := r.cfg.Gateway6()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%w: %w", errNoIPv6, err)
	}
	switch a := gateway; {
	case a.IsLoopback() && a.Is6() && r.cfg.AllowLoopback:
	case !a.Is6(), a.Is4In6(), a.IsLoopback(), a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast() && a.Zone() == "":
		return netip.Addr{}, fmt.Errorf("%s is no address of an IPv6 router on a link of ours", a)
	}
	return gateway, nil
}

// exchange asks the router in one way, one call at a time, from an address of
// ours, and remembers whether it answers at all. The zero from means the
// address that the kernel takes toward the router.
func exchange[T any](ctx context.Context, r *Router, w way, from netip.Addr, ask func(context.Context, *net.UDPConn) (T, error)) (none T, err error) {
	select {
	case r.datagrams <- struct{}{}:
		defer func() { <-r.datagrams }()
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
	gateway, err := r.gatewayOf(w)
	if err != nil {
		return none, err
	}
	memory := r.silent[w.kind]
	if memory == nil {
		memory = new(silence)
		r.silent[w.kind] = memory
	}
	to := hearing{gateway: gateway, generation: r.status.Load().Generation, hints: r.hints.value.Load().Count}
	if err := memory.refuse(w.name, to, time.Now()); err != nil {
		return none, err
	}
	if !from.IsValid() {
		if from, err = localToward(gateway); err != nil {
			return none, err
		}
	}
	answer, err := overUDP(ctx, netip.AddrPortFrom(gateway, r.timing.control), from, ask)
	refused := (*pcp.Refusal)(nil)
	switch {
	case err == nil, errors.As(err, &refused) && !refused.IsVersion():
		memory.answered()
		r.spoke(w, gateway, from)
	case errors.As(err, &refused):
		memory.failed(time.Now(), err, true)
		r.spokeNot(w)
	case errors.Is(err, pcp.ErrSilent):
		if memory.failed(time.Now(), err, false) {
			r.spokeNot(w)
		}
	}
	return answer, err
}

// overUDP calls ask with a socket on an address of ours that is connected to
// the router's port, which keeps away what comes from anybody else.
func overUDP[T any](ctx context.Context, to netip.AddrPort, from netip.Addr, ask func(context.Context, *net.UDPConn) (T, error)) (none T, err error) {
	network := "udp4"
	if to.Addr().Is6() {
		network = "udp6"
	}
	conn, err := net.DialUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), net.UDPAddrFromAddrPort(to))
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		return none, fmt.Errorf("%s is no address of this host, or not yet, and a router maps by these protocols to the host that asks only", from)
	}
	if err != nil {
		return none, err
	}
	defer conn.Close()
	return ask(ctx, conn)
}
