package main

// The devices, as doctor sees them: what the LAN tells them, and who asks the
// running daemon.

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/lan/handed"
	"github.com/edgeguard/edgeguard/internal/status"
)

// askLAN begins to ask the LAN which DNS servers it tells devices of, which takes
// some seconds, and returns what waits for the answer; it is the zero Status
// where nobody was asked. The asking ends with ctx, and within group.
func (x *examiner) askLAN(ctx context.Context, group *sync.WaitGroup) func() handed.Status {
	asked := make(chan handed.Status, 1)
	group.Go(func() {
		s, err := handed.Look(ctx, handed.Config{Place: x.d.place})
		if err != nil {
			s = handed.Status{}
		}
		asked <- s
	})
	return sync.OnceValue(func() handed.Status { return <-asked })
}

// lookClients puts together what the LAN tells devices and what only the running
// daemon sees: who asks it.
func (x *examiner) lookClients(ctx context.Context) {
	x.in.DNS.ClientsLink = fact.Link{
		Summary: "Which devices ask is known to the running daemon alone, and none answers.",
		Action:  "Start edgeguard (`edgeguard run`), and enter this host as the DNS server in the router's DHCP page.",
	}
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	snapshot, _, err := status.Fetch(asking, x.at)
	cancel()
	if err != nil {
		x.in.DNS.ClientsLink.Evidence = []string{err.Error()}
	}
	told := make(chan handed.Status, 1)
	go func() { told <- x.handed() }() // which ends with the walk at the latest
	select {
	case x.in.Handed = <-told:
	case <-ctx.Done():
	}
	if err == nil {
		x.seenBy(snapshot)
	}
}

// seenBy takes the running daemon's word for who asks it, and who comes through
// the router, which shows in time only.
func (x *examiner) seenBy(daemon *status.Snapshot) {
	x.in.DNS.Clients = []dnsserver.ClientSeen{}
	for _, c := range daemon.DNS.ClientsSeen {
		if c.Address != nil && c.LastAt != nil {
			x.in.DNS.Clients = append(x.in.DNS.Clients, dnsserver.ClientSeen{Address: *c.Address, LastAt: *c.LastAt, Queries: c.Queries})
		}
	}
	own, gateways := ownAddresses(), x.d.gateways()
	link := dnsserver.LinkOfClients(x.in.DNS.Clients, resolveAll(x.c.cfg.DNSListen, x.own),
		func(a netip.Addr) bool { return slices.Contains(own, a) }, func(a netip.Addr) bool { return slices.Contains(gateways, a) })
	link.Evidence = append(link.Evidence, "as the daemon at "+x.at+" says")
	x.in.DNS.ClientsLink = link
	if l := daemon.LAN; l != nil {
		if x.in.Handed.Local.IsValid() {
			x.in.Handed.ThroughRouter = l.ThroughRouter
		}
		for _, p := range l.PrivateDNS {
			if p.At != nil {
				x.in.DNS.Private = append(x.in.DNS.Private, dnsserver.PrivateClient{Address: p.Address, Server: p.Server, At: *p.At})
			}
		}
	}
}
