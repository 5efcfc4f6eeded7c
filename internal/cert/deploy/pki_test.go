package deploy_test

// Pairs, made once for all tests.

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// pki is an authority and what it has issued.
type pki struct {
	root   *x509.Certificate
	key    crypto.Signer
	rsa    []crypto.Signer // two
	pairs  []keys.Pair     // P-256, each with a key of its own
	serial atomic.Int64
}

var house = sync.OnceValue(func() *pki {
	p := &pki{key: must(keys.P256.Generate())}
	p.root = p.sign(template("Test Root", func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	}), nil, p.key)
	for range 2 {
		p.rsa = append(p.rsa, must(keys.RSA2048.Generate()))
	}
	for range 6 {
		p.pairs = append(p.pairs, p.issue(must(keys.P256.Generate())))
	}
	return p
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func template(name string, change func(*x509.Certificate)) *x509.Certificate {
	c := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(90 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if change != nil {
		change(c)
	}
	return c
}

// sign signs with the root; a nil parent is the certificate itself.
func (p *pki) sign(c, parent *x509.Certificate, key crypto.Signer) *x509.Certificate {
	c.SerialNumber = big.NewInt(p.serial.Add(1))
	if parent == nil {
		parent = c
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, parent, key.Public(), p.key))))
}

// issue issues a new certificate for a key, with the root behind it.
func (p *pki) issue(key crypto.Signer) keys.Pair {
	leaf := p.sign(template("mqtt.example.org", func(c *x509.Certificate) { c.DNSNames = []string{"mqtt.example.org"} }), p.root, key)
	return must(keys.New([]*x509.Certificate{leaf, p.root}, key))
}

// crl is an empty list of revoked certificates.
func (p *pki) crl(number int64) []byte {
	return must(x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(number), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(24 * time.Hour),
	}, p.root, p.key))
}

func handed(p keys.Pair) deploy.Handed { return deploy.Handed{Pair: p} }

// config is that of a folder, with nobody's owner.
func config(dir string) deploy.Config { return deploy.Config{Directory: dir, UID: -1, GID: -1} }

// write writes h, and fails the test unless that changes what it should.
func write(t *testing.T, d *deploy.Deployer, h deploy.Handed, changes bool) {
	t.Helper()
	if changed, err := d.Write(h); err != nil || changed != changes {
		t.Fatalf("Write gives %v, %v; want %v", changed, err, changes)
	}
}
