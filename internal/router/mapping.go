package router

// Mappings by PCP and NAT-PMP.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/pcp"
)

// mostLease is the longest lease that is believed (RFC 6887, section 15): what
// a router promises for years is looked after all the same.
const mostLease = 24 * time.Hour

// Map asks for a mapping by PCP or NAT-PMP, or to renew it. The router grants
// it only to the host that asks, so q.Internal must be an address of this host,
// or Config.Host; the request goes out from it. An IPv6 address asks the IPv6
// default router for a pinhole. What is granted may differ from what was asked
// for, and is then the caller's to give back with Unmap; a lease of more than a
// day is told as a day. Errors are fact.ErrNotSpoken, a *fact.MapFault, or a
// failure whose outcome is unknown. It costs one datagram each way, and takes
// as long as NATPMPAddress where there is no answer.
func (r *Router) Map(ctx context.Context, q fact.Request) (fact.Grant, error) {
	if q.Lease < time.Second || q.ExternalPort == 0 {
		return fact.Grant{}, fmt.Errorf("mapping port %d for %v: that is no mapping", q.ExternalPort, q.Lease)
	}
	grant, err := r.mapFor(ctx, q, q.Lease)
	if err == nil && (grant.External.Port() == 0 || grant.Lease == 0) {
		return fact.Grant{}, fmt.Errorf("mapping port %d by %s: the router granted port %d for %v, which is no mapping", q.ExternalPort, q.Method, grant.External.Port(), grant.Lease)
	}
	grant.Lease = min(grant.Lease, mostLease)
	return grant, err
}

// Unmap gives a mapping back, with what it was asked for with; one that is not
// there is no error. A pinhole that the router refuses to delete is made as
// short as the router lets it be, which is 120 s as a rule (RFC 6887, section
// 15), and the refusal is returned. Errors are as for Map.
func (r *Router) Unmap(ctx context.Context, q fact.Request) error {
	grant, err := r.mapFor(ctx, q, 0)
	if err == nil && grant.Lease != 0 {
		return fmt.Errorf("giving port %d back by %s: the router keeps it for another %v", q.ExternalPort, q.Method, grant.Lease)
	}
	fault := (*fact.MapFault)(nil)
	if q.Method != fact.MethodPCP || !errors.As(err, &fault) {
		return err
	}
	switch {
	case fault.Code == pcp.NoResources:
		// What is out of resources can still forget: miniupnpd says so of a
		// mapping that it does not find, where RFC 6887, section 15, wants a
		// success.
		r.log.Debug("the router has no such mapping to give back", "port", q.ExternalPort, "answer", fault.Text)
		return nil
	case fault.Code == pcp.NotAuthorized && q.Internal.Addr().Is6():
		return r.shorten(ctx, q, err)
	}
	return err
}

// shorten makes a pinhole end soon that the router does not delete: miniupnpd
// 2.3.1 does not know its own pinholes again once they have been renewed, and
// an open firewall shall not outlive us by an hour. why is the refusal.
func (r *Router) shorten(ctx context.Context, q fact.Request, why error) error {
	grant, err := r.mapFor(ctx, q, time.Second)
	if err != nil {
		return why
	}
	return fmt.Errorf("giving the pinhole for %v back by PCP: it ends by itself in %v, as the router does not delete it: %w", q.Internal, grant.Lease, why)
}

func (r *Router) mapFor(ctx context.Context, q fact.Request, lease time.Duration) (fact.Grant, error) {
	w, err := wayOf(q)
	if err != nil {
		return fact.Grant{}, err
	}
	from := q.Internal.Addr()
	if from == r.cfg.Host {
		from = netip.Addr{} // it is in front of us
	}
	grant, err := exchange(ctx, r, w, from, func(ctx context.Context, conn *net.UDPConn) (fact.Grant, error) {
		// The router tells by GENA that its table has changed, which is no hint.
		defer r.ignoreEcho()()
		if w == byNATPMP {
			m := pcp.NATPMPMap{Protocol: q.Protocol, Internal: q.Internal.Port(), External: q.ExternalPort}
			return pcp.Ask(ctx, conn, m.Request(lease), r.timing.tries, m.Parse)
		}
		m := pcp.Map{Nonce: q.Nonce, Client: q.Internal.Addr(), Protocol: q.Protocol, Internal: q.Internal.Port(), External: q.ExternalPort}
		return pcp.Ask(ctx, conn, m.Request(lease), r.timing.tries, m.Parse)
	})
	refused := (*pcp.Refusal)(nil)
	switch {
	case err == nil:
		r.noteEpoch(w.kind, grant.Epoch, false)
		return grant, nil
	case errors.Is(err, fact.ErrNotSpoken):
		return fact.Grant{}, err
	case errors.As(err, &refused) && !refused.IsVersion():
		return fact.Grant{}, &fact.MapFault{Method: q.Method, Code: refused.Code, Text: refused.Error()}
	case errors.As(err, &refused), errors.Is(err, pcp.ErrSilent), errors.Is(err, ErrSilent):
		return fact.Grant{}, fmt.Errorf("%w (%s): %w", fact.ErrNotSpoken, w.name, err)
	}
	return fact.Grant{}, fmt.Errorf("mapping port %d by %s: %w", q.ExternalPort, w.name, err)
}

// wayOf is the way in which a request is made. It refuses what the protocols
// would take for something else: port 0 and protocol 0 mean all of them (RFC
// 6887, section 11.1).
func wayOf(q fact.Request) (way, error) {
	w := way{}
	addr := q.Internal.Addr()
	switch {
	case q.Protocol != fact.TCP && q.Protocol != fact.UDP:
		return w, fmt.Errorf("mapping port %d: %q is no transport protocol", q.ExternalPort, q.Protocol)
	case !addr.IsValid(), addr.IsUnspecified(), addr.Is4In6(), q.Internal.Port() == 0:
		return w, fmt.Errorf("mapping port %d: %v is nowhere", q.ExternalPort, q.Internal)
	case q.Method == fact.MethodPCP && addr.Is4():
		return byPCP, nil
	case q.Method == fact.MethodPCP:
		return byPCP6, nil
	case q.Method == fact.MethodNATPMP && addr.Is4():
		return byNATPMP, nil
	case q.Method == fact.MethodNATPMP:
		return w, fmt.Errorf("%w: NAT-PMP knows no IPv6", fact.ErrNotSpoken)
	}
	return w, fmt.Errorf("mapping port %d: there is no mapping of this kind by %q", q.ExternalPort, q.Method)
}

// Local is this host's own address in the LAN as the router sees it; the zero
// Addr where it is not known, which is also so where the router is in no network
// of ours and Config.Host does not say it: what is on the way translates ours.
// It is where a mapping by PCP or NAT-PMP leads.
func (r *Router) Local() netip.Addr {
	if r.cfg.Host.IsValid() {
		return r.cfg.Host
	}
	gateway, err := r.gateway()
	if err != nil {
		return netip.Addr{}
	}
	r.mu.Lock()
	known, bridged := r.near.gateway == gateway, r.near.bridged
	r.mu.Unlock()
	if !known { // it has not been searched for yet
		_, _, bridged = r.networks(gateway)
	}
	local, err := localToward(gateway)
	if err != nil || bridged {
		return netip.Addr{}
	}
	return local
}
