package keys

// The forms that Tasmota knows.

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" // not for safety: it is what the devices compare
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// TasmotaFingerprint is what Tasmota's MqttFingerprint takes for a server's key:
// the SHA-1 of "ssh-rsa", the exponent and the modulus, each with its length
// before it in four bytes, in upper case hexadecimal with blanks between the
// bytes. It stays the same for as long as the key does. It is empty for ECDSA:
// with a fingerprint Tasmota offers RSA only.
func TasmotaFingerprint(public crypto.PublicKey) string {
	key, ok := public.(*rsa.PublicKey)
	if !ok || key.N == nil || key.N.Sign() <= 0 || key.E <= 0 {
		return ""
	}
	hash := sha1.New()
	// Not as in SSH (RFC 4251, section 5), no zero goes before a number whose
	// first bit is set.
	for _, part := range [][]byte{[]byte("ssh-rsa"), big.NewInt(int64(key.E)).Bytes(), key.N.Bytes()} {
		_ = binary.Write(hash, binary.BigEndian, uint32(len(part))) // a hash takes it all
		hash.Write(part)
	}
	return strings.ToUpper(fmt.Sprintf("% x", hash.Sum(nil)))
}

// The room for a client certificate in Tasmota, in bytes of its DER: a block of
// 1024 less the directory in it and the key. What is longer is written over
// other memory there; what is no longer than the least is refused.
const (
	tasmotaLeast = 256
	tasmotaMost  = 1024 - 32 - 32
)

// TasmotaKeys are a client's key and certificate as Tasmota's commands TLSKey1
// and TLSKey2 take them, in this order: base64 of the 32 bytes of the key, and of
// the certificate's DER. It returns an error where the key is not P-256, or the
// certificate does not fit into the device.
func TasmotaKeys(p Pair) (key secret.Value, certificate string, err error) {
	if err := p.Check(); err != nil {
		return secret.Value{}, "", err
	}
	private, ok := p.Key.(*ecdsa.PrivateKey)
	if kind, _ := KindOf(p.Key.Public()); !ok || kind != P256 {
		return secret.Value{}, "", fmt.Errorf("a client key for Tasmota is of the kind %s only", P256)
	}
	raw, err := private.Bytes()
	if err != nil {
		return secret.Value{}, "", errors.New("the private key cannot be encoded")
	}
	if size := len(p.Leaf().Raw); size <= tasmotaLeast || size > tasmotaMost {
		return secret.Value{}, "", fmt.Errorf("the certificate has %d bytes, and Tasmota has room for %d to %d; give it a shorter name", size, tasmotaLeast+1, tasmotaMost)
	}
	return secret.New(base64.StdEncoding.EncodeToString(raw)), base64.StdEncoding.EncodeToString(p.Leaf().Raw), nil
}
