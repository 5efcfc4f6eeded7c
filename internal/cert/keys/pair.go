package keys

// A certificate with its chain and its key.

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

const (
	// maxPEM bounds what is read as a pair, in bytes: a chain of ten and a key
	// are a fifth of it.
	maxPEM = 128 << 10
	// maxChain bounds how many certificates a pair has.
	maxChain = 10
	// maxRSA bounds an RSA key, in bits, as crypto/tls does: whoever hands us a
	// chain must not have us compute for minutes.
	maxRSA = 8192
)

// ErrMismatch means that a key is not that of the certificate beside it. A
// broker that is given such a pair answers no new connection.
var ErrMismatch = errors.New("the private key is not that of the certificate")

// Pair is a certificate and its private key. The zero Pair is none. It is
// read-only once made, and holds a secret: it has no business in a log.
type Pair struct {
	// Chain is the certificate, then its issuer and so on, as it is served: the
	// root may be missing. Never empty but in the zero Pair.
	Chain []*x509.Certificate
	// Key is the private key of Chain[0].
	Key crypto.Signer
}

// New returns the pair of a chain and a key, or an error where it has no
// certificate, more than 10, an RSA key longer than 8192 bits, or is ErrMismatch.
func New(chain []*x509.Certificate, key crypto.Signer) (Pair, error) {
	p := Pair{Chain: chain, Key: key}
	return p, p.Check()
}

// IsZero reports whether p is none.
func (p Pair) IsZero() bool { return len(p.Chain) == 0 && p.Key == nil }

// Leaf is the certificate itself; nil in the zero Pair.
func (p Pair) Leaf() *x509.Certificate {
	if len(p.Chain) == 0 {
		return nil
	}
	return p.Chain[0]
}

// Fingerprint is the SHA-256 of the leaf, by which it is recognized when it is
// served; zero in the zero Pair.
func (p Pair) Fingerprint() [sha256.Size]byte {
	if len(p.Chain) == 0 {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(p.Chain[0].Raw)
}

// Check returns what is wrong with p: no certificate, no key, a chain in which
// one has not signed the one before it, keys too long to compute with, or
// ErrMismatch. Time and trust are for
// others to judge.
func (p Pair) Check() error {
	switch {
	case len(p.Chain) == 0:
		return errors.New("there is no certificate")
	case len(p.Chain) > maxChain:
		return fmt.Errorf("there are %d certificates, and no chain has more than %d", len(p.Chain), maxChain)
	case p.Key == nil:
		return errors.New("there is no private key")
	}
	for i, c := range p.Chain {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
			return fmt.Errorf("certificate %d has an RSA key of %d bits, and at most %d are computed with", i+1, key.N.BitLen(), maxRSA)
		}
	}
	public, ok := p.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(p.Chain[0].PublicKey) {
		return ErrMismatch
	}
	for i := 1; i < len(p.Chain); i++ {
		if err := p.Chain[i-1].CheckSignatureFrom(p.Chain[i]); err != nil {
			return fmt.Errorf("certificate %d of the chain has not signed the one before it: %w", i+1, err)
		}
	}
	return nil
}

// The types of PEM blocks.
const (
	typeCertificate = "CERTIFICATE"
	typeKey         = "PRIVATE KEY" // PKCS#8, RFC 5958
)

// Combined is the whole pair as one PEM text, the chain first: one file is
// replaced in one step, so a certificate never stands beside another's key. It
// panics for a Pair whose Check fails.
func (p Pair) Combined() []byte { return append(p.FullChain(), p.PrivateKey()...) }

// FullChain is the chain in PEM, the leaf first.
func (p Pair) FullChain() []byte { return EncodeCertificates(p.Chain...) }

// PrivateKey is the key in PEM, as PKCS#8. It panics without a key, or with one
// of a kind that PKCS#8 does not know.
func (p Pair) PrivateKey() []byte {
	text, err := EncodeKey(p.Key)
	if err != nil {
		panic(err)
	}
	return text
}

// EncodeCertificates is a list of certificates in PEM, one after the other.
func EncodeCertificates(list ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range list {
		_ = pem.Encode(&b, &pem.Block{Type: typeCertificate, Bytes: c.Raw}) // a Buffer takes it all
	}
	return b.Bytes()
}

// EncodeKey is a key in PEM, as PKCS#8; an error for a kind of key that this
// does not know.
func EncodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: typeKey, Bytes: der}), nil
}
