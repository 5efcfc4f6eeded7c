package hairpin

// Reading the certificate that a service served, and judging its chain.

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// served is a certificate as one handshake showed it.
type served struct {
	cert Certificate
	// names are those that may be answered; nil unless cert.Trusted.
	names []string
	// wildcards are those among them of one label, which nobody answers unless
	// told to.
	wildcards []string
	// valid are the names that clients accept it for, wildcards included.
	valid     []string
	notBefore time.Time
}

// read describes the chain that a service served, leaf first, at a time. The
// chain is verified without a host name: whether the names are the right ones
// is another question.
func read(chain []*x509.Certificate, roots *x509.CertPool, configured []string, now time.Time) *served {
	leaf := chain[0]
	key := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	claimed := claimedNames(leaf)
	s := &served{
		notBefore: leaf.NotBefore,
		valid:     claimed,
		cert: Certificate{
			SubjectCN:  clean(leaf.Subject.CommonName),
			Names:      claimed,
			Issuer:     issuer(leaf),
			NotAfter:   leaf.NotAfter,
			SPKISHA256: hex.EncodeToString(key[:]),
		},
	}
	if hasSAN(leaf) {
		// Clients look at the CN only where there is no SAN (RFC 6125,
		// section 6.4.4), if at all.
		s.valid = dnsNames(leaf.DNSNames)
	}
	chains, err := verify(chain, roots, now)
	if err != nil {
		s.cert.Why = why(err, leaf, now)
		return s
	}
	s.cert.Trusted = true
	names := leaf.DNSNames
	if !constrained(chains) {
		names = append(slices.Clone(names), leaf.Subject.CommonName)
	}
	s.names, s.wildcards = hostNames(names, configured), wildcardNames(names)
	return s
}

func verify(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) ([][]*x509.Certificate, error) {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	return chain[0].Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: between,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// constrained reports whether every chain holds an authority that may sign for
// some names only. The verifier holds the SANs against that and passes over
// the CN, which would so be a way around it (RFC 5280, section 4.2.1.10).
func constrained(chains [][]*x509.Certificate) bool {
	for _, chain := range chains {
		if !slices.ContainsFunc(chain, func(c *x509.Certificate) bool {
			return len(c.PermittedDNSDomains)+len(c.ExcludedDNSDomains) > 0
		}) {
			return false
		}
	}
	return true
}

func hasSAN(leaf *x509.Certificate) bool {
	return len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.URIs)+len(leaf.EmailAddresses) > 0
}

// claimedNames are the host names and wildcards of SANs and CN.
func claimedNames(leaf *x509.Certificate) []string {
	return dnsNames(append(slices.Clone(leaf.DNSNames), leaf.Subject.CommonName))
}

// dnsNames brings names into canonical form and drops what is no name at all,
// which also makes them safe to show.
func dnsNames(list []string) []string {
	var names []string
	for _, name := range list {
		name = fact.CanonicalName(name)
		if len(names) < maxNames && (isHostName(name) || isWildcard(name)) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func selfSigned(c *x509.Certificate) bool { return string(c.RawIssuer) == string(c.RawSubject) }

// issuer names the authority for people.
func issuer(c *x509.Certificate) string {
	switch {
	case selfSigned(c):
		return "itself (self-signed)"
	case c.Issuer.CommonName != "":
		return clean(c.Issuer.CommonName)
	case len(c.Issuer.Organization) > 0:
		return clean(c.Issuer.Organization[0])
	default:
		return "an authority without a name"
	}
}

// why puts the verifier's refusal into words.
func why(err error, leaf *x509.Certificate, now time.Time) string {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		system  x509.SystemRootsError
	)
	switch {
	case errors.As(err, &invalid):
		return whyInvalid(invalid, leaf, now)
	case errors.As(err, &unknown) && selfSigned(leaf):
		return "it is self-signed; give it as ca_file if it is yours"
	case errors.As(err, &unknown):
		return fmt.Sprintf("signed by an authority this host does not trust: %s; give its CA certificate as ca_file", issuer(leaf))
	case errors.As(err, &system):
		return "this host has no root certificates to check it against; install them (ca-certificates), or give the CA certificate as ca_file"
	default:
		return "its chain does not verify: " + clean(err.Error())
	}
}

func whyInvalid(err x509.CertificateInvalidError, leaf *x509.Certificate, now time.Time) string {
	whose := "it"
	if err.Cert != nil && !err.Cert.Equal(leaf) {
		whose = "the certificate of its authority " + clean(err.Cert.Subject.CommonName)
	}
	switch {
	case err.Reason == x509.Expired && err.Cert != nil && now.Before(err.Cert.NotBefore):
		return fmt.Sprintf("%s is not valid before %s", whose, day(err.Cert.NotBefore))
	case err.Reason == x509.Expired && err.Cert != nil:
		return fmt.Sprintf("%s expired on %s", whose, day(err.Cert.NotAfter))
	case err.Reason == x509.IncompatibleUsage:
		return "it is not made for servers (its extended key usage lacks serverAuth), so clients refuse it"
	case err.Reason == x509.NotAuthorizedToSign:
		return "a certificate in its chain signs although it is no authority"
	default:
		return "its chain does not verify: " + clean(err.Error())
	}
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// expiresSoon reports whether less than a third of the certificate's life is
// left, or less than 14 days where its life is long.
func (s *served) expiresSoon(now time.Time) bool {
	third := s.cert.NotAfter.Sub(s.notBefore) / 3
	return s.cert.NotAfter.Sub(now) < min(14*24*time.Hour, third)
}

// serverName is the name to send in the handshake: the first configured name
// that is one (RFC 6066, section 3, allows no address and no wildcard).
func serverName(names []string) string {
	for _, name := range names {
		if isHostName(name) {
			return name
		}
	}
	return ""
}
