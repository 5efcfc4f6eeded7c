//go:build linux

package lab

// Certificates: an authority that the home trusts, and one that it does not.

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA is a certificate authority of a lab.
type CA struct {
	// File is the authority's certificate as a PEM file, for --cafile,
	// ca_file and SSL_CERT_FILE. It is gone when the test ends.
	File string
	// Cert is the same certificate.
	Cert *x509.Certificate

	key crypto.Signer
}

// Certificate is a server's certificate with its key.
type Certificate struct {
	// Leaf is the certificate itself.
	Leaf *x509.Certificate
	// TLS is what a Go server needs.
	TLS tls.Certificate
	// PEM holds certificate and key in one, as mosquitto wants them: one file
	// that is replaced at once can never hold a pair that does not match.
	PEM []byte
}

// NewCA makes an authority with this common name.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("making a CA key: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial(t),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	cert := sign(t, template, template, key.Public(), key)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pemBlock("CERTIFICATE", cert.Raw), 0o644); err != nil {
		t.Fatalf("writing the CA's certificate: %v", err)
	}
	return &CA{File: file, Cert: cert, key: key}
}

// Issue makes a server certificate (RSA 2048) for these names or addresses.
// The first is its common name, too.
func (ca *CA) Issue(t testing.TB, names ...string) *Certificate {
	t.Helper()
	return ca.IssueUntil(t, time.Now().AddDate(0, 0, 90), names...)
}

// IssueUntil is Issue with an end of the certificate's life, which may have
// passed.
func (ca *CA) IssueUntil(t testing.TB, notAfter time.Time, names ...string) *Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatalf("making a server key: %v", err)
	}
	return ca.issue(t, key, notAfter, names...)
}

// IssueEC is Issue with an ECDSA key.
func (ca *CA) IssueEC(t testing.TB, names ...string) *Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("making a server key: %v", err)
	}
	return ca.issue(t, key, time.Now().AddDate(0, 0, 90), names...)
}

func (ca *CA) issue(t testing.TB, key crypto.Signer, notAfter time.Time, names ...string) *Certificate {
	t.Helper()
	return ca.certify(t, template(t, notAfter, names...), key)
}

// template is a server's certificate before it is signed.
func template(t testing.TB, notAfter time.Time, names ...string) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t),
		Subject:      pkix.Name{CommonName: names[0]},
		NotBefore:    notAfter.AddDate(0, 0, -91),
		NotAfter:     notAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if addr, err := netip.ParseAddr(name); err == nil {
			template.IPAddresses = append(template.IPAddresses, addr.AsSlice())
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return template
}

// certify signs a server's certificate.
func (ca *CA) certify(t testing.TB, template *x509.Certificate, key crypto.Signer) *Certificate {
	t.Helper()
	return certificate(t, sign(t, template, ca.Cert, key.Public(), ca.key), key)
}

// certificate is one with its key.
func certificate(t testing.TB, leaf *x509.Certificate, key crypto.Signer) *Certificate {
	t.Helper()
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("writing a server key: %v", err)
	}
	return &Certificate{
		Leaf: leaf,
		TLS:  tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf},
		PEM:  append(pemBlock("CERTIFICATE", leaf.Raw), pemBlock("PRIVATE KEY", keyDER)...),
	}
}

func sign(t testing.TB, template, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		t.Fatalf("signing a certificate: %v", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("reading back a certificate: %v", err)
	}
	return cert
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatalf("making a serial number: %v", err)
	}
	return n
}

func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
