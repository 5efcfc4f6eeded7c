package status

// The metrics of the certificate that edgeguard keeps.

import "github.com/edgeguard/edgeguard/internal/cert"

// keeperPhases are the words of Kept.Phase.
var keeperPhases = [...]string{
	string(cert.PhaseOff), string(cert.PhaseClock), string(cert.PhaseNoAuthority), string(cert.PhaseIssuing),
	string(cert.PhaseWaiting), string(cert.PhaseHanding), string(cert.PhaseKept),
}

// certificate tells nothing where others look after it.
func (m metrics) certificate(k *Kept) {
	if k == nil || k.Mode == string(cert.None) {
		return
	}
	if k.Phase != nil {
		m.gauge("edgeguard_certificate_phase", "What is done about the certificate that edgeguard keeps: 1 for the phase in the label that holds, 0 for the others.", "phase").
			states(*k.Phase, keeperPhases[:])
	}
	if h := k.Held; h != nil {
		m.gauge("edgeguard_certificate_held_not_before_timestamp_seconds", "From when on the certificate that edgeguard keeps is valid.").at(h.NotBefore)
		m.gauge("edgeguard_certificate_held_not_after_timestamp_seconds", "Until when the certificate that edgeguard keeps is valid.").at(h.NotAfter)
	}
	m.gauge("edgeguard_certificate_next_renewal_timestamp_seconds", "When the certificate that edgeguard keeps is to be renewed.").at(k.NextRenewalAt)
	m.gauge("edgeguard_certificate_failing", "Whether the certificate could not be obtained, or handed over, at the last attempt.")(asNumber(k.LastError != nil))
	m.gauge("edgeguard_certificate_next_attempt_timestamp_seconds", "When what failed is tried again.").at(k.NextAttemptAt)
	serves := m.gauge("edgeguard_certificate_serving", "Whether a service serves the certificate that edgeguard keeps; there is no value while that is not known.", "service")
	for _, s := range k.Serving {
		if s.State != string(cert.ServingUnknown) {
			serves(asNumber(s.State == string(cert.ServingYes)), s.Service)
		}
	}
}
