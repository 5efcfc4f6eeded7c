package router

// A second router in front of the first: the evidence for double NAT.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/router/igd"
	"github.com/edgeguard/edgeguard/internal/router/ssdp"
)

// SecondRouter looks for a router in the network that wan, the router's own
// WAN address, belongs to, and describes it for people, as in "ZTE H298A at
// 192.168.1.1". Two addresses are asked, the first and the last of wan's /24,
// by a search that goes through the router's NAT; nothing is ever called on
// what answers. found is false where nobody answers, which proves nothing, and
// where wan is not private (RFC 1918): a carrier's network is not searched. An
// error means that the search could not be made, or that what answered was
// refused. It takes about a second, and is for now and then.
func (r *Router) SecondRouter(ctx context.Context, wan netip.Addr) (description string, found bool, err error) {
	select {
	case r.datagrams <- struct{}{}:
		defer func() { <-r.datagrams }()
	case <-ctx.Done():
		return "", false, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.timing.cycle, fmt.Errorf("looking for a second router took longer than %v", r.timing.cycle))
	defer cancel()
	gateway, _ := r.gateway() // the zero Addr excludes nothing
	var errs []error
	for _, target := range secondTargets(wan, gateway, r.cfg.AllowLoopback) {
		description, err := r.describeAt(ctx, target)
		if description != "" {
			return description, true, nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("looking for a second router at %s: %w", target, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return "", false, errors.Join(errs...)
}

// secondTargets are the addresses where a router in front usually is.
func secondTargets(wan, gateway netip.Addr, loopback bool) []netip.Addr {
	wan = wan.Unmap()
	if !wan.Is4() || !wan.IsPrivate() && (!loopback || !wan.IsLoopback()) {
		return nil
	}
	var targets []netip.Addr
	for _, last := range []byte{1, 254} {
		octets := wan.As4()
		octets[3] = last
		if target := netip.AddrFrom4(octets); target != wan && target != gateway {
			targets = append(targets, target)
		}
	}
	return targets
}

// describeAt returns what answers a search at the target, or "" where nobody
// does.
func (r *Router) describeAt(ctx context.Context, target netip.Addr) (string, error) {
	peer := r.peer(target)
	peer.Pace = new(igd.Pace) // it is not our router that is spoken to
	if err := peer.Check(); err != nil {
		return "", err
	}
	var err error
	if peer.Local, err = localToward(target); err != nil {
		return "", err
	}
	if peer.Local == target {
		return "", nil // that is us
	}
	result, err := ssdp.Search{
		Gateway: target, Local: peer.Local, To: []netip.AddrPort{netip.AddrPortFrom(target, r.timing.second)},
		Window: r.timing.window2,
	}.Run(ctx)
	if err != nil {
		return "", err
	}
	reasons := slices.Clone(result.Refused)
	for _, reply := range result.Replies {
		manufacturer, model, err := igd.Describe(ctx, peer, reply.Location)
		if err == nil {
			return nameOf(manufacturer, model, target), nil
		}
		reasons = append(reasons, err.Error())
	}
	if len(reasons) == 0 {
		return "", nil
	}
	return "", errors.New("what answered was refused: " + strings.Join(reasons, "; "))
}
