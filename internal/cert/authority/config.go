package authority

// What is asked of the authority.

import (
	"errors"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// ErrNone means that there is no authority yet: the folder has none.
var ErrNone = errors.New("there is no certificate authority yet")

// ErrExists means that the folder has an authority already; it is left as it is.
var ErrExists = errors.New("there is a certificate authority already")

// ErrLocked means that the authority's key has a passphrase, and it was not
// given, or was another one.
var ErrLocked = errors.New("the certificate authority's key needs its passphrase")

// ErrDamaged means that a file of the authority is not what it should be. It is
// left as it is, as it may hold the only copy of something.
var ErrDamaged = errors.New("the certificate authority's files are damaged and were left as they are; restore the folder from a backup")

// ErrBusy means that another process has been at work on the authority for
// longer than anything takes.
var ErrBusy = errors.New("another process is using the certificate authority; try again")

// ErrUnknown means that no certificate of that name or serial was issued.
var ErrUnknown = errors.New("no certificate of that name or serial number was issued")

// ErrEnded means that the certificate that issues is past its end, or that the
// clock is before its beginning.
var ErrEnded = errors.New("the certificate authority is not valid now")

// Options are how an authority is made. The zero Options are good ones.
type Options struct {
	// Name is the common name of the root, which phones show; at most 56
	// printable bytes. Empty means "edgeguard CA".
	Name string
	// Key is the kind of the authority's own keys; empty means keys.RSA2048, as an
	// ESP8266 with Tasmota verifies no longer one.
	Key keys.Kind
	// Permitted are the DNS domains that the authority is limited to, itself and
	// all below it: a constraint that most clients hold a thief of the key to. With
	// it, no address is permitted unless PermittedAddresses says so. Nil means no
	// limit.
	Permitted []string
	// PermittedAddresses are the addresses that it is limited to; nil means none
	// where Permitted is given, and no limit otherwise. Only along with Permitted.
	PermittedAddresses []netip.Prefix
	// Lifetime is for how long the root is valid; zero means 10 years. From a day
	// to 30 years.
	Lifetime time.Duration
	// Passphrase encrypts the keys, that of OfflineFolder too; the zero Value
	// leaves them to the mode of their files.
	Passphrase secret.Value
	// OfflineFolder gets the root's key, which is not kept then: an intermediate
	// of half the root's lifetime, at most 5 years, is kept and issues. The folder
	// must be there, and not be the authority's own. Empty keeps the root's key.
	OfflineFolder string
	// CRLURL is where the list of revoked certificates is served (http), which
	// client certificates then tell; may be empty.
	CRLURL string
}

// ServerRequest is a certificate for a server.
type ServerRequest struct {
	// Names are its DNS names, the first one its common name; never empty.
	Names []string
	// Addresses are IP addresses that it names as well; may be nil.
	Addresses []netip.Addr
	// Lifetime is for how long; zero means 397 days, which is also the most.
	Lifetime time.Duration
}

// ClientRequest is a certificate for a client.
type ClientRequest struct {
	// Name is its common name, which the broker takes as the user name; at most
	// 64 printable bytes. See IssueClient for what it must not hold.
	Name string
	// Lifetime is for how long; zero means 5 years. It ends no later than the
	// authority in any case.
	Lifetime time.Duration
}

// The kinds of Issued.
const (
	KindServer = "server"
	KindClient = "client"
)

// Issued is a certificate that was issued, or recorded just before a crash kept
// it from leaving.
type Issued struct {
	// Serial is its serial number, 32 lower-case hexadecimal digits.
	Serial string `json:"serial"`
	// Kind is KindServer or KindClient.
	Kind string `json:"kind"`
	// Name is the client's name, or the first name of the server.
	Name string `json:"name"`
	// Names are all names and addresses of a server; nil for a client.
	Names []string `json:"names,omitempty"`
	// NotBefore and NotAfter are when it is valid.
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// RevokedAt is when it was revoked; zero where it was not.
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}
