package main

// Where the daemon listens, and what it says when it cannot.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/lan"
)

// gatewayRetry is how often the network is looked for while there is none.
const gatewayRetry = 2 * time.Second

// listenFlags are the flags that go before the file's listen addresses; empty
// means that the file's stand.
type listenFlags struct{ dns, status string }

// loadConfig reads the config and puts the flags over it. Faults are returned
// whole, with the exit code for a wrong config.
func loadConfig(opt *options, flags listenFlags) (*config.Config, error) {
	cfg, err := config.Load(opt.config, os.LookupEnv)
	if err != nil {
		return nil, misuse(err)
	}
	if flags.dns != "" {
		l, err := config.ParseListen(flags.dns)
		if err != nil {
			return nil, misuse(fmt.Errorf("--dns-listen: %w", err))
		}
		cfg.DNSListen = []config.Listen{l}
	}
	if flags.status != "" {
		l, err := config.ParseListen(flags.status)
		if err != nil {
			return nil, misuse(fmt.Errorf("--status-listen: %w", err))
		}
		cfg.Status.Listen = l
	}
	return cfg, nil
}

// resolveAll returns the addresses to bind for list, with own in place of the
// word "lan".
func resolveAll(list []config.Listen, own netip.Addr) []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, l := range list {
		addrs = append(addrs, l.ResolveAll(own)...)
	}
	return addrs
}

// findOwn returns our LAN address where cfg listens on it, and else the zero
// Addr. It waits for a network where there is none yet: after a power cut the
// NAS is often up before the router.
func findOwn(ctx context.Context, cfg *config.Config, log *slog.Logger) (netip.Addr, error) {
	if !needsLAN(cfg) {
		return netip.Addr{}, nil
	}
	return waitForLAN(ctx, log)
}

func needsLAN(cfg *config.Config) bool {
	isLAN := func(l config.Listen) bool { return l.LAN }
	return slices.ContainsFunc(cfg.DNSListen, isLAN) || slices.ContainsFunc(cfg.DNSTLSListen, isLAN) || isLAN(cfg.Status.Listen)
}

// waitForLAN returns the address of ours that faces the default gateway.
func waitForLAN(ctx context.Context, log *slog.Logger) (netip.Addr, error) {
	for said := false; ; {
		own, err := lanAddress()
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

func lanAddress() (netip.Addr, error) {
	gateway, err := lan.Gateway()
	if err != nil {
		return netip.Addr{}, err
	}
	return lan.LocalToward(gateway)
}

// bind binds every listener, so that the daemon fails at its start or not at
// all.
func (d *daemon) bind() error {
	if err := d.http.Listen(); err != nil {
		return errors.New(lan.AdviseBind(err, "tcp", d.statusListen))
	}
	if err := d.dns.Listen(); err != nil {
		// Only Run closes what Listen has bound.
		ended, end := context.WithCancel(context.Background())
		end()
		_ = d.http.Run(ended)
		var bind *dnsserver.BindError
		if errors.As(err, &bind) {
			return errors.New(lan.AdviseBind(bind.Err, bind.Network, bind.Address))
		}
		return err
	}
	return nil
}
