package dnsserver

// Reading the counters, and what they say of the chain's links.

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

// Status reads the counters. It may be called at any time, also before Listen
// and after Run.
func (s *Server) Status() Status {
	s.quiet.Store(true)
	st := Status{Overrides: slices.Clone(s.zone.Load().Overrides()),
		Public: slices.Clone(s.publicViews()), Shadowed: slices.Clone(s.zone.Load().Shadowed())}
	st.Listen, st.TLSListen, st.Waiting = s.listening()
	for _, u := range s.rules.Load().upstream.Status() {
		st.Upstreams = append(st.Upstreams, UpstreamStatus(u))
	}
	c := s.cache.Stats(time.Now())
	st.Cache = CacheStatus{Entries: c.Entries, Bytes: c.Bytes, LimitBytes: c.Limit, Hits: c.Hits, Misses: c.Misses,
		StaleEntries: c.Stale, Prefetches: s.count.prefetched.Load(), StaleAnswers: s.count.stale.Load(), Loaded: c.Loaded}
	st.Queries = QueryCounts{
		Total: s.count.total.Load(), Override: s.count.override.Load(), Cached: s.count.cached.Load(),
		Forwarded: s.count.forwarded.Load(), Refused: s.count.refused.Load(), Malformed: s.count.malformed.Load(),
		Failed: s.count.failed.Load(), Dropped: s.count.dropped.Load(), Stale: s.count.stale.Load(),
		Rebind: s.count.rebind.Load(), Limited: s.count.limited.Load(),
	}
	recent, total := s.clients.list(time.Now())
	if len(recent) > 0 {
		st.Until = recent[len(recent)-1].LastAt.Add(clientsForSure)
	}
	st.DNS = withListening(dnsLink(st), st, s.certificateProblem())
	st.DNS.Summary, st.DNS.Action = tidy.Sentence(st.DNS.Summary), tidy.Sentence(st.DNS.Action)
	st.ClientsLink = LinkOfClients(recent, st.Listen, s.isOurs, s.rules.Load().isGateway)
	st.Private = s.clients.private(time.Now(), func(a netip.Addr) bool { return s.isOurs(a) || s.rules.Load().isGateway(a) })
	st.Clients, st.ClientsTotal = recent[:min(len(recent), clientsListed)], total
	return st
}

// dnsLink says whether LAN clients get the local address and the rest of the
// world's names too.
func dnsLink(st Status) fact.Link {
	var good, bad, plain int
	var evidence []string
	for _, u := range st.Upstreams {
		line := fmt.Sprintf("upstream %s: not asked yet", u.Name)
		switch u.Healthy {
		case fact.VerdictPass:
			good++
			line = fmt.Sprintf("upstream %s: answers in %s", u.Name, u.RTT.Round(100*time.Microsecond))
		case fact.VerdictFail:
			bad++
			line = fmt.Sprintf("upstream %s: %s", u.Name, u.LastError)
		}
		if u.PlainFallback {
			plain++
			line += "; asked unencrypted"
		}
		evidence = append(evidence, line)
	}
	names := fmt.Sprintf("%d names are", len(st.Overrides))
	if len(st.Overrides) == 1 {
		names = st.Overrides[0].Name + " is"
	}
	link := fact.Link{Evidence: evidence}
	switch {
	case len(st.Listen) == 0:
		link.Summary = "the DNS server is not listening, so it answers nobody"
	case bad == len(st.Upstreams):
		link.Verdict = fact.VerdictFail
		link.Summary = "no upstream DNS server answers; names in the house are still answered, other names only while they are in the cache"
		link.Action = "check that the internet connection is up, and that the servers under upstreams in [dns] can be reached from this host"
	case plain > 0:
		link.Verdict = fact.VerdictWarn
		link.Summary = "this host's clock is wrong, so upstream DNS servers are asked unencrypted until it is right"
		link.Action = "let this host get the time (NTP), or set its clock"
	case len(st.Overrides) == 0:
		link.Verdict = fact.VerdictWarn
		link.Summary = "the DNS server runs, but no name is answered with a local address yet, so devices in the house are sent to the public one"
		link.Action = "check that the service can be reached, as its certificate gives the names, or set names in [[service]]"
	case good == 0:
		link.Summary = names + " answered with the local address; no upstream DNS server has been heard of yet"
	default:
		link.Verdict = fact.VerdictPass
		link.Summary = fmt.Sprintf("%s answered with the local address, other names by upstream (%d of %d answer)", names, good, len(st.Upstreams))
	}
	sayOutside(&link, st)
	return link
}

// LinkOfClients is the link "clients" of a server that listens at listen and that
// these have asked within the hour. Ours and gateway tell this host's addresses
// and the routers'.
func LinkOfClients(recent []ClientSeen, listen []netip.AddrPort, ours, gateway func(netip.Addr) bool) fact.Link {
	link := clientsLink(recent, listen, ours)
	if line := everybody(recent, ours, gateway); line != "" {
		link.Evidence = append(link.Evidence, line)
	}
	link.Summary, link.Action = tidy.Sentence(link.Summary), tidy.Sentence(link.Action)
	return link
}

// clientsLink says whether the LAN's devices ask us.
func clientsLink(recent []ClientSeen, listen []netip.AddrPort, ours func(netip.Addr) bool) fact.Link {
	var others int
	for _, c := range recent {
		if !c.Address.IsLoopback() && !ours(c.Address) {
			others++
		}
	}
	switch others {
	case 0:
		return fact.Link{
			Summary: "no device in the house has asked this DNS server within the last hour, so none is known to get the local address",
			Action:  fmt.Sprintf("enter %s as the DNS server in the router's DHCP page", address(listen)),
		}
	case 1:
		return fact.Link{Verdict: fact.VerdictPass, Summary: "1 device asked this DNS server within the last hour"}
	}
	return fact.Link{Verdict: fact.VerdictPass, Summary: fmt.Sprintf("%d devices asked this DNS server within the last hour", others)}
}

// address is what devices should be told; where we listen on all addresses,
// which of them the LAN sees is not known here.
func address(listen []netip.AddrPort) string {
	for _, l := range listen {
		if !l.Addr().IsUnspecified() && !l.Addr().IsLoopback() {
			return l.Addr().String()
		}
	}
	return "this host's LAN address"
}
