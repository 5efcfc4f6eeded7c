package hairpin

// What the prober remembers, as what it publishes.

import (
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

func (p *Prober) snapshot(now time.Time) Status {
	status := Status{
		Loopback: p.loopback.verdict,
		Evidence: slices.Clone(p.loopback.evidence),
		Hairpin:  hairpinLink(p.loopback),
	}
	brokers := make([]fact.Link, len(p.memories))
	certificates := make([]fact.Link, len(p.memories))
	for i, m := range p.memories {
		s := p.cfg.Services[i]
		status.Services = append(status.Services, serviceStatus(s, m))
		brokers[i] = brokerLink(s, m)
		certificates[i] = certificateLink(s, m, now)
	}
	status.Broker = worst(p.cfg.Services, brokers)
	status.Certificate = worst(p.cfg.Services, certificates)
	return status
}

func serviceStatus(s Service, m *memory) ServiceStatus {
	status := ServiceStatus{Name: s.Name, Address: s.Address, MQTT: m.last.mqtt, LastError: m.last.err}
	switch {
	case m.looked && m.last.reached:
		status.Reachable = fact.VerdictPass
	case m.looked:
		status.Reachable = fact.VerdictFail
	}
	if m.seen != nil {
		cert := m.seen.cert
		status.Certificate = &cert
	}
	return status
}

func (p *Prober) serviceNames() []fact.ServiceNames {
	list := make([]fact.ServiceNames, len(p.memories))
	for i, m := range p.memories {
		list[i] = fact.ServiceNames{Service: p.cfg.Services[i].Name, Names: m.names, Wildcards: m.wildcards}
	}
	return list
}
