package cert

// What the keeper tells.

import (
	"crypto/sha256"
	"crypto/x509"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// Phase is what the keeper is about.
type Phase string

// The phases.
const (
	// PhaseOff: there is nothing to keep.
	PhaseOff Phase = "off"
	// PhaseClock: the clock has not been set yet.
	PhaseClock Phase = "waiting-for-clock"
	// PhaseNoAuthority: there is no own CA yet.
	PhaseNoAuthority Phase = "no-authority"
	// PhaseIssuing: a certificate is being obtained.
	PhaseIssuing Phase = "issuing"
	// PhaseWaiting: obtaining one failed, and is tried again at NextAttemptAt.
	PhaseWaiting Phase = "waiting"
	// PhaseHanding: there is one, and the broker does not serve it yet.
	PhaseHanding Phase = "handing-over"
	// PhaseKept: all is in place until NextRenewalAt.
	PhaseKept Phase = "kept"
)

// Status is what is known of the certificate. The zero Status means that nothing
// is known yet. It is immutable.
type Status struct {
	Mode  Mode
	Phase Phase
	Names []string
	// Held is the certificate that is kept; nil while there is none.
	Held *Held
	// NextRenewalAt is when it will be renewed, and RenewalReason by what that
	// is known, in words; zero and empty while there is none.
	NextRenewalAt time.Time
	RenewalReason string
	// LastError is why the last attempt to obtain one, or to hand it over, has
	// failed, in words; empty when it did not. NextAttemptAt is when it is tried
	// again; zero when nothing failed.
	LastError     string
	NextAttemptAt time.Time
	// Directory is the folder that the broker reads; empty where there is none.
	// WrittenAt is when it was last written by this process, ReloadedAt when the
	// broker was last told; both may be zero.
	Directory             string
	WrittenAt, ReloadedAt time.Time
	// Serving says of each service that is to serve it whether it does.
	Serving []Serving
	// Root is the own CA's certificate, CRL its list of revoked ones in DER; nil
	// in other modes, and while there is no CA.
	Root *x509.Certificate
	CRL  []byte
	// Link is what this has to say of the chain's link "certificate"; its
	// Verdict is pass where there is nothing to say. The zero Link says nothing.
	Link fact.Link
}

// Held is a certificate that is kept.
type Held struct {
	Names               []string
	Issuer              string // its issuer's common name, or organization
	Serial              string // hexadecimal
	NotBefore, NotAfter time.Time
	Key                 keys.Kind
	// SHA256 is that of the certificate, SPKI that of its public key.
	SHA256, SPKI [sha256.Size]byte
	// TasmotaFingerprint is what Tasmota's MqttFingerprint takes; empty for a key
	// of a kind that it has none for.
	TasmotaFingerprint string
}

// Serving is whether one service serves the certificate that is kept.
type Serving struct {
	Service string
	// State is unknown while the service was not reached since the certificate
	// was handed over; yes or no.
	State ServingState
	// At is when it was looked at.
	At time.Time
}

// ServingState is whether a service serves a certificate.
type ServingState string

// The states.
const (
	ServingUnknown ServingState = "unknown"
	ServingYes     ServingState = "yes"
	ServingNo      ServingState = "no"
)
