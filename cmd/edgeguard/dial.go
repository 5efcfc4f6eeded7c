package main

// How the daemon itself reaches hosts by name.

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
	"github.com/miekg/dns"
)

// connectTimeout bounds one connection of our own to one address.
const connectTimeout = 10 * time.Second

// dial connects as net.Dialer does, but finds host names through the upstreams
// in force, and never through the host's resolv.conf: on a NAS that lists us as
// its resolver, asking it would be asking ourselves, and the answer for our own
// names would be the LAN's.
func (d *daemon) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: connectTimeout}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return dialer.DialContext(ctx, network, address)
	}
	addrs, err := d.now.Load().upstream.LookupNetIP(ctx, familyOf(network), host)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, addr := range addrs {
		conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(failed...)
}

// familyOf is which addresses a network such as "tcp4" can use.
func familyOf(network string) string {
	switch network[len(network)-1] {
	case '4':
		return "ip4"
	case '6':
		return "ip6"
	}
	return "ip"
}

// recurse asks the upstreams in force.
func (d *daemon) recurse(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
	return d.now.Load().upstream.ExchangeMsg(ctx, question)
}

// recursesEncrypted reports whether nobody on the way can change what recurse
// answers: every upstream is an encrypted one and in use as such.
func (d *daemon) recursesEncrypted() bool {
	return !slices.ContainsFunc(d.now.Load().upstream.Status(), func(s upstream.Status) bool {
		return s.PlainFallback || !upstream.Protocol(s.Protocol).Encrypted()
	})
}

// servesDNS reports whether an address is one on which we serve DNS ourselves.
// An upstream that leads there would have us ask ourselves for ever.
func (d *daemon) servesDNS(server netip.AddrPort) bool {
	own, err := net.InterfaceAddrs()
	ours := err == nil && slices.ContainsFunc(own, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		if !ok {
			return false
		}
		addr, _ := netip.AddrFromSlice(n.IP)
		return addr.Unmap() == server.Addr().Unmap()
	})
	return slices.ContainsFunc(d.listening(), func(l netip.AddrPort) bool {
		return l.Port() == server.Port() && (l.Addr() == server.Addr().Unmap() || l.Addr().IsUnspecified() && ours)
	})
}
