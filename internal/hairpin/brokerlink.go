package hairpin

// The link "broker".

import (
	"fmt"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/mqtt"
)

func (k ServiceKind) noun() string {
	if k == MQTT {
		return "broker"
	}
	return "service"
}

// brokerState is how a service is.
func brokerState(s Service, m *memory) state {
	l := m.last
	switch {
	case !s.Address.IsValid():
		return brokerNotFound
	case !m.looked:
		return brokerUnseen
	case l.err != "":
		return l.fault
	case l.wantsClient:
		return brokerWantsClient
	case s.Kind != MQTT:
		return brokerTLS
	case l.refused():
		return brokerRefusesUser
	}
	switch l.mqtt {
	case mqtt.Unavailable, mqtt.Busy, mqtt.QuotaExceeded, mqtt.RateExceeded:
		return brokerUnavailable
	case mqtt.BadVersion:
		return brokerNot311
	case mqtt.BadClient:
		return brokerRefusesNameless
	case mqtt.Accepted, mqtt.NotAuthorised, mqtt.BadCredentials:
		return l.letIn()
	default:
		return brokerRefuses
	}
}

// letIn is the state of a broker that judged us by who we are.
func (l look) letIn() state {
	switch {
	case l.asked == asNameless:
		return brokerWithheldNoName
	case l.asked == asWithheld:
		return brokerWithheld
	case l.asked == asUser:
		return brokerAcceptsUser
	case l.mqtt == mqtt.Accepted:
		return brokerAccepts
	default:
		return brokerRefusesNobody
	}
}

func brokerLink(s Service, m *memory) fact.Link {
	at := brokerState(s, m)
	link := at.say("Who", fmt.Sprintf("The %s %q at %s", s.Kind.noun(), s.Name, s.Address),
		"word", m.last.mqtt, "kind", s.Kind.noun(), "name", s.Name, "host", s.Host)
	if m.last.err != "" {
		link.Summary = fill(cannotBeUsed, "kind", s.Kind.noun(), "name", s.Name, "fault", m.last.err)
	}
	if tls := m.tlsStatus(); tls != nil && m.last.reached {
		link.Evidence = tls.evidence(s.Name)
		if m.deep.mqtt5 != "" {
			link.Evidence = append(link.Evidence, fmt.Sprintf("%s: MQTT 5.0: %s", s.Name, m.deep.mqtt5))
		}
	}
	return link
}

// evidence are remarks: who has no old devices need not care.
func (t TLSStatus) evidence(name string) []string {
	list := []string{fmt.Sprintf("%s: %s, %s", name, t.Version, t.Cipher)}
	switch t.OldDevices {
	case fact.VerdictPass:
		list = append(list, name+": old devices (Tasmota on ESP8266) can talk to it")
	case fact.VerdictFail:
		list = append(list, fmt.Sprintf("%s: old devices (Tasmota on ESP8266) cannot talk to it: %s", name, t.OldDevicesWhy))
	}
	return list
}
