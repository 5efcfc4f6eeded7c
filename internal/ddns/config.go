package ddns

// What the keeper of the public records needs.

import (
	"context"
	"crypto/x509"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/miekg/dns"
)

// DialFunc dials as net.Dialer.DialContext does, but finds host names through
// the configured upstream resolvers, never through ourselves.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// RecordConfig is one [[ddns]] of the config, validated.
type RecordConfig struct {
	// Provider is "cloudflare" or "duckdns".
	Provider string
	// Domain is the name whose A record is kept, canonical.
	Domain string
	// Zone is the zone that holds Domain, canonical; empty means that it is
	// derived from the public suffix list (DuckDNS needs none).
	Zone string
	// Token is the provider's secret; required.
	Token secret.Value
}

// Config is what a Manager needs.
type Config struct {
	// Records are the records to keep; empty means that DDNS is not used.
	Records []RecordConfig
	// Resolvers are recursive servers through which the zone's authoritative
	// servers are found; required where there are Records. They must not be
	// ourselves.
	Resolvers []netip.AddrPort
	// Recurse asks a recursive server in their place; nil means that Resolvers
	// are asked.
	Recurse func(ctx context.Context, question *dns.Msg) (*dns.Msg, error)
	// Dial reaches the providers; required where there are Records.
	Dial DialFunc
	// RootCAs are who the providers' certificates must chain to; nil means the
	// system's roots, which is right outside of tests.
	RootCAs *x509.CertPool
	// StateFile is where writes are remembered over a restart; empty means
	// that they are not.
	StateFile string
	// Timeout bounds one call to a provider; default 20 s.
	Timeout time.Duration
	// Recheck is how often a record that is as it should be is looked at;
	// default 15 min. It costs the authoritative servers a question.
	Recheck time.Duration
	// Rand gives the jitter; nil means the process's own source.
	Rand *rand.Rand
	// Log; nil means none.
	Log *slog.Logger
}
