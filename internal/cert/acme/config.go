package acme

// What an Issuer needs, and what it is asked.

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// Challenge is how the names are proved, as it is written in the config.
type Challenge string

// The challenges.
const (
	// DNS01 proves a name by a TXT record; nothing has to be reachable.
	DNS01 Challenge = "dns-01"
	// HTTP01 proves it by an answer on port 80 of the public address.
	HTTP01 Challenge = "http-01"
)

// The directories of Let's Encrypt.
const (
	LetsEncrypt        = "https://acme-v02.api.letsencrypt.org/directory"
	LetsEncryptStaging = "https://acme-staging-v02.api.letsencrypt.org/directory"
)

// Config is what the config file decides, and in the lower half what only the
// running process can give.
type Config struct {
	// Directory is the URL of the CA's directory; never empty.
	Directory string
	// Rehearsal is the directory of a CA at which a new set of names is tried
	// first, as its failures cost nothing; empty means that none is.
	Rehearsal string
	// Roots verify the CA's own servers; nil means the system's.
	Roots *x509.CertPool
	// Email is told to the CA; may be empty.
	Email string
	// Profile is the profile of certificate to ask for, where the CA has it;
	// empty leaves it to the CA.
	Profile string
	// Challenge is DNS01 or HTTP01; empty is DNS01.
	Challenge Challenge
	// EABKeyID and EABKey bind the account to one that the CA already knows
	// (RFC 8555, section 7.3.4); both or neither. The key is base64url.
	EABKeyID string
	EABKey   secret.Value
	// Propagation bounds the wait until every server shows a TXT record; zero
	// means 30 minutes.
	Propagation time.Duration
	// Folder is where accounts, orders and refusals are remembered.
	Folder string

	// Records writes TXT records; needed for DNS01.
	Records Records
	// Names looks public names up; never our own split view. Needed for DNS01.
	Names Names
	// Ports opens port 80 to us; needed for HTTP01.
	Ports Ports
	// PublicAddresses returns the public address of the home for the check
	// before HTTP01; nil means that it is not known.
	PublicAddresses func() []string
	// UserAgent is told to the CA.
	UserAgent string
	// Dial connects to the CA's servers; nil means the system's way.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Log; nil means none.
	Log *slog.Logger
}

// Request is a certificate that is wanted.
type Request struct {
	// Names are its DNS names, the first one its common name; never empty. A
	// wildcard needs DNS01.
	Names []string
	// Key is its key, which the caller has written down already.
	Key crypto.Signer
	// Replaces is the certificate that it renews; nil means none.
	Replaces *x509.Certificate
}

// Records writes TXT records in a public zone. It is called by one goroutine at
// a time. Errors hold no secrets.
type Records interface {
	// Add adds the value to the TXT records of name (canonical, without the dot
	// at the end), and leaves others as they are unless Single.
	Add(ctx context.Context, name, value string) error
	// Remove takes it away again; one that is not there is no error.
	Remove(ctx context.Context, name, value string) error
	// Single reports whether name can hold only one value at a time, for all
	// names of its zone together (as at DuckDNS). An error says that nobody here
	// can write name, and why.
	Single(name string) (bool, error)
}

// Names looks names up in the public DNS.
type Names interface {
	// Target follows CNAME records from name and returns the name at their end,
	// name itself where there are none.
	Target(ctx context.Context, name string) (string, error)
	// TXT asks every authoritative server of name, and the configured upstreams,
	// for its TXT records.
	TXT(ctx context.Context, name string) ([]View, error)
	// Addresses asks for the A and AAAA records that the world sees, as text.
	Addresses(ctx context.Context, name string) ([]string, error)
	// CAA returns the CAA records that hold for name (RFC 8659, section 3), from
	// it or the nearest name above it, as "TAG VALUE"; nil where there are none.
	CAA(ctx context.Context, name string) ([]string, error)
}

// View is what one DNS server says of a name.
type View struct {
	// Server is the server, for people.
	Server string
	// Values are the TXT records; nil where there are none.
	Values []string
	// Err is why it is not known; nil where it is.
	Err error
}

// Ports opens port 80 of the public address to a port of ours for a while.
type Ports interface {
	// Open leads the public port 80 to the local port until the returned
	// function is called, or lease has gone by, also after a crash.
	Open(ctx context.Context, local uint16, lease time.Duration) (end func(context.Context) error, err error)
}

// Window is when a CA wants a certificate to be renewed.
type Window struct {
	Start, End time.Time
	// AskAgain is when to ask anew.
	AskAgain time.Time
	// Explanation is a page that says why, where the CA gives one; it is foreign
	// text.
	Explanation string
}

// ErrNoWindow means that the CA says nothing of when to renew.
var ErrNoWindow = errors.New("the CA does not say when to renew")

// Fault is an attempt that failed. Its text holds no secret and is safe to show.
type Fault struct {
	// Text says what happened, in words; Action what a person can do, may be
	// empty.
	Text, Action string
	// NotBefore is the moment before which it must not be tried again: what the
	// CA asked for, or its known limits demand. Zero leaves it to the caller.
	NotBefore time.Time
	// Rehearsed is whether it failed at the rehearsal, which cost nothing.
	Rehearsed bool
}

// Error implements error.
func (f *Fault) Error() string { return f.Text }
