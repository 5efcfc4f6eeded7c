package status

// The metrics of the router, the forwards, the services and the DNS server.

import (
	"strconv"

	"github.com/edgeguard/edgeguard/internal/hairpin"
)

func (m metrics) router(r *Router) {
	if r == nil {
		return
	}
	// What it calls itself is no label: whoever answers in its place could think
	// of ever new names.
	m.gauge("edgeguard_router_found", "Whether a router that speaks UPnP-IGD is known.")(asNumber(r.Found))
	m.gauge("edgeguard_router_events", "Whether something that the router sends is listened to.", "source").
		each(map[string]bool{"gena": r.Events.GENA.On, "announcements": r.Events.Announcements.On, "ssdp": r.Events.SSDP.On})
	m.counter("edgeguard_router_discoveries_total", "How often the router was found, or found anew.")(float64(r.Generation))
}

// each sends 1 or 0 for each value of the one label.
func (send sample) each(values map[string]bool) {
	for label, is := range values {
		send(asNumber(is), label)
	}
}

// forwardStates are the words of Forward.State.
var forwardStates = [...]string{"pending", "active", "conflict", "failed", "unconfirmed", "manual", "waiting", "open", "none"}

func (m metrics) forwards(list []Forward) {
	labels := []string{"service", "family", "protocol", "port"}
	state := m.gauge("edgeguard_forward_state", "The state of a port forward or pinhole: 1 for the state in the label that holds, 0 for the others.", append(labels, "state")...)
	expires := m.gauge("edgeguard_forward_lease_expiry_timestamp_seconds", "When the lease of a forward ends unless it is renewed.", labels...)
	readBack := m.gauge("edgeguard_forward_read_back_timestamp_seconds", "When the router last showed a forward as ours.", labels...)
	open := m.gauge("edgeguard_relay_open_connections", "The connections that a relay holds.", labels...)
	total := m.counter("edgeguard_relay_connections_total", "The connections that a relay took.", labels...)
	refused := m.counter("edgeguard_relay_refused_connections_total", "The connections that a relay turned away as there were too many.", labels...)
	failed := m.counter("edgeguard_relay_failed_connections_total", "The connections for which a relay found no service.", labels...)
	carried := m.counter("edgeguard_relay_bytes_total", "The octets that a relay carried, in from the street and out to it.", append(labels, "direction")...)
	for _, f := range list {
		of := func(more ...string) []string {
			return append([]string{f.Service, orUnknown(f.Family), f.Protocol, strconv.Itoa(int(f.ExternalPort))}, more...)
		}
		if f.State != nil {
			state.states(*f.State, forwardStates[:], of()...)
		}
		expires.at(f.LeaseExpiresAt, of()...)
		readBack.at(f.ReadBackAt, of()...)
		if r := f.Relay; r != nil {
			open(float64(r.Open), of()...)
			total(float64(r.Total), of()...)
			refused(float64(r.Refused), of()...)
			failed(float64(r.Failed), of()...)
			carried(float64(r.BytesIn), of("in")...)
			carried(float64(r.BytesOut), of("out")...)
		}
	}
}

func (m metrics) services(s *Snapshot) {
	reachable := m.gauge("edgeguard_service_reachable", "Whether a service answers in TLS in the LAN.", "service")
	notBefore := m.gauge("edgeguard_certificate_not_before_timestamp_seconds", "From when on the certificate that a service serves is valid.", "service")
	notAfter := m.gauge("edgeguard_certificate_not_after_timestamp_seconds", "Until when the certificate that a service serves is valid.", "service")
	trusted := m.gauge("edgeguard_certificate_trusted", "Whether the certificate that a service serves is trusted.", "service")
	for _, service := range s.Services {
		reachable.truth(service.Reachable, service.Name)
		if c := service.Certificate; c != nil {
			notBefore.at(c.NotBefore, service.Name)
			notAfter.at(c.NotAfter, service.Name)
			trusted.truth(&c.Trusted, service.Name)
		}
	}
	m.servicesDeep(s.Services)
	m.gauge("edgeguard_hairpin_verdict", "Whether the router loops the public address back: 1 for the verdict in the label that holds, 0 for the others.", "verdict").
		states(s.Hairpin.Verdict, []string{string(hairpin.LoopbackYes), string(hairpin.LoopbackNo), string(hairpin.LoopbackUnknown)})
	outside := m.gauge("edgeguard_outside_verdict", "What the checker on the Internet said of a service: 1 for the verdict in the label that holds, 0 for the others.", "service", "verdict")
	for _, o := range s.Outside {
		outside.states(o.Verdict, []string{"open", "closed", "unknown"}, o.Service)
	}
}

func (m metrics) dns(d DNS) {
	if q := d.Queries; q != nil {
		queries := m.counter("edgeguard_dns_queries_total", "The questions to the DNS server, by what became of them.", "result")
		for result, n := range map[string]uint64{
			"override": q.Override, "cached": q.Cached, "forwarded": q.Forwarded, "stale": q.Stale, "refused": q.Refused,
			"malformed": q.Malformed, "failed": q.Failed, "dropped": q.Dropped, "limited": q.Limited,
		} {
			queries(float64(n), result)
		}
		m.counter("edgeguard_dns_rebind_answers_total", "The answers that were not passed on, as they lead into the house.")(float64(q.Rebind))
	}
	if c := d.Cache; c != nil {
		m.gauge("edgeguard_dns_cache_entries", "The answers in the DNS cache.")(float64(c.Entries))
		m.gauge("edgeguard_dns_cache_stale_entries", "Those of the answers in the DNS cache that are past their time.")(float64(c.StaleEntries))
		m.gauge("edgeguard_dns_cache_size_bytes", "The octets that the DNS cache takes.")(float64(c.Bytes))
		m.gauge("edgeguard_dns_cache_limit_bytes", "The octets that the DNS cache may take.")(float64(c.LimitBytes))
		m.counter("edgeguard_dns_cache_hits_total", "The look-ups that the DNS cache had an answer to.")(float64(c.Hits))
		m.counter("edgeguard_dns_cache_misses_total", "The look-ups that the DNS cache had no answer to.")(float64(c.Misses))
		m.counter("edgeguard_dns_cache_prefetches_total", "The answers that were fetched anew before their time was over.")(float64(c.Prefetches))
	}
	healthy := m.gauge("edgeguard_dns_upstream_healthy", "Whether an upstream DNS server answers; there is no value before it was asked.", "upstream")
	rtt := m.gauge("edgeguard_dns_upstream_rtt_seconds", "The smoothed time that an upstream DNS server takes to answer.", "upstream")
	asked := m.counter("edgeguard_dns_upstream_queries_total", "The questions to an upstream DNS server.", "upstream")
	failures := m.counter("edgeguard_dns_upstream_failures_total", "The questions that an upstream DNS server did not answer.", "upstream")
	for _, u := range d.Upstreams {
		healthy.truth(u.Healthy, u.Name)
		if u.RTTSeconds != nil {
			rtt(*u.RTTSeconds, u.Name)
		}
		asked(float64(u.Queries), u.Name)
		failures(float64(u.Failures), u.Name)
	}
	if d.ClientsTotal != nil {
		m.gauge("edgeguard_dns_clients", "The devices that have asked the DNS server and are remembered.")(float64(*d.ClientsTotal))
	}
	if d.Waiting != nil {
		m.gauge("edgeguard_dns_waiting_addresses", "The addresses that the DNS server is to listen on, and does not yet.")(float64(len(d.Waiting)))
	}
}
