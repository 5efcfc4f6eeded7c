package hairpin

// The certificate that a service served, as it is published.

import (
	"crypto/x509"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/certs"
)

// served is a certificate as one handshake showed it. It is immutable.
type served struct {
	cert Certificate
	*certs.Certificate
}

// read describes the chain that a service served, leaf first, at a time, for
// one that says nothing of what stands between; see readKnown.
func read(chain []*x509.Certificate, roots *x509.CertPool, configured []string, now time.Time) *served {
	return readKnown(chain, roots, configured, nil, now)
}

// readKnown is certs.Read, in words too.
func readKnown(chain []*x509.Certificate, roots *x509.CertPool, configured []string, known []*x509.Certificate, now time.Time) *served {
	c := certs.Read(chain, roots, configured, known, now)
	s := &served{Certificate: c, cert: Certificate{
		SubjectCN:          c.SubjectCN,
		Names:              c.Claimed,
		Issuer:             c.Issuer,
		NotBefore:          c.Leaf.NotBefore,
		NotAfter:           c.Leaf.NotAfter,
		Key:                certs.Key(c.Leaf),
		Trusted:            c.Chain.Trusted,
		Why:                whyUntrusted(c),
		Root:               c.Chain.Root,
		SPKISHA256:         c.SPKI,
		TasmotaFingerprint: certs.TasmotaFingerprint(c.Leaf),
	}}
	switch c.Chain.Complete {
	case certs.Complete:
		s.cert.Complete = fact.VerdictPass
	case certs.Incomplete:
		s.cert.Complete = fact.VerdictFail
	}
	return s
}

// serverName is the name to send in the handshake: the first configured name
// that is one (RFC 6066, section 3, allows no address and no wildcard).
func serverName(names []string) string {
	for _, name := range names {
		if certs.IsHostName(name) {
			return name
		}
	}
	return ""
}
