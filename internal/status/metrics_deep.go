package status

// The metrics of what a service does beyond answering, and of what the LAN tells
// its devices.

import (
	"slices"

	"github.com/edgeguard/edgeguard/internal/hairpin/mqtt"
)

func (m metrics) servicesDeep(list []Service) {
	taken := m.gauge("edgeguard_service_mqtt_accepted", "Whether a broker took an MQTT connection when it was last asked; 0 where it wants a login that edgeguard does not have.", "service", "version")
	old := m.gauge("edgeguard_service_old_devices", "Whether a device that knows only old TLS (Tasmota on ESP8266) can talk to a service.", "service")
	served := m.gauge("edgeguard_certificate_file_served", "Whether a service serves the certificate that is in the file it is to serve it from.", "service")
	until := m.gauge("edgeguard_certificate_file_not_after_timestamp_seconds", "Until when the certificate in that file is valid.", "service")
	for _, s := range list {
		for version, said := range map[string]*string{"3.1.1": s.MQTT, "5.0": s.MQTT5} {
			if said != nil {
				taken(asNumber(*said == mqtt.Accepted), s.Name, version)
			}
		}
		if s.TLS != nil {
			old.truth(s.TLS.OldDevices, s.Name)
		}
		if c := s.Certificate; c != nil && c.File != nil {
			served.truth(c.File.Served, s.Name)
			until.at(c.File.NotAfter, s.Name)
		}
	}
}

// lan tells nothing where nobody hands out anything: there is no value then.
func (m metrics) lan(l *LAN) {
	if l == nil {
		return
	}
	if len(l.DHCP) > 0 {
		all := !slices.ContainsFunc(l.DHCP, func(d DHCPServer) bool { return !d.Ours })
		m.gauge("edgeguard_lan_dhcp_ours", "Whether every DHCP server tells devices of this DNS server alone.")(asNumber(all))
	}
	if slices.ContainsFunc(l.Advertisements, func(a Advertisement) bool { return len(a.DNS) > 0 }) {
		all := !slices.ContainsFunc(l.Advertisements, func(a Advertisement) bool { return !a.Ours })
		m.gauge("edgeguard_lan_advertisements_ours", "Whether every IPv6 router that tells devices of DNS servers tells of this one alone.")(asNumber(all))
	}
}
