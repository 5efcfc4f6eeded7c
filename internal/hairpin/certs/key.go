package certs

// The key of a certificate, and what old devices make of it.

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"math/big"
)

// OldRSABits is the longest RSA key that a device such as Tasmota on an ESP8266
// has the memory for.
const OldRSABits = 2048

// Key is the kind of a certificate's key for people, such as "RSA 2048" or
// "ECDSA P-256".
func Key(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	default:
		return c.PublicKeyAlgorithm.String()
	}
}

// RSABits is the length of an RSA key in bits; zero for other keys.
func RSABits(c *x509.Certificate) int {
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok {
		return key.N.BitLen()
	}
	return 0
}

// TasmotaFingerprint is the fingerprint by which Tasmota knows an RSA key, as
// its command MqttFingerprint takes and shows it: the SHA-1 of "ssh-rsa", the
// exponent and the modulus, each with its length in four bytes before it
// (Tasmota 8.4.0 and later). It is empty for other keys.
func TasmotaFingerprint(c *x509.Certificate) string {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return ""
	}
	hash := sha1.New()
	for _, part := range [][]byte{[]byte("ssh-rsa"), big.NewInt(int64(key.E)).Bytes(), key.N.Bytes()} {
		_, _ = hash.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part)))) // it never fails
		_, _ = hash.Write(part)
	}
	return fmt.Sprintf("% X", hash.Sum(nil))
}
