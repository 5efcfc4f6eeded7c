package status

// The snapshot's services, what they serve, and how they are reached.

import (
	"net/netip"
	"time"
)

// Service is one service that is looked at.
type Service struct {
	Name string `json:"name"`
	// Remote is whether it is not in the home, so that there is no forward and
	// no local answer for it.
	Remote bool `json:"remote"`
	// Host is what it is found by where that is no address: a host name, an
	// mDNS name or a MAC address; nil where the config gives the address.
	Host *string `json:"host"`
	// Address is where it listens now; nil while that is not known.
	Address *netip.AddrPort `json:"address"`
	// Reachable is whether it answers in TLS.
	Reachable *bool `json:"reachable"`
	// TLS is how it answered; nil while it has not.
	TLS *TLS `json:"tls"`
	// MQTT is what the broker said to a CONNECT of MQTT 3.1.1, MQTT5 to one of
	// MQTT 5.0.
	MQTT        *string      `json:"mqtt"`
	MQTT5       *string      `json:"mqtt5"`
	Certificate *Certificate `json:"certificate"`
	LastError   *string      `json:"last_error"`
}

// TLS is how a service answered in TLS.
type TLS struct {
	// Version is as in "TLS 1.3", Cipher the cipher suite by its IANA name.
	Version string `json:"version"`
	Cipher  string `json:"cipher"`
	// OldDevices is whether a device that knows only TLS 1.2 with
	// ECDHE-RSA-AES128-GCM-SHA256 and RSA keys up to 2048 bits (Tasmota on
	// ESP8266) can talk to it; nil while that was not tried.
	OldDevices *bool `json:"old_devices"`
	// OldDevicesWhy says why not.
	OldDevicesWhy *string `json:"old_devices_why"`
}

// Certificate is what a service served at the last handshake.
type Certificate struct {
	SubjectCN *string    `json:"subject_cn"`
	Names     []string   `json:"names"`
	Issuer    *string    `json:"issuer"`
	NotBefore *time.Time `json:"not_before"`
	NotAfter  *time.Time `json:"not_after"`
	// Key is the kind of its key, as in "RSA 2048" or "ECDSA P-256".
	Key     *string `json:"key"`
	Trusted bool    `json:"trusted"`
	// Why says why it is not trusted; nil when it is.
	Why *string `json:"why"`
	// Complete is whether the service serves every certificate between its own
	// and the root; nil where that cannot be known.
	Complete *bool `json:"complete"`
	// Root is the name of the authority that it ends at, or of the one that is
	// missing on this host; nil while unknown.
	Root       *string `json:"root"`
	SPKISHA256 *string `json:"spki_sha256"`
	// TasmotaFingerprint is Tasmota's fingerprint of an RSA key, as its
	// MqttFingerprint takes it; nil for other keys.
	TasmotaFingerprint *string `json:"tasmota_fingerprint"`
	// File is the certificate on the disk that the service is to serve; nil
	// where none is configured.
	File *CertificateFile `json:"file"`
}

// CertificateFile is a certificate on the disk.
type CertificateFile struct {
	Path     string     `json:"path"`
	NotAfter *time.Time `json:"not_after"`
	// Served is whether it is the one served; nil while that is not known.
	Served    *bool   `json:"served"`
	LastError *string `json:"last_error"`
}

// Hairpin is whether the router loops the public address back into the LAN.
type Hairpin struct {
	// Verdict is "unknown", "yes" or "no".
	Verdict  string   `json:"verdict"`
	Evidence []string `json:"evidence"`
	// SourceSeen is the address that a service sees of a LAN device that comes
	// in through the router; nil while that is not known.
	SourceSeen *netip.Addr `json:"source_seen"`
}

// OutsideCheck is what the checker on the Internet said of one service.
type OutsideCheck struct {
	Service string `json:"service"`
	// Verdict is "open", "closed" or "unknown".
	Verdict   string     `json:"verdict"`
	Detail    *string    `json:"detail"`
	CheckedAt *time.Time `json:"checked_at"`
}
