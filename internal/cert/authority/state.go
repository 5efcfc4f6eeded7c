package authority

// The state of the authority: its certificates, what it issued, its list of
// revoked ones. One file, so that it is old or new and never between.

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

const (
	stateVersion = 1
	// maxState bounds the state file, in bytes. It is the bound of a certificate's
	// names too.
	maxState = 8 << 20
	// maxIssued bounds how many certificates are remembered: enough for one a day
	// over the life of a root.
	maxIssued = 5000
)

// state is what the state file holds. It is handled by one goroutine.
type state struct {
	root *x509.Certificate
	// intermediate issues where it is not nil; the root does otherwise.
	intermediate *x509.Certificate
	crlURL       string
	// number is that of crl, which is always there.
	number int64
	crl    *x509.RevocationList
	issued []Issued
}

// stateFile is its form in JSON.
type stateFile struct {
	Version      int      `json:"version"`
	Root         []byte   `json:"root"` // DER
	Intermediate []byte   `json:"intermediate,omitempty"`
	CRLURL       string   `json:"crl_url,omitempty"`
	Number       int64    `json:"crl_number"`
	CRL          []byte   `json:"crl"`
	Issued       []Issued `json:"issued"`
}

// issuer is the certificate that issues.
func (s *state) issuer() *x509.Certificate {
	if s.intermediate != nil {
		return s.intermediate
	}
	return s.root
}

// chain is what follows a leaf where it is served: the root is known to the
// client, or it is of no use.
func (s *state) chain() []*x509.Certificate {
	if s.intermediate != nil {
		return []*x509.Certificate{s.intermediate}
	}
	return nil
}

func (s *state) encode() ([]byte, error) {
	f := stateFile{Version: stateVersion, Root: s.root.Raw, CRLURL: s.crlURL, Number: s.number,
		CRL: s.crl.Raw, Issued: s.issued}
	if s.intermediate != nil {
		f.Intermediate = s.intermediate.Raw
	}
	text, err := json.MarshalIndent(f, "", "\t")
	if err == nil && len(text) >= maxState {
		err = errors.New("the list of issued certificates would become too large")
	}
	return text, err
}

// parseState reads a state file, and believes nothing of it that can be checked.
func parseState(text []byte) (*state, error) {
	var f stateFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	if f.Version != stateVersion {
		return nil, fmt.Errorf("it is of version %d, and this program reads version %d", f.Version, stateVersion)
	}
	s := &state{crlURL: f.CRLURL, number: f.Number, issued: f.Issued}
	var err error
	if s.root, err = parseCA(f.Root, nil); err != nil {
		return nil, fmt.Errorf("its root: %w", err)
	}
	if len(f.Intermediate) > 0 {
		if s.intermediate, err = parseCA(f.Intermediate, s.root); err != nil {
			return nil, fmt.Errorf("its intermediate certificate: %w", err)
		}
	}
	if s.crl, err = x509.ParseRevocationList(f.CRL); err == nil {
		err = s.crl.CheckSignatureFrom(s.issuer())
	}
	if err != nil {
		return nil, fmt.Errorf("its list of revoked certificates: %w", err)
	}
	if s.number < 1 || s.crl.Number == nil || !s.crl.Number.IsInt64() || s.crl.Number.Int64() != s.number {
		return nil, errors.New("its list of revoked certificates has another number than it should have")
	}
	return s, checkIssued(s.issued)
}

// parseCA reads the certificate of an authority that by has signed, or itself
// where by is nil.
func parseCA(der []byte, by *x509.Certificate) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if by == nil {
		by = c
	}
	if _, ok := keys.KindOf(c.PublicKey); !ok || len(c.SubjectKeyId) == 0 || !c.IsCA {
		return nil, errors.New("it is not one that this program makes")
	}
	return c, c.CheckSignatureFrom(by)
}

// checkIssued looks at a list of certificates.
func checkIssued(list []Issued) error {
	if len(list) > maxIssued {
		return fmt.Errorf("it lists more than %d certificates", maxIssued)
	}
	seen := make(map[string]bool, len(list))
	for i, c := range list {
		raw, err := hex.DecodeString(c.Serial)
		switch {
		case err != nil, len(raw) != serialLength, strings.ToLower(c.Serial) != c.Serial, seen[c.Serial]:
			return fmt.Errorf("certificate %d of its list has no serial number of its own", i+1)
		case c.Kind != KindServer && c.Kind != KindClient, c.Name == "":
			return fmt.Errorf("certificate %d of its list is of no known kind, or has no name", i+1)
		case !c.NotAfter.After(c.NotBefore):
			return fmt.Errorf("certificate %d of its list ends before it begins", i+1)
		}
		seen[c.Serial] = true
	}
	return nil
}

// keptExpired is for how long a certificate is remembered after its end where
// room is needed: a revoked one has stood in a list by then that was made after
// its end (RFC 5280, section 3.3).
const keptExpired = 60 * 24 * time.Hour

// add appends c. Only where there is no room left are those forgotten that ended
// long ago: a clock that is wrong for a day must not make us forget who was
// revoked.
func (s *state) add(c Issued, now time.Time) error {
	if len(s.issued) >= maxIssued {
		kept := make([]Issued, 0, len(s.issued))
		for _, old := range s.issued {
			if now.Before(old.NotAfter.Add(keptExpired)) {
				kept = append(kept, old)
			}
		}
		s.issued = kept
	}
	if len(s.issued) >= maxIssued {
		return fmt.Errorf("there are %d certificates that have not ended, and no more are kept track of; something asks for far too many", maxIssued)
	}
	s.issued = append(s.issued, c)
	return nil
}
