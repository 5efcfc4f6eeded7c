package certs_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/edgeguard/edgeguard/internal/hairpin/certs"
)

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	temp := path + ".new"
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temp, path); err != nil {
		t.Fatal(err)
	}
}

// As certbot keeps them: a link in live/ that a renewal leads elsewhere.
func TestFileIsFollowed(t *testing.T) {
	dir, ca := t.TempDir(), newAuthority(t, "Home CA", nil)
	first, second := leafOf(t, ca, nil), leafOf(t, ca, nil)
	link := filepath.Join(dir, "fullchain.pem")
	f := certs.NewFile(link)
	expect := func(what string, want *x509.Certificate, wantErr error) {
		t.Helper()
		for range 2 {
			chain, err := f.Look()
			if !errors.Is(err, wantErr) || (want == nil) != (len(chain) == 0) || want != nil && !chain[0].Equal(want) {
				t.Errorf("%s: %d certificates, %v", what, len(chain), err)
			}
		}
	}
	expect("no file", nil, certs.ErrNoFile)
	put(t, filepath.Join(dir, "1.pem"), append(block("PRIVATE KEY", []byte("secret")), append(block("CERTIFICATE", first.Raw), block("CERTIFICATE", ca.cert.Raw)...)...))
	put(t, filepath.Join(dir, "2.pem"), block("CERTIFICATE", second.Raw))
	if err := os.Symlink("1.pem", link); err != nil {
		t.Fatal(err)
	}
	expect("key first", first, nil)
	if chain, _ := f.Look(); len(chain) != 2 {
		t.Errorf("%d certificates", len(chain))
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("2.pem", link); err != nil {
		t.Fatal(err)
	}
	expect("renewed", second, nil)
	put(t, filepath.Join(dir, "2.pem"), block("PRIVATE KEY", []byte("secret")))
	expect("a key alone", nil, certs.ErrNoCertificate)
	put(t, filepath.Join(dir, "2.pem"), block("CERTIFICATE", []byte("nonsense")))
	expect("nonsense", nil, certs.ErrBroken)
	put(t, filepath.Join(dir, "2.pem"), []byte(strings.Repeat("x", 1<<20)))
	expect("too long", nil, certs.ErrTooLong)
	put(t, filepath.Join(dir, "2.pem"), block("CERTIFICATE", first.Raw))
	expect("good again", first, nil)
}

// A pipe has no end, and to open it may take for ever.
func TestFileThatIsNone(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, dir} {
		if _, err := certs.NewFile(path).Look(); !errors.Is(err, certs.ErrSpecial) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func FuzzPEM(f *testing.F) {
	f.Add([]byte(vector))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + vector))
	f.Add([]byte("-----BEGIN"))
	f.Fuzz(func(t *testing.T, data []byte) {
		chain, err := certs.ParsePEM(data)
		if (len(chain) == 0) != (err != nil) || len(chain) > 16 {
			t.Fatalf("%d certificates, %v", len(chain), err)
		}
		for _, c := range chain {
			_, _ = certs.Key(c), certs.TasmotaFingerprint(c)
		}
	})
}
