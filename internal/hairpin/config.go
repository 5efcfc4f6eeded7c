package hairpin

// What the prober of the services and of the router's loopback needs.

import (
	"crypto/x509"
	"log/slog"
	"net/netip"
	"time"
)

// ServiceKind is what a service speaks inside TLS.
type ServiceKind string

// The kinds of service.
const (
	// MQTT services are greeted up to their CONNACK.
	MQTT ServiceKind = "mqtt"
	// TLS services are looked at up to their certificate.
	TLS ServiceKind = "tls"
)

// Service is one [[service]] of the config, as far as probing needs it.
type Service struct {
	// Name is the service's name in the config.
	Name string
	// Address is where it listens in the LAN.
	Address netip.AddrPort
	// ExternalPort is its port on the public address.
	ExternalPort uint16
	// Names are the configured names, canonical; the first is what clients
	// dial and is sent as the server name. May be nil.
	Names []string
	// Kind is MQTT or TLS.
	Kind ServiceKind
	// Roots are the certificates its chain is verified against; nil means the
	// system's.
	Roots *x509.CertPool
}

// Config is what a Prober needs.
type Config struct {
	// Services are looked at in this order.
	Services []Service
	// Interval is how often each is looked at; default 15 s.
	Interval time.Duration
	// Timeout bounds one connection up to the last byte of the probe; default
	// 5 s.
	Timeout time.Duration
	// Log; nil means none.
	Log *slog.Logger
}
