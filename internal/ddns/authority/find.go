package authority

// Finding a zone and its servers through the recursive resolvers.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// nsPort is where name servers listen (RFC 1035, section 4.2).
const nsPort = 53

// server is one name server of a zone at one of its addresses.
type server struct {
	name string
	addr netip.AddrPort
}

// findZone returns the apex of the zone that holds name. A resolver gives the
// zone's SOA in its answer where name is the apex, and in the authority
// section where name is below it or does not exist (RFC 2308, section 3). An
// SOA that is not above name belongs to the target of an alias and is passed
// over; the walk then goes one label up.
func (a *Asker) findZone(ctx context.Context, name string) (string, error) {
	for at := name; at != "."; at = parent(at) {
		msg, err := a.recurse(ctx, at, dns.TypeSOA)
		if err != nil {
			return "", err
		}
		for _, rr := range slices.Concat(msg.Answer, msg.Ns) {
			if soa, ok := rr.(*dns.SOA); ok {
				apex := dns.CanonicalName(soa.Hdr.Name)
				if apex != "." && dns.IsSubDomain(apex, at) {
					return apex, nil
				}
			}
		}
	}
	return "", errors.New("no resolver names a zone for it or for any name above it")
}

// parent cuts the first label off a fully qualified name.
func parent(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end || next >= len(name) {
		return "."
	}
	return name[next:]
}

// findServers returns the zone's name servers, at most cfg.MaxServers of them,
// each with its first IPv4 address.
func (a *Asker) findServers(ctx context.Context, zone string) ([]server, error) {
	msg, err := a.recurse(ctx, zone, dns.TypeNS)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, rr := range msg.Answer {
		if ns, ok := rr.(*dns.NS); ok && dnsEqual(ns.Hdr.Name, zone) {
			names = append(names, dns.CanonicalName(ns.Ns))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return nil, errors.New("the resolver names none")
	}
	return a.resolveServers(ctx, names[:min(len(names), a.cfg.MaxServers)])
}

// resolveServers finds the addresses of the named servers, all at once. Those
// without an IPv4 address are left out; none left is an error.
func (a *Asker) resolveServers(ctx context.Context, names []string) ([]server, error) {
	addrs := make([]netip.Addr, len(names))
	errs := make(joined, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { addrs[i], errs[i] = a.resolve(ctx, name) })
	}
	wg.Wait()
	var servers []server
	for i, addr := range addrs {
		known := slices.ContainsFunc(servers, func(s server) bool { return s.addr.Addr() == addr })
		if addr.IsValid() && !known {
			servers = append(servers, server{strings.TrimSuffix(names[i], "."), netip.AddrPortFrom(addr, nsPort)})
		}
	}
	if len(servers) == 0 {
		return nil, errs[:min(len(errs), 3)]
	}
	return servers, nil
}

// resolve returns the first IPv4 address of a name server's name. The answer
// may lead over aliases; the resolver follows them for us.
func (a *Asker) resolve(ctx context.Context, name string) (netip.Addr, error) {
	msg, err := a.recurse(ctx, name, dns.TypeA)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, rr := range msg.Answer {
		if rr, ok := rr.(*dns.A); ok {
			if addr, ok := netip.AddrFromSlice(rr.A.To4()); ok && !addr.IsUnspecified() {
				return addr, nil
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("the name server %s has no IPv4 address", name)
}
