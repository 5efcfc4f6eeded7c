package authority

// What is asked of the authority.

import (
	"errors"
	"net/netip"
	"time"
)

// ErrNone means that there is no authority yet: the folder has none.
var ErrNone = errors.New("there is no certificate authority yet")

// ErrLocked means that the authority's key has a passphrase, and it was not
// given, or was another one.
var ErrLocked = errors.New("the certificate authority's key needs its passphrase")

// ServerRequest is a certificate for a server.
type ServerRequest struct {
	// Names are its DNS names, the first one its common name; never empty.
	Names []string
	// Addresses are IP addresses that it names as well; may be nil.
	Addresses []netip.Addr
	// Lifetime is for how long; zero means 397 days, which is also the most.
	Lifetime time.Duration
}
