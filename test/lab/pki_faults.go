//go:build linux

package lab

// Certificates as they should not be.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"
	"time"
)

// IssueWith is IssueEC for a certificate that is another one than usual: change
// gets it before it is signed.
func (ca *CA) IssueWith(t testing.TB, change func(*x509.Certificate), names ...string) *Certificate {
	t.Helper()
	c := template(t, time.Now().AddDate(0, 0, 90), names...)
	change(c)
	return ca.certify(t, c, ecKey(t))
}

// SelfSigned makes a server certificate that no authority has signed.
func SelfSigned(t testing.TB, names ...string) *Certificate {
	t.Helper()
	key := ecKey(t)
	c := template(t, time.Now().AddDate(0, 0, 90), names...)
	return certificate(t, sign(t, c, c, key.Public(), key), key)
}

// Intermediate makes an authority below this one that lives until notAfter. It
// has no File, as nobody need have its certificate: servers send it along, see
// Certificate.Chain. What it issues says where the certificate can be fetched, as
// the certificates of public authorities do.
func (ca *CA) Intermediate(t testing.TB, name string, notAfter time.Time) *CA {
	t.Helper()
	key := ecKey(t)
	cert := sign(t, &x509.Certificate{
		SerialNumber:          serial(t),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             notAfter.AddDate(-1, 0, 0),
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}, ca.Cert, key.Public(), ca.key)
	return &CA{Cert: cert, key: key}
}

// IssueBelow is IssueEC of an authority that Intermediate made: the certificate
// alone, as in a cert.pem.
func (ca *CA) IssueBelow(t testing.TB, names ...string) *Certificate {
	t.Helper()
	return ca.IssueWith(t, func(c *x509.Certificate) {
		c.IssuingCertificateURL = []string{"http://ca.example.net/intermediate.der"}
	}, names...)
}

// Chain is the certificate with that of the authority above it, as in a
// fullchain.pem.
func (c *Certificate) Chain(above *CA) *Certificate {
	whole := *c
	whole.PEM = append(append([]byte{}, c.PEM...), pemBlock("CERTIFICATE", above.Cert.Raw)...)
	whole.TLS.Certificate = append([][]byte{}, append(c.TLS.Certificate, above.Cert.Raw)...)
	return &whole
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("making a server key: %v", err)
	}
	return key
}
