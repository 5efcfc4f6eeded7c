package authority

// The key files, as openssl reads and writes them.

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/secret"
)

func TestOpenSSLReadsAndWritesTheKey(t *testing.T) {
	openssl := program(t, "openssl")
	passphrase := secret.New("correct hörse")
	folder := filepath.Join(t.TempDir(), "ca")
	a, err := Create(folder, Options{Key: keys.P256, Passphrase: passphrase})
	if err != nil {
		t.Fatal(err)
	}
	path := keyFile(folder, a.root.SubjectKeyId)
	if out, ok := run(t, openssl, "pkey", "-in", path, "-passin", "pass:wrong", "-noout"); ok {
		t.Errorf("any passphrase will do: %s", out)
	}
	plain := filepath.Join(t.TempDir(), "plain.pem")
	if out, ok := run(t, openssl, "pkey", "-in", path, "-passin", "pass:"+passphrase.Reveal(), "-out", plain); !ok {
		t.Fatalf("openssl cannot read it: %s", out)
	}
	key, err := keys.ParseKey(mustRead(t, plain))
	if err != nil || !sameKey(key.Public(), a.root.PublicKey) {
		t.Errorf("openssl reads another key, %v", err)
	}
	// A passphrase can be changed with openssl.
	if out, ok := run(t, openssl, "pkcs8", "-topk8", "-in", plain, "-out", path, "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256", "-passout", "pass:new"); !ok {
		t.Fatal(out)
	}
	if _, err := Open(folder, secret.New("new")); err != nil {
		t.Errorf("what openssl writes gives %v", err)
	}
	if _, err := Open(folder, passphrase); !errors.Is(err, ErrLocked) {
		t.Errorf("the old passphrase gives %v", err)
	}
}

func FuzzParseKey(f *testing.F) {
	for _, passphrase := range []secret.Value{{}, secret.New("a")} {
		key := leafKeys[keys.P256]()
		path, err := writeKey(f.TempDir(), make([]byte, 20), key, passphrase, 1)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(read(f, path))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, passphrase := range []secret.Value{{}, secret.New("a")} {
			if key, err := parseKey(text, passphrase); (key == nil) == (err == nil) {
				t.Errorf("key %v, error %v", key, err)
			}
		}
	})
}
