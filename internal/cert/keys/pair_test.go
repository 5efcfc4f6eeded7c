package keys_test

// A pair comes back as it was, and nothing else does.

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

func TestKinds(t *testing.T) {
	for _, kind := range keys.Kinds() {
		key := map[keys.Kind]crypto.Signer{keys.RSA2048: all().rsaKey, keys.P256: all().ecKey}[kind]
		if got, ok := keys.KindOf(key.Public()); got != kind || !ok {
			t.Errorf("a %s is taken for %q, %v", kind, got, ok)
		}
	}
	if _, err := keys.Kind("rsa-512").Generate(); err == nil {
		t.Error("a key of no kind was made")
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, public := range []crypto.PublicKey{p384.Public(), edwards, &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 3071), E: 3}, nil} {
		if kind, ok := keys.KindOf(public); ok {
			t.Errorf("a %T is taken for %q", public, kind)
		}
	}
}

func TestAPairComesBackFromItsText(t *testing.T) {
	for _, p := range []keys.Pair{all().rsa, all().ecdsa} {
		got, err := keys.ParsePair(p.Combined())
		if err != nil {
			t.Fatal(err)
		}
		if got.Fingerprint() != p.Fingerprint() || len(got.Chain) != 2 || !got.Chain[1].Equal(all().root) || !p.Key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(got.Key.Public()) {
			t.Errorf("another pair came back: %d certificates", len(got.Chain))
		}
		if want := sha256.Sum256(p.Leaf().Raw); got.Fingerprint() != want {
			t.Errorf("the fingerprint is %x, want %x", got.Fingerprint(), want)
		}
		list, err := keys.ParseCertificates(p.FullChain())
		if err != nil || len(list) != 2 || !list[0].Equal(p.Leaf()) {
			t.Errorf("the chain came back as %d certificates, %v", len(list), err)
		}
		// The key may stand first.
		if got, err = keys.ParsePair(append(p.PrivateKey(), p.FullChain()...)); err != nil || got.Fingerprint() != p.Fingerprint() {
			t.Errorf("with the key first: %v", err)
		}
	}
	if !(keys.Pair{}).IsZero() || (keys.Pair{}).Leaf() != nil || (keys.Pair{}).Fingerprint() != [sha256.Size]byte{} || all().rsa.IsZero() {
		t.Error("the zero Pair is not none")
	}
}

// What others write is read, and what we write others read.
func TestOpenSSLReadsAndWritesTheSameKeys(t *testing.T) {
	for name, key := range map[string]crypto.Signer{"rsa": all().rsaKey, "ec": all().ecKey} {
		text, err := keys.EncodeKey(key)
		if err != nil {
			t.Fatal(err)
		}
		ours := file(t, "key.pem", text)
		must(t, "openssl", "pkey", "-in", ours, "-check", "-noout")
		form := []string{name, "-in", ours} // SEC 1; RSA needs a word more for PKCS#1
		if name == "rsa" {
			form = append(form, "-traditional")
		}
		traditional := must(t, "openssl", form...)
		got, err := keys.ParseKey([]byte(traditional[strings.Index(traditional, "-----BEGIN"):]))
		if err != nil || !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(got.Public()) {
			t.Errorf("%s: another key came back, %v", name, err)
		}
		locked := must(t, "openssl", "pkey", "-in", ours, "-aes256", "-passout", "pass:secret-of-the-test")
		if _, err := keys.ParseKey([]byte(locked)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s with a passphrase: %v", name, err)
		}
	}
	root, chain := file(t, "root.pem", keys.EncodeCertificates(all().root)), file(t, "chain.pem", all().ecdsa.FullChain())
	must(t, "openssl", "verify", "-CAfile", root, chain)
}

func TestAMismatchNeverPasses(t *testing.T) {
	m := all()
	mixed := append(m.rsa.FullChain(), m.ecdsa.PrivateKey()...)
	if _, err := keys.ParsePair(mixed); !errors.Is(err, keys.ErrMismatch) {
		t.Errorf("reading: %v", err)
	}
	if _, err := keys.New(m.ecdsa.Chain, m.other.Key); !errors.Is(err, keys.ErrMismatch) {
		t.Errorf("making: %v", err)
	}
	if _, err := keys.PKCS12(keys.Pair{Chain: m.ecdsa.Chain, Key: m.rsaKey}, nil, "x", false); !errors.Is(err, keys.ErrMismatch) {
		t.Errorf("PKCS#12: %v", err)
	}
	if _, _, err := keys.TasmotaKeys(keys.Pair{Chain: m.rsa.Chain, Key: m.ecKey}); !errors.Is(err, keys.ErrMismatch) {
		t.Errorf("Tasmota: %v", err)
	}
}

func TestWhatIsNoPair(t *testing.T) {
	m := all()
	long := rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 8192), E: 3}
	for name, p := range map[string]keys.Pair{
		"nothing":           {},
		"no key":            {Chain: m.ecdsa.Chain},
		"no certificate":    {Key: m.ecKey},
		"eleven":            {Chain: slices.Repeat([]*x509.Certificate{m.ecdsa.Leaf()}, 11), Key: m.ecKey},
		"a stranger's root": {Chain: []*x509.Certificate{m.ecdsa.Leaf(), m.other.Chain[1]}, Key: m.ecKey},
		"the wrong order":   {Chain: []*x509.Certificate{m.root, m.ecdsa.Leaf()}, Key: m.rootKey},
		"a long key":        {Chain: []*x509.Certificate{m.ecdsa.Leaf(), {PublicKey: &long}}, Key: m.ecKey},
	} {
		if err := p.Check(); err == nil || errors.Is(err, keys.ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTextsThatAreRefused(t *testing.T) {
	m := all()
	key, chain := m.ecdsa.PrivateKey(), m.ecdsa.FullChain()
	block := func(kind string, content []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
	}
	for name, text := range map[string][]byte{
		"nothing":           nil,
		"no PEM":            []byte("hunter2hunter2"),
		"two keys":          slices.Concat(chain, key, key),
		"no key":            chain,
		"only a key":        key,
		"another block":     slices.Concat(chain, key, block("DH PARAMETERS", []byte("hunter2hunter2"))),
		"a broken key":      slices.Concat(chain, block("PRIVATE KEY", []byte("hunter2hunter2"))),
		"a huge key":        slices.Concat(chain, block("PRIVATE KEY", make([]byte, 9<<10))),
		"a broken leaf":     slices.Concat(block("CERTIFICATE", []byte("hunter2hunter2")), key),
		"too much":          slices.Concat(m.ecdsa.Combined(), bytes.Repeat([]byte("\n"), 128<<10)),
		"too many":          slices.Concat(bytes.Repeat(chain, 6), key),
		"a key's own words": slices.Concat(chain, block("EC PRIVATE KEY", []byte("hunter2hunter2"))),
	} {
		if _, err := keys.ParsePair(text); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s, as a pair: %v", name, err)
		}
		if name == "no key" {
			continue
		}
		if _, err := keys.ParseCertificates(text); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s, as certificates: %v", name, err)
		}
		if name == "only a key" {
			continue
		}
		if _, err := keys.ParseKey(text); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s, as a key: %v", name, err)
		}
	}
	if _, err := keys.EncodeKey(nil); err == nil {
		t.Error("no key was encoded")
	}
}
