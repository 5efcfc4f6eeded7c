package router

// Pinholes in the router's IPv6 firewall by UPnP WANIPv6FirewallControl.

import (
	"context"
	"fmt"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/igd"
)

// codeNotAuthorized is a router's refusal of a caller that may not ask for this
// (UPnP Device Architecture 2.0, section 3.2.2).
const codeNotAuthorized = 606

// FirewallStatus is whether the router filters what comes in by IPv6, and
// whether it lets hosts open pinholes at all. Errors are fact.ErrNoRouter,
// fact.ErrNoFirewall, a *fact.GatewayFault, or a failure to reach the router.
func (r *Router) FirewallStatus(ctx context.Context) (enabled, inbound bool, err error) {
	err = r.do(ctx, true, func(ctx context.Context, d *igd.Device) (err error) {
		enabled, inbound, err = d.FirewallStatus(ctx)
		return err
	})
	return enabled, inbound, err
}

// AddPinhole opens a pinhole and returns the router's id for it. One that is
// there already is extended, and its id comes back. Errors are as for
// FirewallStatus; after one that is none of those the outcome is unknown.
//
// Many routers open a pinhole only to the address that the request comes from
// (UPnP WANIPv6FirewallControl:1, section 2.5.3, recommends it). So what is
// refused with 606 over IPv4 is asked for again over IPv6 from p's own address,
// where that is an address of this host and Config.Gateway6 is given.
func (r *Router) AddPinhole(ctx context.Context, p fact.Pinhole) (id uint16, err error) {
	err = r.atFirewall(ctx, p, false, func(ctx context.Context, d *igd.Device) (err error) {
		id, err = d.AddPinhole(ctx, p)
		return err
	})
	return id, err
}

// UpdatePinhole gives the pinhole p, which the router knows by its id, the lease
// p.Lease from now on. Errors are as for AddPinhole; 704 says that it is gone.
func (r *Router) UpdatePinhole(ctx context.Context, id uint16, p fact.Pinhole) error {
	return r.atFirewall(ctx, p, false, func(ctx context.Context, d *igd.Device) error {
		return d.UpdatePinhole(ctx, id, p.Lease)
	})
}

// CheckPinhole asks the router whether the pinhole p works, which is so for one
// that has seen no traffic yet, too. Errors are as for AddPinhole; 704 says
// that it is gone.
func (r *Router) CheckPinhole(ctx context.Context, id uint16, p fact.Pinhole) (working bool, err error) {
	err = r.atFirewall(ctx, p, true, func(ctx context.Context, d *igd.Device) (err error) {
		working, err = d.CheckPinhole(ctx, id)
		return err
	})
	return working, err
}

// PinholePackets is how many packets have come in through the pinhole p. Some
// routers count none and say zero. Errors are as for CheckPinhole.
func (r *Router) PinholePackets(ctx context.Context, id uint16, p fact.Pinhole) (packets uint32, err error) {
	err = r.atFirewall(ctx, p, true, func(ctx context.Context, d *igd.Device) (err error) {
		packets, err = d.PinholePackets(ctx, id)
		return err
	})
	return packets, err
}

// DeletePinhole closes the pinhole p; one that is not there is no error. Errors
// are as for AddPinhole.
func (r *Router) DeletePinhole(ctx context.Context, id uint16, p fact.Pinhole) error {
	return r.atFirewall(ctx, p, false, func(ctx context.Context, d *igd.Device) error {
		return d.DeletePinhole(ctx, id)
	})
}

// atFirewall makes a call for the pinhole p, by IPv4 as all calls are made, or
// from p's own address where the router wants that.
func (r *Router) atFirewall(ctx context.Context, p fact.Pinhole, reads bool, call func(context.Context, *igd.Device) error) error {
	return r.do(ctx, reads, func(ctx context.Context, d *igd.Device) error {
		own := p.Internal.Addr()
		if r.knowsIPv6(own) {
			return r.overIPv6(ctx, call)
		}
		err := call(ctx, d)
		if !notAuthorized(err) || r.cfg.Gateway6 == nil || !isOwn(own) {
			return err
		}
		if opening := r.openIPv6(ctx, d, own); opening != nil {
			if ctx.Err() != nil {
				return opening
			}
			r.log.Debug("the router refuses this over IPv4, and was not found over IPv6", "address", own, "err", opening)
			return fmt.Errorf("%w; asking it over IPv6 from %s failed: %w", err, own, opening)
		}
		return r.overIPv6(ctx, call)
	})
}
