package ddns

// Telling one configuration of a record from another without keeping secrets.

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

const (
	// saltSize and hashRounds make guessing slow, hashSize makes it vain: of a
	// million passwords a few hundred would fit as well. A changed secret is
	// missed once in 65,536 times.
	saltSize   = 16
	hashRounds = 4_000
	hashSize   = 2
)

// newSalt makes the salt of a fingerprint.
func newSalt() string {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // it never fails (crypto/rand)
	return hex.EncodeToString(salt)
}

// fingerprint tells one configuration of a record from another, so that a
// refusal is forgotten once the account is changed, and only then: what only
// concerns us, such as Host and DeleteOnExit, is not in it. What is secret is
// hashed slowly, with salt, and cut short, since a password may be a weak one;
// the rest is hashed apart, so that every change of it is noticed.
func (r RecordConfig) fingerprint(salt string) string {
	server, algorithm := r.Server, strings.ToLower(strings.TrimSuffix(r.Algorithm, "."))
	if kind, ok := provider.KindOf(r.Provider); ok && server == "" {
		server = kind.DefaultServer
	}
	if algorithm == "" {
		algorithm = "hmac-sha256"
	}
	open := sha256.New()
	for _, part := range []string{"edgeguard ddns record v2", r.Provider, r.Domain, r.Type, r.Zone, server, r.User, algorithm} {
		open.Write([]byte(part))
		open.Write([]byte{0})
	}
	hidden, err := pbkdf2.Key(sha256.New, r.Token.Reveal()+"\x00"+r.Key.Reveal(), []byte(salt), hashRounds, sha256.Size)
	if err != nil {
		hidden = make([]byte, hashSize) // never; the rest must do
	}
	return hex.EncodeToString(open.Sum(nil)[:8]) + "-" + hex.EncodeToString(hidden[:hashSize])
}

// fingerprintV1 is the fingerprint in state files of version 1.
func (r RecordConfig) fingerprintV1() string {
	h := sha256.New()
	for _, part := range []string{"edgeguard ddns record v1", r.Provider, r.Domain, r.Zone, r.Token.Reveal()} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}
