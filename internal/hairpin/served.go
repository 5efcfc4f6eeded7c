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

// Served is the certificate that a service showed at the last look.
type Served struct {
	// Service is its name.
	Service string
	// Leaf is the certificate; nil where it was not reached or showed none.
	Leaf *x509.Certificate
	// At is when the look began.
	At time.Time
}

// Served lists what the services showed at the last look, in the order of the
// config; nil before the first. Unlike Status it says so of every look, and
// nobody is told of a new one. It is read-only.
func (p *Prober) Served() []Served {
	if list := p.shown.Load(); list != nil {
		return *list
	}
	return nil
}

// show publishes what a round saw that began at a time.
func (p *Prober) show(looks []look, begun time.Time) {
	list := make([]Served, len(looks))
	for i, l := range looks {
		list[i] = Served{Service: p.cfg.Services[i].Name, At: begun}
		if l.served != nil {
			list[i].Leaf = l.served.Leaf
		}
	}
	p.shown.Store(&list)
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
