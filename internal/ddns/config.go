package ddns

// What the keeper of the public records needs.

import (
	"context"
	"crypto/x509"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/miekg/dns"
)

// RecordConfig is one public record to keep. A [[ddns]] of the config is one or
// two of them, by its types.
type RecordConfig struct {
	// Account is where the record is kept; its Provider and Token are required.
	provider.Account
	// Domain is the name whose record is kept, canonical; it may begin with
	// "*." where the provider knows wildcards.
	Domain string
	// Type is "A" or "AAAA"; empty means "A".
	Type string
	// Host is the lower half of an AAAA record's address, in an address whose
	// first 64 bits are zero: the record says the home's prefix and this. The
	// zero Addr means that the record says the observed address itself.
	Host netip.Addr
	// DeleteOnExit has the record deleted when the daemon ends and when the
	// record is taken out of the config, if it says what we made it say; only
	// providers whose Kind can Delete.
	DeleteOnExit bool
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
	// Encrypted reports whether nobody on the way can change what Recurse
	// answers now. A resolver's word is then second-best evidence of what a
	// record says, where the authoritative servers cannot be asked; nil means
	// that it never is.
	Encrypted func() bool
	// DialAuthority opens the sockets to the authoritative servers; nil means a
	// plain net.Dialer, which is right outside of tests.
	DialAuthority authority.DialFunc
	// Dial reaches the providers; required where there are Records.
	Dial provider.DialFunc
	// RootCAs are who the providers' certificates must chain to; nil means the
	// system's roots, which is right outside of tests.
	RootCAs *x509.CertPool
	// StateFile is where writes are remembered over a restart; empty means
	// that they are not.
	StateFile string
	// Timeout bounds one call to a provider; default 20 s.
	Timeout time.Duration
	// Recheck is how often a record that is as it should be is looked at, up to
	// a tenth more by lot. It costs one question to one authoritative server.
	// The default is 2 h for one record, and that many times as long for
	// several, up to 12 h: twelve looks a day are what a home costs.
	Recheck time.Duration
	// Rand gives the jitter; nil means the process's own source.
	Rand *rand.Rand
	// Log; nil means none.
	Log *slog.Logger
}
