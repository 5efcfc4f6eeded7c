package hairpin

// What is known of the services and of the router's loopback.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Loopback is whether the router loops the public address back into the LAN.
type Loopback string

// The verdicts on loopback. A timeout is never read as a no.
const (
	LoopbackUnknown Loopback = "unknown"
	LoopbackYes     Loopback = "yes"
	LoopbackNo      Loopback = "no"
)

// Status is what is known of all services. It is immutable.
type Status struct {
	// Services are in the order of the config.
	Services []ServiceStatus
	// Loopback is the verdict on the router's loopback, Evidence what it
	// rests on.
	Loopback Loopback
	Evidence []string
	// SourceSeen is the address that a service sees of a device of the LAN that
	// comes by the public address; zero while that is not known.
	SourceSeen netip.Addr
	// Broker, Certificate and Hairpin are the chain's links of these names.
	Broker, Certificate, Hairpin fact.Link
}

// ServiceStatus is what is known of one service.
type ServiceStatus struct {
	Name    string
	Address netip.AddrPort
	// Host and Remote are as in Service.
	Host   string
	Remote bool
	// Reachable is whether it answers in TLS; Unknown is never shown as no.
	Reachable fact.Verdict
	// TLS is how it answered in TLS last; nil while it has not.
	TLS *TLSStatus
	// MQTT is what the broker said to a CONNECT of MQTT 3.1.1: "accepted", "not
	// authorised" or the like; empty when it was not asked or did not say. MQTT5
	// is the same of MQTT 5.0, which is asked for rarely.
	MQTT, MQTT5 string
	// Outside is what came of calling it by the public address from inside:
	// yes means that it served its own key there, so that the router forwards
	// the port and loops back; no and unknown prove nothing of the forward.
	Outside Loopback
	// OutsideEvidence is what that rests on; empty while it was not tried.
	OutsideEvidence string
	// Certificate is the one served at the last handshake; nil while there has
	// been none.
	Certificate *Certificate
	// LastError is the last failure in words; empty when there is none.
	LastError string
}

// TLSStatus is how a service answers in TLS. It is immutable.
type TLSStatus struct {
	// Version is as in "TLS 1.3", Cipher the suite by its IANA name.
	Version, Cipher string
	// OldDevices is whether a device that knows only TLS 1.2 with
	// ECDHE-RSA-AES128-GCM-SHA256, the curve P-256 and RSA keys of up to 2048
	// bits (Tasmota on an ESP8266) can talk to it; OldDevicesWhy says why not,
	// and is empty otherwise.
	OldDevices    fact.Verdict
	OldDevicesWhy string
}

// Certificate is what a service served.
type Certificate struct {
	SubjectCN string
	// Names are the exact DNS names of SANs and CN, canonical, as served:
	// trusted or not, wildcards included.
	Names  []string
	Issuer string
	// NotBefore and NotAfter bound its life.
	NotBefore, NotAfter time.Time
	// Key is the kind of its key, as in "RSA 2048".
	Key string
	// Trusted is whether the chain verifies now; Why says why not.
	Trusted bool
	Why     string
	// Complete is whether the service serves all that stands between it and the
	// root.
	Complete fact.Verdict
	// Root is the authority that the chain ends at, or the one that this host
	// does not know; empty while unknown.
	Root string
	// SPKISHA256 is the lower-case hex SHA-256 of the public key.
	SPKISHA256 string
	// TasmotaFingerprint is what Tasmota's MqttFingerprint takes; empty unless
	// the key is RSA.
	TasmotaFingerprint string
	// File is the certificate on the disk that the service is to serve; nil
	// where none is configured.
	File *CertificateFile
}

// CertificateFile is a certificate on the disk.
type CertificateFile struct {
	// Path is as in the config.
	Path string
	// NotAfter is the end of its life; zero while it could not be read.
	NotAfter time.Time
	// Served is whether it is the one that the service serves.
	Served fact.Verdict
	// LastError is why it cannot be read; empty when it can.
	LastError string
}
