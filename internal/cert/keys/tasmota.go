package keys

// The fingerprint by which Tasmota recognizes a broker.

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" // not for safety: it is what the devices compare
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"
)

// TasmotaFingerprint is what Tasmota's MqttFingerprint takes for a server's key:
// the SHA-1 of "ssh-rsa", the exponent and the modulus, each with its length
// before it in four bytes, in upper case hexadecimal with blanks between the
// bytes. It is empty for a key that is not RSA.
func TasmotaFingerprint(public crypto.PublicKey) string {
	key, ok := public.(*rsa.PublicKey)
	if !ok || key.N == nil || key.N.Sign() <= 0 || key.E <= 0 {
		return ""
	}
	hash := sha1.New()
	for _, part := range [][]byte{[]byte("ssh-rsa"), big.NewInt(int64(key.E)).Bytes(), key.N.Bytes()} {
		_ = binary.Write(hash, binary.BigEndian, uint32(len(part))) // a hash takes it all
		hash.Write(part)
	}
	return strings.ToUpper(fmt.Sprintf("% x", hash.Sum(nil)))
}
