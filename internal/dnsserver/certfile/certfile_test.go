package certfile_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/certfile"
)

// makePair returns a certificate and its key in PEM.
func makePair(t *testing.T, name string, until time.Time) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: until.AddDate(-1, 0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// write writes a file with a time stamp that no file had before.
func write(t *testing.T, path string, data []byte, stamp time.Time) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, stamp, stamp); err != nil {
		t.Fatal(err)
	}
}

func nameOf(l *certfile.Loader) string { return l.Certificate().Leaf.Subject.CommonName }

func TestChangedFilesAreTakenAndBrokenOnesAreNot(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	certPath, keyPath := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	clock := now
	later := func(d time.Duration) time.Time { clock = clock.Add(d); return clock }
	put := func(path string, data []byte) { write(t, path, data, later(time.Second)) }
	cert1, key1 := makePair(t, "one", now.AddDate(1, 0, 0))
	cert2, key2 := makePair(t, "two", now.AddDate(1, 0, 0))
	put(certPath, cert1)
	put(keyPath, key1)
	l, err := certfile.New(certPath, keyPath, os.ReadFile, nil, func() time.Time { return clock })
	if err != nil || nameOf(l) != "one" || l.Problem() != "" {
		t.Fatalf("New = %v", err)
	}
	for _, step := range []struct {
		what    string
		change  func()
		name    string
		problem string
	}{
		{"the key is still the old one", func() { put(certPath, cert2) }, "one", "cert.pem and "},
		{"both are there", func() { put(keyPath, key2) }, "two", ""},
		{"half a file", func() { put(certPath, cert1[:len(cert1)/2]) }, "two", "stays"},
		{"no file", func() { _ = os.Remove(certPath) }, "two", "no such file"},
		{"the same again", func() { put(certPath, cert2) }, "two", ""},
		{"an empty key", func() { put(keyPath, nil) }, "two", "stays"},
		{"the first pair", func() { put(certPath, cert1); put(keyPath, key1) }, "one", ""},
	} {
		before := nameOf(l)
		step.change()
		if got := nameOf(l); got != before {
			t.Errorf("%s: %s is in use before a minute is over", step.what, got)
		}
		later(time.Minute)
		if got := nameOf(l); got != step.name {
			t.Errorf("%s: %s is in use, want %s", step.what, got, step.name)
		}
		if p := l.Problem(); (p == "") != (step.problem == "") || !strings.Contains(p, step.problem) {
			t.Errorf("%s: the problem is %q, want %q", step.what, p, step.problem)
		}
		if strings.Contains(l.Problem(), "BEGIN") {
			t.Errorf("%s: the problem quotes the file", step.what)
		}
	}
}

func TestOneCombinedFileAndItsEnd(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "both.pem"), time.Now()
	cert, key := makePair(t, "both", now.Add(time.Hour))
	write(t, path, append(key, cert...), now)
	clock := now
	l, err := certfile.New(path, "", os.ReadFile, nil, func() time.Time { return clock })
	if err != nil || nameOf(l) != "both" || l.Problem() != "" {
		t.Fatalf("New = %v", err)
	}
	clock = now.Add(2 * time.Hour)
	if p := l.Problem(); !strings.Contains(p, "ran out on") {
		t.Errorf("after its end the problem is %q", p)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	cert, key := makePair(t, "x", now.Add(time.Hour))
	_, other := makePair(t, "y", now.Add(time.Hour))
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	write(t, a, cert, now)
	write(t, b, key, now)
	write(t, c, other, now)
	for name, paths := range map[string][2]string{
		"another key": {a, c}, "no key": {a, ""}, "swapped": {b, a}, "no file": {filepath.Join(dir, "none"), b},
	} {
		if _, err := certfile.New(paths[0], paths[1], os.ReadFile, nil, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
