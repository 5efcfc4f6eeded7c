package keys_test

// Whatever text comes in, what is read is whole, and writes itself back.

import (
	"bytes"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// seeds are texts of every kind that is read.
func seeds(f *testing.F) {
	m := all()
	f.Add(m.ecdsa.Combined())
	f.Add(m.rsa.Combined())
	f.Add(m.ecdsa.FullChain())
	f.Add(m.ecdsa.PrivateKey())
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\n-----END EC PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"))
}

func FuzzParsePair(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := keys.ParsePair(text)
		if err != nil {
			harmless(t, err, text)
			return
		}
		if err := p.Check(); err != nil {
			t.Fatalf("what was read does not pass: %v", err)
		}
		again, err := keys.ParsePair(p.Combined())
		if err != nil || !bytes.Equal(again.Combined(), p.Combined()) {
			t.Fatalf("it does not come back: %v", err)
		}
		_ = keys.TasmotaFingerprint(p.Leaf().PublicKey)
		_, _, _ = keys.TasmotaKeys(p)
	})
}

func FuzzParseCertificates(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := keys.ParseCertificates(text)
		if err != nil {
			harmless(t, err, text)
			return
		}
		again, err := keys.ParseCertificates(keys.EncodeCertificates(list...))
		if err != nil || len(again) != len(list) || len(list) == 0 {
			t.Fatalf("%d certificates come back as %d: %v", len(list), len(again), err)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := keys.ParseKey(text)
		if err != nil {
			harmless(t, err, text)
			return
		}
		encoded, err := keys.EncodeKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.ParseKey(encoded); err != nil {
			t.Fatalf("it does not come back: %v", err)
		}
	})
}

// harmless holds that an error repeats no line of a text: each might be a key's.
func harmless(t *testing.T, err error, text []byte) {
	t.Helper()
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); len(line) >= 40 && strings.Contains(err.Error(), line) {
			t.Fatalf("the error repeats the text: %v", err)
		}
	}
}
