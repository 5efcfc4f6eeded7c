package main

// Asking where a host is by DNS: those who know the home's own names before the
// rest of the world.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/locate"
	"github.com/miekg/dns"
)

const (
	// lookUpTime bounds one question to one server of the home.
	lookUpTime = time.Second
	// resolvConf names the servers that this host asks itself.
	resolvConf = "/etc/resolv.conf"
)

// exchange asks somebody.
type exchange func(ctx context.Context, question *dns.Msg) (*dns.Msg, error)

// lookUp asks for the addresses of a host: the servers of the [[dns.forward]]
// that it is in, then, unless it is remote, the routers and the servers of
// resolv.conf, and at last the upstreams. The first that knows an address is
// believed.
func (d *daemon) lookUp(ctx context.Context, host string, remote bool) (locate.Answer, error) {
	var failed error
	for _, ask := range d.whoKnows(host, remote) {
		a, err := addressesFrom(ctx, ask, host, remote)
		if err == nil && len(a.Addrs) > 0 {
			return a, nil
		}
		if failed == nil {
			failed = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if failed == nil {
		failed = errors.New("no DNS server knows an address of it")
	}
	return locate.Answer{}, failed
}

func (d *daemon) whoKnows(host string, remote bool) (list []exchange) {
	c := d.now.Load()
	for i, f := range c.cfg.Forwards {
		for _, zone := range f.Zones {
			if host == zone || strings.HasSuffix(host, "."+zone) {
				list = append(list, c.forwards[i].ExchangeMsg)
			}
		}
	}
	if !remote {
		for _, server := range d.homeServers() {
			list = append(list, func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
				client := &dns.Client{Timeout: lookUpTime}
				answer, _, err := client.ExchangeContext(ctx, q, server.String())
				return answer, err
			})
		}
	}
	return append(list, c.upstream.ExchangeMsg)
}

// homeServers are the DNS servers that may know the home's own names: the
// routers, and those that this host asks itself. We are not among them.
func (d *daemon) homeServers() (list []netip.AddrPort) {
	add := func(addr netip.Addr) {
		server := netip.AddrPortFrom(addr.Unmap(), 53)
		for _, known := range list {
			if known == server {
				return
			}
		}
		if !d.servesDNS(server) && len(list) < 4 {
			list = append(list, server)
		}
	}
	for _, addr := range d.gateways() {
		add(addr)
	}
	if conf, err := dns.ClientConfigFromFile(resolvConf); err == nil {
		for _, server := range conf.Servers {
			if addr, err := netip.ParseAddr(server); err == nil {
				add(addr)
			}
		}
	}
	return list
}

// addressesFrom asks one for the IPv4 addresses of a host, and where it is
// remote and has none, for its IPv6 addresses.
func addressesFrom(ctx context.Context, ask exchange, host string, remote bool) (a locate.Answer, err error) {
	for _, rrtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		if rrtype == dns.TypeAAAA && !remote {
			break
		}
		question := new(dns.Msg).SetQuestion(dns.Fqdn(host), rrtype)
		answer, err := ask(ctx, question)
		if err != nil {
			return locate.Answer{}, fmt.Errorf("asking for %s: %w", host, err)
		}
		if a = addressesIn(answer); len(a.Addrs) > 0 {
			return a, nil
		}
	}
	return a, nil
}

// addressesIn are the addresses at the end of an answer's aliases.
func addressesIn(m *dns.Msg) (a locate.Answer) {
	for _, rr := range m.Answer {
		var addr netip.Addr
		switch rr := rr.(type) {
		case *dns.A:
			addr, _ = netip.AddrFromSlice(rr.A.To4())
		case *dns.AAAA:
			addr, _ = netip.AddrFromSlice(rr.AAAA)
		}
		if ttl := time.Duration(rr.Header().Ttl) * time.Second; a.TTL == 0 || ttl < a.TTL {
			a.TTL = ttl
		}
		if addr.IsValid() && len(a.Addrs) < 8 {
			a.Addrs = append(a.Addrs, addr)
		}
	}
	return a
}
