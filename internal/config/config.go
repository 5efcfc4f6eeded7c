// Package config turns the TOML file and the environment into one validated
// Config. It is the only package that reads the config file, token files, CA
// files and environment variables.
//
// The way in has four steps: the text becomes a tree that knows the line of
// every value (tree.go), the tree fills a raw struct whose tags are the whole
// list of keys (raw.go, decode.go), the environment fills what the file left
// open (env.go), and the raw struct is checked and becomes a Config (build*.go).
// No step stops at the first mistake: all of them come back together, each with
// its file and line (errors.go). No text made here ever holds a secret.
package config

// What comes out: the runtime config, valid in itself.

import (
	"crypto/x509"
	"log/slog"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/hairpin/checker"
	"github.com/edgeguard/edgeguard/internal/notify"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// Config is a whole, validated configuration. The concerns' Configs in it hold
// what the config decides; what only the running process can give them (Log,
// Rand, Dial, OwnPrefixes, the listen addresses behind the word lan) is zero
// and is filled in by the command. It is read-only once returned.
type Config struct {
	// StateDir is the folder for what must outlive a restart.
	StateDir string
	// Services are the [[service]] tables in their order; never empty.
	Services []Service
	// WAN is for wan.New; all defaults.
	WAN wan.Config
	// WANSources are the places to ask for the public address, in the order of
	// the config; never empty.
	WANSources []wan.SourceSpec
	// WANSourcesIPv6 are the outside services that confirm our IPv6 address;
	// never empty.
	WANSourcesIPv6 []wan.SourceSpec
	// WANIPv6Interface is the interface whose IPv6 address is ours; empty means
	// that of the IPv6 default route.
	WANIPv6Interface string
	// LANRouter is the router to talk to; the zero Addr means the default
	// gateway.
	LANRouter netip.Addr
	// LANAddress is this host's own address in the LAN as the router sees it,
	// where its events are sent to as well; the zero Addr means that it is found
	// by itself.
	LANAddress netip.Addr
	// RouterEventPort is the port on which the router's UPnP events arrive; zero
	// means any free one.
	RouterEventPort uint16
	// DDNS holds the records, the resolvers (the plain DNS upstreams, or else
	// the bootstrap servers) and the state file.
	DDNS ddns.Config
	// Portmap holds the forwards: one for each service with an IPv4 address (one
	// that is not found yet is in Waiting), then those of [[portmap.forward]]. Its Methods are never empty where Enabled.
	Portmap portmap.Config
	// Relay is how the relay carries what Portmap.Relay leaves to it.
	Relay Relay
	// Pinholes are the ports that the router's firewall is to let through to
	// global IPv6 addresses; nil where there are none, or none are wanted.
	Pinholes []Pinhole
	// Hairpin holds the services as the prober needs them.
	Hairpin hairpin.Config
	// DNS is for dnsserver.New; its Listen and TLSListen are nil, as they need
	// DNSListen and DNSTLSListen resolved, and so is its Upstream, which is made of Upstream here.
	DNS dnsserver.Config
	// Upstream is for upstream.New; its Specs are never empty.
	Upstream upstream.Config
	// DNSListen are the addresses to listen on; never empty.
	DNSListen []Listen
	// DNSTLSListen are the addresses for DNS over TLS; nil where DNS has no
	// GetCertificate.
	DNSTLSListen []Listen
	// DNSTTL is the TTL of the overrides' answers.
	DNSTTL time.Duration
	// Names are the static overrides: the configured names and the ddns domains
	// that belong to a service, each name once, sorted by name. A name may be a
	// wildcard. Those of a service that is not found yet are not among them.
	Names []zone.Override
	// Records are the user's own DNS records, for zone.Build.
	Records []zone.Record
	// DNSPTR is whether the addresses of services and records have reverse
	// names in the zone.
	DNSPTR bool
	// Forwards are the [[dns.forward]] tables; each needs a pool, which goes
	// into DNS.Forwards once for each of its zones.
	Forwards []Forward
	// Certificate is for cert.New; its Mode is never empty, and the rest is zero
	// where that is none.
	Certificate cert.Config
	// CertificateAccounts are who may write the TXT records that prove names:
	// those of [[certificate.acme.dns]] and then those of [[ddns]], also at
	// providers that keep no such records; nil unless names are proved so.
	CertificateAccounts []CertificateAccount
	// Status is the HTTP surface.
	Status Status
	// Notify holds who is told of changes and failures, and the state file; its
	// Targets are nil where nobody is.
	Notify notify.Config
	// Outside is the checker on the Internet, with its Ports; its URL is zero
	// where there is none.
	Outside checker.Config
	// Push is who may push addresses; its User is empty where nobody may.
	Push Push
	// Log is how to log.
	Log Log
	// targets are where services and forwards lead, for Exposed; those of the
	// services come first, in their order.
	targets []target
	// told is what Located needs anew with each address.
	told told
	// Warnings are what a person should know and what is no error, in the form
	// of an Error each; nil when there are none.
	Warnings []string
}

// Service is one [[service]], validated.
type Service struct {
	// Name is unique among the services.
	Name string
	// Address is where it listens in the LAN; never a zone, never 4-in-6. The
	// zero AddrPort for one that is to be found and is not yet.
	Address netip.AddrPort
	// Port is the port of Address, also while that is not known.
	Port uint16
	// Host or MAC is what it is found by, canonical; both are empty where the
	// config says the address, and one at least is.
	Host, MAC string
	// Remote is whether it is not in the home: nothing is forwarded to it, and
	// its names are never answered here.
	Remote bool
	// ExternalPort is its port on the public address; never zero, but of a remote
	// service.
	ExternalPort uint16
	// Names are the configured names and the ddns domains that belong to it,
	// canonical, in the order of the file; may be nil.
	Names []string
	// Wildcards are the configured names of the form "*.example.org", canonical;
	// nil unless Wildcard, which also says that the wildcards of its trusted
	// certificate count.
	Wildcards []string
	Wildcard  bool
	// Kind is what it speaks inside TLS.
	Kind hairpin.ServiceKind
	// LANIPv6 is the IPv6 address that LAN clients are given beside Address;
	// the zero Addr means none.
	LANIPv6 netip.Addr
	// Roots are the certificates of ca_file, or what WithAuthority put in their
	// place; nil means the system's.
	Roots *x509.CertPool
	// Authorities are the same in the order of the file, for devices to install.
	Authorities []*x509.Certificate
	// hasRoots is whether Roots are those of ca_file.
	hasRoots bool
	// User and Password are what a broker is called with; an empty User means
	// that it is called without.
	User     string
	Password secret.Value
	// CertificateFile is the path of the PEM file that it serves its certificate
	// from; empty means that none is known.
	CertificateFile string
	// FileKept is whether edgeguard itself keeps CertificateFile, under
	// [certificate].
	FileKept bool
}

// Override returns the override that gives name this service's LAN addresses.
// Name must be canonical.
func (s Service) Override(name, reason string) zone.Override {
	o := zone.Override{Name: name, Reason: reason}
	for _, addr := range []netip.Addr{s.Address.Addr(), s.LANIPv6} {
		switch {
		case addr.Is4():
			o.V4 = append(o.V4, addr)
		case addr.Is6():
			o.V6 = append(o.V6, addr)
		}
	}
	return o
}

// Relay is what [portmap] says of the relay beside when it is used.
type Relay struct {
	// MaxConnections is how many connections it carries at a time, for each
	// forward.
	MaxConnections int
	// MaxPerSource is how many of these one IPv4 address or IPv6 /64 may have.
	MaxPerSource int
	// Idle is how long a connection may be silent in both directions.
	Idle time.Duration
	// ProxyProtocol is whether the service is told the client's address, by a
	// header of the PROXY protocol, version 2, before the client's own bytes.
	ProxyProtocol bool
}

// Pinhole is a port that is reached at a global IPv6 address of the home.
type Pinhole struct {
	// Service is the name of the [[service]] or [[portmap.forward]].
	Service  string
	Protocol fact.Protocol
	// Port is the same inside and outside: nothing on the way changes it.
	Port uint16
	// Address is the address as the config says it, in 2000::/3; the zero Addr
	// where only Record knows it.
	Address netip.Addr
	// Record is the domain of the AAAA record that says the service's address of
	// the day, which counts before Address, as the home's prefix comes and goes;
	// empty where no record is kept.
	Record string
}

// Forward is one [[dns.forward]], validated.
type Forward struct {
	// Zones are the names that are forwarded, with all below them; one, or
	// several where a network has several reverse zones. Never empty.
	Zones []string
	// Upstream is for upstream.New; its Servers are never empty.
	Upstream upstream.Config
}

// Status is the [status] table, validated.
type Status struct {
	// Listen is where the page and the API are served.
	Listen Listen
}

// CertificateAccount is who may write TXT records for Domain, which is
// canonical and may begin with "*.", and in the zone that it is in.
type CertificateAccount struct {
	provider.Account
	Domain string
	// Only is whether it is of [[certificate.acme.dns]], and so of no use but
	// for TXT records.
	Only bool
}

// Push is the [push] table, validated.
type Push struct {
	// User and Password are what the router must give; both or none.
	User     string
	Password secret.Value
}

// The values of Log.Format.
const (
	// FormatAuto is text on a terminal and JSON elsewhere.
	FormatAuto = "auto"
	// FormatText is slog's text form.
	FormatText = "text"
	// FormatJSON is slog's JSON form.
	FormatJSON = "json"
)

// Log is the [log] table, validated.
type Log struct {
	// Level is the least level that is written.
	Level slog.Level
	// Format is one of the Format constants.
	Format string
}
