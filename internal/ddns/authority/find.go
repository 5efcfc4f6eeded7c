package authority

// Finding a zone and its servers through the recursive resolvers.

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// nsPort is where name servers listen (RFC 1035, section 4.2).
const nsPort = 53

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

// findNames returns the names of the zone's servers, sorted, at most
// cfg.MaxServers of them and at least one.
func (a *Asker) findNames(ctx context.Context, zone string) ([]string, error) {
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
	return names[:min(len(names), a.cfg.MaxServers)], nil
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
	return netip.Addr{}, errNoIPv4(name)
}
