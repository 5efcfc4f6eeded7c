package keys

// A client's certificate in the form that Tasmota takes.

import (
	"crypto/ecdsa"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/edgeguard/edgeguard/internal/secret"
)

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
