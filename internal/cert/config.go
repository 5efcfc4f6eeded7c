package cert

// What the keeper of the certificate needs.

import (
	"context"
	"crypto"
	"crypto/x509"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// Mode is where the certificate comes from, as it is written in the config.
type Mode string

// The modes.
const (
	// None: others look after the certificate.
	None Mode = "none"
	// ACME: a public CA issues it.
	ACME Mode = "acme"
	// OwnCA: the authority of the house issues it.
	OwnCA Mode = "own-ca"
)

// Config is what the config file decides, and in the lower half what only the
// running process can give.
type Config struct {
	// Mode; the empty one is None.
	Mode Mode
	// Names are the DNS names of the certificate, canonical, each once, the one
	// that clients dial first; never empty unless Mode is None.
	Names []string
	// Addresses are the IP addresses that it names as well; own CA only; may be
	// nil.
	Addresses []netip.Addr
	// Key is the kind of its key; empty means keys.RSA2048.
	Key keys.Kind
	// NewKey is whether each renewal has a new key. Otherwise the key stays, so
	// that devices which know it by its fingerprint go on.
	NewKey bool
	// Lifetime is for how long the own CA issues; zero means 397 days.
	Lifetime time.Duration
	// Folder is the folder of the certificate's own state, below state_dir.
	Folder string
	// ACME is for acme.New; only its config half is set. Its Folder lies in
	// Folder.
	ACME acme.Config
	// Deploy is for deploy.New. An empty Directory means that nothing is handed
	// over.
	Deploy deploy.Config
	// PassphraseFile holds the passphrase of the own CA's key; empty means that
	// it has none.
	PassphraseFile string
	// Services are the names of the services that are to serve it.
	Services []string

	// Issuer obtains certificates in mode ACME; nil in the other modes.
	Issuer Issuer
	// Authority opens the own CA, as it is on the disk at the moment; it is
	// called before each use, as commands change it beside the daemon. It
	// returns authority.ErrNone while there is none. Nil in the other modes.
	Authority func() (Authority, error)
	// Deployer hands the certificate over; nil means that nobody takes it.
	Deployer Deployer
	// Served returns what the services that are to serve the certificate served
	// when they were last looked at; nil means that nobody looks.
	Served func() []Served
	// Look has the services looked at at once; may be nil. It does not block.
	Look func()
	// ClockFloor is before every moment at which this program can run: while the
	// clock shows less, nothing is issued and nothing judged.
	ClockFloor time.Time
	// Rand gives the jitter; nil means the process's own source.
	Rand *rand.Rand
	// Log; nil means none.
	Log *slog.Logger
}

// Issuer is a public CA; *acme.Issuer implements it. Its errors are those of
// that package.
type Issuer interface {
	// Obtain returns a chain for r, the leaf first. It takes an order up again
	// that a crash or ctx broke off, where that order is still usable.
	Obtain(ctx context.Context, r acme.Request) ([]*x509.Certificate, error)
	// Window asks when the CA wants leaf to be renewed (RFC 9773), or returns
	// acme.ErrNoWindow where it says nothing of it.
	Window(ctx context.Context, leaf *x509.Certificate) (acme.Window, error)
}

// Authority is the own CA; *authority.Authority implements it.
type Authority interface {
	// Root is the certificate that devices are told of.
	Root() *x509.Certificate
	// Issuer is what issues: Root, or an intermediate below it.
	Issuer() *x509.Certificate
	// IssueServer issues for a key.
	IssueServer(r authority.ServerRequest, key crypto.Signer) (keys.Pair, error)
	// CRL is the list of revoked certificates in DER, signed anew where the last
	// one is near its end.
	CRL() ([]byte, error)
}

// Deployer hands over; *deploy.Deployer implements it.
type Deployer interface {
	// Write makes the folder hold h, and reports whether that changed anything
	// which has to be reloaded. Either all readers find the old pair or the new
	// one.
	Write(h deploy.Handed) (changed bool, err error)
	// Reload has the broker read the files anew. deploy.ErrNoReload means that
	// it is left to others.
	Reload(ctx context.Context) error
}

// Served is what one service served when it was last looked at.
type Served struct {
	// Service is its name.
	Service string
	// Leaf is the certificate; nil where it was not reached or spoke no TLS.
	Leaf *x509.Certificate
	// At is when that was.
	At time.Time
}
