package provider

// The signatures of RFC 8945: a keyed hash over a message.

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/miekg/dns"
)

// tsigHashes are the algorithms of RFC 8945, section 6, without the broken one.
var tsigHashes = map[string]func() hash.Hash{
	dns.HmacSHA1:   sha1.New,
	dns.HmacSHA224: sha256.New224,
	dns.HmacSHA256: sha256.New,
	dns.HmacSHA384: sha512.New384,
	dns.HmacSHA512: sha512.New,
}

// rcodeAt is where the response code stands in a message, in the lower half.
const rcodeAt = 3

// tsigKey implements dns.TsigProvider for one message.
type tsigKey struct {
	secret secret.Value // base64
	rcode  byte         // what the message's code was before it was taken out
}

// Generate implements dns.TsigProvider.
func (k tsigKey) Generate(msg []byte, t *dns.TSIG) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(k.secret.Reveal())
	if err != nil {
		return nil, dns.ErrKey
	}
	algorithm, ok := tsigHashes[dns.CanonicalName(t.Algorithm)]
	if !ok {
		return nil, dns.ErrKeyAlg
	}
	h := hmac.New(algorithm, key)
	h.Write(msg)
	return h.Sum(nil), nil
}

// Verify implements dns.TsigProvider. Before the message in msg stands the
// request's signature with its length.
func (k tsigKey) Verify(msg []byte, t *dns.TSIG) error {
	if len(msg) < 2 {
		return dns.ErrSig
	}
	at := 2 + int(binary.BigEndian.Uint16(msg)) + rcodeAt
	if at >= len(msg) {
		return dns.ErrSig
	}
	msg[at] = msg[at]&0xF0 | k.rcode
	sum, err := k.Generate(msg, t)
	if err != nil {
		return err
	}
	if got, err := hex.DecodeString(t.MAC); err != nil || !hmac.Equal(sum, got) {
		return dns.ErrSig
	}
	return nil
}
