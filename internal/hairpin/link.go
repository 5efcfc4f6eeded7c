package hairpin

// The links "broker", "certificate" and "hairpin" in words.

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// worst makes one link of those of several services: the words are those of
// the first that is worst, and every service is in the evidence.
func worst(services []Service, links []fact.Link) fact.Link {
	if len(links) == 0 {
		return fact.Link{Summary: "No service is configured.", Action: "Name the broker in a [[service]] of the config."}
	}
	all := links[0].Verdict
	for _, l := range links[1:] {
		all = fact.Worse(all, l.Verdict)
	}
	link := links[slices.IndexFunc(links, func(l fact.Link) bool { return l.Verdict == all })]
	var evidence []string
	for i, l := range links {
		if len(links) > 1 {
			evidence = append(evidence, services[i].Name+": "+l.Summary)
		}
		evidence = append(evidence, l.Evidence...)
	}
	link.Evidence = evidence
	return link
}

func (k ServiceKind) noun() string {
	if k == MQTT {
		return "broker"
	}
	return "service"
}

func brokerLink(s Service, m *memory) fact.Link {
	l := m.last
	who := fmt.Sprintf("The %s %q at %s", s.Kind.noun(), s.Name, s.Address)
	switch {
	case !m.looked:
		return fact.Link{Summary: who + " has not been looked at yet."}
	case l.err != "":
		return fact.Link{
			Verdict: fact.VerdictFail,
			Summary: fmt.Sprintf("The %s %q cannot be used, from nowhere: %s.", s.Kind.noun(), s.Name, l.err),
			Action:  l.action,
		}
	case l.wantsClient:
		return fact.Link{Verdict: fact.VerdictPass, Summary: who + " answers in TLS; it demands a client certificate, so more was not looked at."}
	case s.Kind != MQTT:
		return fact.Link{Verdict: fact.VerdictPass, Summary: who + " answers in TLS."}
	case l.mqtt == returnCodes[3]:
		return fact.Link{
			Verdict: fact.VerdictWarn,
			Summary: who + " answers in TLS and MQTT, but says that it cannot serve now (server unavailable).",
			Action:  "Look into the broker's log.",
		}
	case l.mqtt == returnCodes[0]:
		return fact.Link{Verdict: fact.VerdictPass, Summary: who + " answers in TLS and MQTT."}
	default:
		return fact.Link{Verdict: fact.VerdictPass, Summary: fmt.Sprintf("%s answers in TLS and MQTT. It refused our call without a user name (%s), which is as it should be.", who, l.mqtt)}
	}
}

const (
	actionRenew = "Renew the certificate, put it where the service reads it, and make the service load it (mosquitto: SIGHUP)."
	actionNames = "Get a certificate that holds these names, or correct names in the [[service]]."
	actionTrust = "Give the authority's certificate as ca_file of the [[service]], and let the service serve its full chain (fullchain.pem)."
)

// certificateLink judges the certificate last seen.
func certificateLink(s Service, m *memory, now time.Time) fact.Link {
	if m.seen == nil {
		return fact.Link{Summary: fmt.Sprintf("The certificate of %q has not been seen yet, as the service has not answered in TLS.", s.Name)}
	}
	c := m.seen.cert
	who := fmt.Sprintf("The certificate of %q", s.Name)
	missing := uncovered(s.Names, m.seen.valid)
	link := fact.Link{Evidence: []string{fmt.Sprintf("%s: %s, valid until %s", s.Name, whose(c), day(c.NotAfter))}}
	say := func(v fact.Verdict, action, format string, args ...any) fact.Link {
		link.Verdict, link.Action = v, action
		link.Summary = who + " " + fmt.Sprintf(format, args...) + "."
		return link
	}
	switch {
	case now.After(c.NotAfter):
		return say(fact.VerdictFail, actionRenew, "expired on %s, so clients refuse it", day(c.NotAfter))
	case now.Before(m.seen.notBefore):
		return say(fact.VerdictFail, "Check the clock of this host and of the one that made the certificate.",
			"is not valid before %s, so clients refuse it", day(m.seen.notBefore))
	case m.last.served == nil:
		return say(fact.VerdictUnknown, "", "cannot be seen now; the last one seen was valid until %s", day(c.NotAfter))
	case len(s.Names) > 0 && len(missing) == len(s.Names):
		return say(fact.VerdictFail, actionNames, "names none of the configured names (%s), so clients refuse it; it is for %s%s", few(missing), whose(c), unanswered(s, m))
	case !c.Trusted && len(s.Names) == 0:
		return say(fact.VerdictFail, actionTrust, "is not trusted: %s; no name can be taken from it%s", c.Why, unanswered(s, m))
	case !c.Trusted:
		return say(fact.VerdictWarn, actionTrust, "is not trusted: %s%s", c.Why, unanswered(s, m))
	case len(missing) > 0:
		return say(fact.VerdictWarn, actionNames, "does not name %s, so clients that dial it refuse the connection", few(missing))
	case len(s.Names) == 0 && len(m.seen.names) == 0:
		return say(fact.VerdictWarn, "Write the names that clients dial into names of the [[service]].", "holds no exact host name that could be answered (it is for %s)", whose(c))
	case m.seen.expiresSoon(now):
		return say(fact.VerdictWarn, actionRenew, "expires on %s", day(c.NotAfter))
	}
	names := s.Names
	if len(names) == 0 {
		names = m.seen.names
	}
	return say(fact.VerdictPass, "", "names %s, is trusted and valid until %s", few(names), day(c.NotAfter))
}

// uncovered lists the configured names for which the certificate is no good.
func uncovered(configured, valid []string) []string {
	var list []string
	for _, name := range configured {
		if !covers(valid, name) {
			list = append(list, name)
		}
	}
	return list
}

// unanswered says which names an untrusted certificate claims without getting
// them: neither configured nor learned from a trusted one before.
func unanswered(s Service, m *memory) string {
	if m.seen.cert.Trusted {
		return ""
	}
	var claimed []string
	for _, name := range hostNames(m.seen.cert.Names, nil) {
		if !slices.Contains(s.Names, name) && !slices.Contains(m.names, name) {
			claimed = append(claimed, name)
		}
	}
	switch len(claimed) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("; an untrusted certificate claims %s; the name is not answered", claimed[0])
	default:
		return fmt.Sprintf("; an untrusted certificate claims %s; the names are not answered", few(claimed))
	}
}

// few lists up to five names.
func few(names []string) string {
	if len(names) <= 5 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), len(names)-5)
}

func hairpinLink(l loopback) fact.Link {
	link := fact.Link{Evidence: l.evidence}
	switch l.verdict {
	case LoopbackYes:
		link.Verdict = fact.VerdictPass
		link.Summary = "Your router loops back the public address, so devices at home would reach the service even without our DNS; the DNS answer is a short cut."
	case LoopbackNo:
		link.Verdict = fact.VerdictPass
		link.Summary = "Your router does not loop back the public address, so phones at home depend on this DNS server to reach the service."
	default:
		link.Summary = "It is not known whether the router loops back the public address"
		if len(l.evidence) > 0 {
			link.Summary += ": " + l.evidence[0]
		}
		link.Summary += "."
	}
	return link
}
