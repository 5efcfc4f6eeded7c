package main

// Our place in the LAN: the router, and which address of ours is meant.

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/lan"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/status"
)

// gatewayRetry is how often the network is looked for while there is none.
const gatewayRetry = 2 * time.Second

// gateway is the router to talk to under the config in force. It is asked anew
// each time, so that another [lan] router, as another default gateway, is found
// without a restart.
func (d *daemon) gateway() (netip.Addr, error) {
	if c := d.now.Load(); c != nil {
		return routerOf(c.cfg)
	}
	return lan.Gateway()
}

// routerOf is the router that cfg means.
func routerOf(cfg *config.Config) (netip.Addr, error) {
	if cfg.LANRouter.IsValid() {
		return cfg.LANRouter, nil
	}
	return lan.Gateway()
}

// lanConfig is what the status goes by, where the router is known as in r.
func lanConfig(cfg *config.Config, r *router.Status) status.LANConfig {
	c := status.LANConfig{Router: cfg.LANRouter, Address: cfg.LANAddress, EventPort: cfg.RouterEventPort}
	if cfg.LANRouter.IsValid() || r.Found || r.Err == "" || len(r.Speaks) > 0 {
		return c // the gateway is the router, or has not been looked at
	}
	if own, err := lanAddress(cfg); err == nil {
		c.Boxed = lan.Boxed(own)
	}
	return c
}

// gateways lists the default gateway and the router, behind each of which there
// may be many.
func (d *daemon) gateways() (list []netip.Addr) {
	for _, find := range []func() (netip.Addr, error){lan.Gateway, d.gateway} {
		if addr, err := find(); err == nil && !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	return list
}

// lanAddress is the address of ours that faces the router of cfg.
func lanAddress(cfg *config.Config) (netip.Addr, error) {
	router, err := routerOf(cfg)
	if err != nil {
		return netip.Addr{}, err
	}
	return lan.LocalToward(router)
}

// findOwn returns our LAN address where cfg listens on it, and else the zero
// Addr. It waits for a network where there is none yet: after a power cut the
// NAS is often up before the router.
func findOwn(ctx context.Context, cfg *config.Config, log *slog.Logger) (netip.Addr, error) {
	if !needsLAN(cfg) {
		return netip.Addr{}, nil
	}
	return waitForLAN(ctx, cfg, log)
}

func needsLAN(cfg *config.Config) bool {
	isLAN := func(l config.Listen) bool { return l.LAN }
	return slices.ContainsFunc(cfg.DNSListen, isLAN) || slices.ContainsFunc(cfg.DNSTLSListen, isLAN) || isLAN(cfg.Status.Listen)
}

// waitForLAN returns the address of ours that faces the router.
func waitForLAN(ctx context.Context, cfg *config.Config, log *slog.Logger) (netip.Addr, error) {
	for said := false; ; {
		own, err := lanAddress(cfg)
		if err == nil {
			return own, nil
		}
		if !said {
			log.Warn("waiting for the network: the address to listen on is not known yet", "err", err)
			said = true
		}
		select {
		case <-ctx.Done():
			return netip.Addr{}, fmt.Errorf("waiting for the network: %w", err)
		case <-time.After(gatewayRetry):
		}
	}
}

// refuseExposed returns an error where cfg would have the router forward a port
// to edgeguard itself. Own is as in newDaemon.
func refuseExposed(cfg *config.Config, own netip.Addr) error {
	return cfg.Exposed(own, ownAddresses())
}

// ownAddresses lists the addresses of this host's interfaces; nil where the
// kernel would not say.
func ownAddresses() (list []netip.Addr) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				list = append(list, addr.Unmap())
			}
		}
	}
	return list
}
