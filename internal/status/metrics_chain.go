package status

// The metrics of the process, the chain, the address and the records.

import "github.com/edgeguard/edgeguard/internal/fact"

func (m metrics) process(s *Snapshot) {
	m.gauge("edgeguard_build_info", "A constant 1; the version of edgeguard is in the label.", "version")(1, s.Version)
	m.gauge("edgeguard_start_timestamp_seconds", "When edgeguard started.").at(s.StartedAt)
	m.gauge("edgeguard_config_loaded_timestamp_seconds", "When the config in force was loaded.").at(s.Config.LoadedAt)
	m.gauge("edgeguard_config_refused", "Whether a newer config has a fault, so that the older one is still in force.")(asNumber(s.Config.Error != nil))
}

// verdictWords are the verdicts of a link.
var verdictWords = [...]string{fact.VerdictPass.String(), fact.VerdictWarn.String(), fact.VerdictFail.String(), fact.VerdictUnknown.String()}

func (m metrics) chain(s *Snapshot) {
	m.gauge("edgeguard_status", "The worst verdict of the chain: 1 for the status in the label that holds, 0 for the others.", "status").
		states(s.Status.String(), verdictWords[:])
	verdict := m.gauge("edgeguard_link_status", "The verdict of a link: 1 for the status in the label that holds, 0 for the others.", "link", "status")
	since := m.gauge("edgeguard_link_since_timestamp_seconds", "Since when the link has had its verdict.", "link")
	for _, link := range s.Chain {
		verdict.states(link.Status.String(), verdictWords[:], link.ID)
		since.at(&link.Since, link.ID)
	}
}

func (m metrics) wan(w WAN) {
	known := m.gauge("edgeguard_wan_address_known", "Whether there is a public address that is known; of a family of which nothing is known there is no value.", "family")
	info := m.gauge("edgeguard_wan_address_info", "A constant 1; the public address is in the label.", "family", "address")
	if w.IPv4 != nil {
		info(1, familyIPv4, w.IPv4.String())
	}
	if w.IPv6 != nil {
		info(1, familyIPv6, w.IPv6.String())
	}
	for family, state := range map[string]string{familyIPv4: w.IPv4State, familyIPv6: w.IPv6State} {
		if state != fact.Unknown.String() {
			known(asNumber(state == fact.Known.String()), family)
		}
	}
	m.gauge("edgeguard_wan_changed_timestamp_seconds", "When the public address last changed.").at(w.ChangedAt)
	if w.NAT != nil {
		m.gauge("edgeguard_wan_nat", "What stands between the router and the Internet: 1 for the kind in the label that holds, 0 for the others.", "kind").
			states(*w.NAT, []string{"none", "double", "cgnat"})
	}
	source := m.gauge("edgeguard_wan_source_answers", "Whether a source of the public address answered when it was last asked.", "source")
	for _, s := range w.Sources {
		source(asNumber(s.State != fact.Unknown.String()), s.Name)
	}
}

func (m metrics) records(list []Record) {
	right := m.gauge("edgeguard_ddns_record_right", "Whether a public record says the public address; there is no value while that is not known.", "name", "type")
	wrong := m.gauge("edgeguard_ddns_record_wrong_since_timestamp_seconds", "Since when a public record has been wrong; there is no value while it is right.", "name", "type")
	verified := m.gauge("edgeguard_ddns_record_verified_timestamp_seconds", "When a public record was last seen to be right.", "name", "type")
	changed := m.gauge("edgeguard_ddns_record_changed_timestamp_seconds", "When the provider last took another address for a record.", "name", "type")
	stolen := m.gauge("edgeguard_ddns_record_intercepted", "Whether something on the way answers in place of the servers of the record.", "name", "type")
	for _, r := range list {
		right.truth(r.right(), r.Name, r.Type)
		wrong.at(r.WrongSince, r.Name, r.Type)
		verified.at(r.VerifiedAt, r.Name, r.Type)
		changed.at(r.ChangedAt, r.Name, r.Type)
		stolen(asNumber(r.Intercepted), r.Name, r.Type)
	}
}

// right reports whether a record says what it should; nil while either is not
// known.
func (r Record) right() *bool {
	unknown := fact.Unknown.String()
	switch {
	case r.WrongSince != nil:
		return new(false)
	case r.DesiredState == unknown, r.PublishedState == unknown:
		return nil
	case r.Desired == nil || r.Published == nil:
		return new(r.Desired == nil && r.Published == nil)
	}
	return new(*r.Desired == *r.Published)
}
