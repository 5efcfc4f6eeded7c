package main

// What the LAN's devices are told of DNS servers, and who comes through the
// router: where to look for it.

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/edgeguard/edgeguard/internal/lan"
	"github.com/edgeguard/edgeguard/internal/lan/handed"
	"github.com/edgeguard/edgeguard/internal/status"
)

// errNotServing means that no device of the LAN can ask us, whatever it is told.
var errNotServing = errors.New("the DNS server listens for this host alone")

// place is this host's place in the LAN under the config in force.
func (d *daemon) place() (handed.Place, error) {
	if !slices.ContainsFunc(d.listening(), func(l netip.AddrPort) bool { return !l.Addr().IsLoopback() }) {
		return handed.Place{}, errNotServing
	}
	cfg := d.now.Load().cfg
	router, err := routerOf(cfg)
	if err != nil {
		return handed.Place{}, err
	}
	local, err := lan.LocalToward(router)
	if err != nil {
		return handed.Place{}, err
	}
	link, _, err := lan.InterfaceOf(local)
	if err != nil {
		return handed.Place{}, fmt.Errorf("finding our place in the LAN: %w", err)
	}
	own := ownAddresses()
	if cfg.LANAddress.IsValid() {
		own = append(own, cfg.LANAddress)
	}
	slices.SortFunc(own, netip.Addr.Compare)
	p := handed.Place{Interface: link.Name, Index: link.Index, Local: local, Router: router, Own: slices.Compact(own), Boxed: lan.Boxed(local)}
	if !slices.ContainsFunc(lan.OwnPrefixes(), func(n netip.Prefix) bool { return n.Contains(router) }) {
		p.Interface = ""
	}
	return p, nil
}

// misled reports whether what the LAN hands out leads devices past us.
func (d *daemon) misled(s handed.Status) bool {
	in := d.inputs()
	in.Handed = s
	return status.Misled(in)
}

// throughRouter lists the connections to services on this host, and to the
// relays to others, that come from the router or from its public address: it
// puts one of these in the place of a device that it loops back. They can be
// seen where any connection of another host can, which one to a container on a
// bridge can not.
func (d *daemon) throughRouter() (calls []netip.AddrPort, seen bool) {
	own := ownAddresses()
	list, err := lan.Calls(d.ports(own))
	if err != nil {
		return nil, false
	}
	from := d.gateways()
	if wan := d.now.Load().wanStatus().IPv4; wan.Addr.IsValid() {
		from = append(from, wan.Addr)
	}
	for _, call := range list {
		switch remote := call.Remote.Addr(); {
		case slices.Contains(own, remote):
		case slices.Contains(from, remote):
			calls, seen = append(calls, call.Remote), true
		default:
			seen = true
		}
	}
	return calls, seen
}

// ports are those of services on this host, and of relays.
func (d *daemon) ports(own []netip.Addr) (ports []uint16) {
	for _, s := range d.now.Load().cfg.Hairpin.Services {
		if slices.Contains(own, s.Address.Addr().Unmap()) {
			ports = append(ports, s.Address.Port())
		}
	}
	return append(ports, d.relays.ports()...)
}

// ports are those on which the relays listen.
func (l *relayList) ports() (ports []uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.list {
		ports = append(ports, r.Addr().Port())
	}
	return ports
}
