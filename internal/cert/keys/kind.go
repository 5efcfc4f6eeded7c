package keys

// Kinds of keys, and making them.

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
)

// Kind is a kind of private key, as it is written in the config.
type Kind string

// The kinds. RSA2048 is understood by everything: an ESP8266 with Tasmota can
// do no longer one, and knows ECDSA only since October 2025.
const (
	// RSA2048 is RSA with a modulus of 2048 bits.
	RSA2048 Kind = "rsa-2048"
	// P256 is ECDSA on NIST's P-256.
	P256 Kind = "ecdsa-p256"
)

// Kinds lists every kind, the usual one first. It is the caller's own.
func Kinds() []Kind { return []Kind{RSA2048, P256} }

// Generate makes a key of this kind; the empty Kind is RSA2048. It returns an
// error for a word that is no kind.
func (k Kind) Generate() (crypto.Signer, error) {
	switch k {
	case RSA2048, "":
		return rsa.GenerateKey(rand.Reader, 2048)
	case P256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return nil, fmt.Errorf("there is no kind of key %q", string(k))
}

// KindOf returns the kind of a public key, and false for one that is of none of
// ours.
func KindOf(public crypto.PublicKey) (Kind, bool) {
	switch p := public.(type) {
	case *rsa.PublicKey:
		return RSA2048, p.N.BitLen() == 2048
	case *ecdsa.PublicKey:
		return P256, p.Curve == elliptic.P256()
	}
	return "", false
}
