package hairpin

// What the prober of the services and of the router's loopback needs.

import (
	"crypto/x509"
	"log/slog"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/hairpin/nonce"
	"github.com/edgeguard/edgeguard/internal/secret"
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
	// Host is what it is found by where that is no address: a host name or a MAC
	// address. Address may be the zero AddrPort then, while it is not found.
	Host string
	// Remote is whether it is not in the home, so that no router leads to it.
	Remote bool
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
	// User and Password are what a broker is called with, once its certificate
	// has proved that it is the one that is meant; an empty User means neither.
	User     string
	Password secret.Value
	// CertificateFile is the PEM file that it is to serve its certificate from;
	// empty means that none is known.
	CertificateFile string
	// FileKept is whether edgeguard itself keeps that file: what is wrong with it
	// is said by who keeps it, and not held against the config.
	FileKept bool
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
	// ClockFloor is before every moment at which this program can run: a clock
	// that shows less is wrong. Zero means that every clock is believed.
	ClockFloor time.Time
	// Gateway returns the router's address in the LAN, whose own page is told
	// from the service by its certificate; nil means that it is not known.
	Gateway func() (netip.Addr, error)
	// Mapper has the router forward a port to us for a moment, to find out whom
	// services see by the public address; nil means that nobody looks.
	Mapper nonce.Mapper
	// Log; nil means none.
	Log *slog.Logger
}
