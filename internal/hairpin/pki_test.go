package hairpin_test

// Authorities and certificates, made for each test.

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync/atomic"
	"testing"
	"time"
)

var serial atomic.Int64

// authority signs certificates; above is what it sends along with them.
type authority struct {
	cert  *x509.Certificate
	key   crypto.Signer
	above [][]byte
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newCA returns a root authority.
func newCA(t testing.TB, name string) *authority {
	t.Helper()
	return (*authority)(nil).sub(t, name, nil)
}

// sub returns an authority below a, or a root where a is nil.
func (a *authority) sub(t testing.TB, name string, change func(*x509.Certificate)) *authority {
	t.Helper()
	key := newKey(t)
	template := template(name)
	template.IsCA, template.KeyUsage, template.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(10*365*24*time.Hour)
	if change != nil {
		change(template)
	}
	child := &authority{key: key}
	parent, signer := template, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	child.cert = sign(t, template, parent, key.Public(), signer)
	if a != nil {
		child.above = append([][]byte{child.cert.Raw}, a.above...)
	}
	return child
}

func template(cn string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(serial.Add(1)),
		Subject:               pkix.Name{CommonName: cn},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(90 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
}

func sign(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// issue returns a server's certificate for names, with the chain up to the
// root; change may be nil.
func (a *authority) issue(t testing.TB, names []string, change func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	return a.issueFor(t, newKey(t), names, change)
}

func (a *authority) issueFor(t testing.TB, key crypto.Signer, names []string, change func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	template := template("")
	template.DNSNames = names
	if change != nil {
		change(template)
	}
	leaf := sign(t, template, a.cert, key.Public(), a.key)
	return &tls.Certificate{Certificate: append([][]byte{leaf.Raw}, a.above...), PrivateKey: key, Leaf: leaf}
}

func (a *authority) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
}
