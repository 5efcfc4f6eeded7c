package hairpin

// What the prober remembers, as what it publishes.

import (
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

func (p *Prober) snapshot(now time.Time) Status {
	judged, source := p.source.judged(p.loopback)
	status := Status{
		Loopback:   judged.verdict,
		Evidence:   slices.Clone(judged.evidence),
		SourceSeen: source,
		Hairpin:    hairpinLink(judged),
	}
	brokers := make([]fact.Link, len(p.memories))
	certificates := make([]fact.Link, len(p.memories))
	for i, m := range p.memories {
		s := p.cfg.Services[i]
		service := serviceStatus(s, m)
		service.Outside = LoopbackUnknown
		if i < len(p.loopback.services) && p.loopback.services[i].evidence != "" {
			service.Outside, service.OutsideEvidence = p.loopback.services[i].verdict, p.loopback.services[i].evidence
		}
		status.Services = append(status.Services, service)
		brokers[i] = brokerLink(s, m)
		certificates[i] = certificateLink(s, m, now, p.cfg.ClockFloor)
	}
	status.Broker = worst(p.cfg.Services, brokers)
	status.Certificate = worst(p.cfg.Services, certificates)
	return status
}

func serviceStatus(s Service, m *memory) ServiceStatus {
	status := ServiceStatus{Name: s.Name, Address: s.Address, Host: s.Host, Remote: s.Remote, TLS: m.tlsStatus(), MQTT: m.last.mqtt, MQTT5: m.deep.mqtt5, LastError: m.last.err}
	switch {
	case m.looked && m.last.reached:
		status.Reachable = fact.VerdictPass
	case m.looked:
		status.Reachable = fact.VerdictFail
	}
	if m.seen != nil {
		cert := m.seen.cert
		cert.File = m.disk.status(m.seen)
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
