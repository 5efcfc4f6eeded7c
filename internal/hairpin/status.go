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
	// Broker, Certificate and Hairpin are the chain's links of these names.
	Broker, Certificate, Hairpin fact.Link
}

// ServiceStatus is what is known of one service.
type ServiceStatus struct {
	Name    string
	Address netip.AddrPort
	// Reachable is whether it answers in TLS; Unknown is never shown as no.
	Reachable fact.Verdict
	// MQTT is what the broker said to a CONNECT: "accepted", "not authorised"
	// or the like; empty when it was not asked or did not say.
	MQTT string
	// Certificate is the one served at the last handshake; nil while there has
	// been none.
	Certificate *Certificate
	// LastError is the last failure in words; empty when there is none.
	LastError string
}

// Certificate is what a service served.
type Certificate struct {
	SubjectCN string
	// Names are the exact DNS names of SANs and CN, canonical, as served:
	// trusted or not, wildcards included.
	Names    []string
	Issuer   string
	NotAfter time.Time
	// Trusted is whether the chain verifies now; Why says why not.
	Trusted bool
	Why     string
	// SPKISHA256 is the lower-case hex SHA-256 of the public key.
	SPKISHA256 string
}
