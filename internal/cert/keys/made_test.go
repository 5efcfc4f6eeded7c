package keys_test

// Certificates for the tests, made once.

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// made are a root, what it issued for an RSA and for a P-256 key, and a stranger.
type made struct {
	root          *x509.Certificate
	rootKey       crypto.Signer
	rsa, ecdsa    keys.Pair
	other         keys.Pair // of another root
	rsaKey, ecKey crypto.Signer
}

var all = sync.OnceValue(func() made {
	var m made
	generate := func(kind keys.Kind) crypto.Signer {
		key, err := kind.Generate()
		if err != nil {
			panic(err)
		}
		return key
	}
	m.rootKey, m.rsaKey, m.ecKey = generate(keys.P256), generate(keys.RSA2048), generate(keys.P256)
	m.root = sign("house", m.rootKey, nil, m.rootKey)
	pair := func(key crypto.Signer, issuer *x509.Certificate, issuerKey crypto.Signer) keys.Pair {
		p, err := keys.New([]*x509.Certificate{sign("phone", key, issuer, issuerKey), issuer}, key)
		if err != nil {
			panic(err)
		}
		return p
	}
	m.rsa, m.ecdsa = pair(m.rsaKey, m.root, m.rootKey), pair(m.ecKey, m.root, m.rootKey)
	strange := generate(keys.P256)
	m.other = pair(generate(keys.P256), sign("elsewhere", strange, nil, strange), strange)
	return m
})

// sign makes a certificate; a nil issuer makes it a root.
func sign(name string, key crypto.Signer, issuer *x509.Certificate, issuerKey crypto.Signer) *x509.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true,
	}
	if issuer == nil {
		issuer, template.IsCA, template.KeyUsage = template, true, x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), issuerKey)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
}

// tool runs a program and returns what it says on both outputs; a program that
// is not there skips the test.
func tool(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("EDGEGUARD_LAB") == "require" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err
}

// must is tool where it has to succeed.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := tool(t, name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
