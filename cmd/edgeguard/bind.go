package main

// Where the daemon listens, and what it says when it cannot.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/lan"
)

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
