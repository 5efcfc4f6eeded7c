// Package cookie makes and checks DNS server cookies (RFC 7873) in their
// interoperable form (RFC 9018). A client that sends one back has shown that it
// can hear us at its address, so the question is not forged.
package cookie

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

const (
	// version is the only one there is (RFC 9018, section 4.1).
	version = 1
	// clientLen is the size of a client cookie.
	clientLen = 8
	// lifetime and skew are how old a cookie may be, and how far ahead of our
	// clock (RFC 9018, section 4.3).
	lifetime = time.Hour
	skew     = 5 * time.Minute
	// rollEvery is how long a secret is used. The one before it is still
	// accepted for as long again, which is more than lifetime.
	rollEvery = 24 * time.Hour
)

// Jar holds the secrets. Make one with New. All methods may be called from any
// goroutine.
type Jar struct {
	secrets atomic.Pointer[secrets]
}

type secrets struct {
	current, previous [16]byte
	since             time.Time
}

// New returns a jar with secrets that nobody else has.
func New(now time.Time) *Jar {
	s := &secrets{since: now}
	random(&s.current)
	random(&s.previous)
	j := new(Jar)
	j.secrets.Store(s)
	return j
}

// WithSecret returns a jar with a secret that others have too, such as further
// servers behind one address.
func WithSecret(secret [16]byte, now time.Time) *Jar {
	j := New(now)
	s := *j.secrets.Load()
	s.current = secret
	j.secrets.Store(&s)
	return j
}

// random fills b; crypto/rand.Read never fails.
func random(b *[16]byte) { _, _ = rand.Read(b[:]) }

// Roll takes a new secret where the current one is a day old. Call it now and
// then, from one goroutine.
func (j *Jar) Roll(now time.Time) {
	old := j.secrets.Load()
	if now.Sub(old.since) < rollEvery {
		return
	}
	s := &secrets{previous: old.current, since: now}
	random(&s.current)
	j.secrets.Store(s)
}

// Make returns the server cookie for a client cookie that came from an address.
// It allocates nothing.
func (j *Jar) Make(client []byte, from netip.Addr, now time.Time) [wire.ServerCookieLen]byte {
	var c [wire.ServerCookieLen]byte
	c[0] = version
	binary.BigEndian.PutUint32(c[4:], uint32(now.Unix()))
	binary.LittleEndian.PutUint64(c[8:], sign(&j.secrets.Load().current, client, c[:8], from))
	return c
}

// Valid reports whether server is a cookie that we gave this client at this
// address within the hour. It allocates nothing.
func (j *Jar) Valid(client, server []byte, from netip.Addr, now time.Time) bool {
	if len(client) != clientLen || len(server) != wire.ServerCookieLen || server[0] != version {
		return false
	}
	// The clock is a serial number (RFC 9018, section 4.3; RFC 1982).
	age := time.Duration(int32(uint32(now.Unix())-binary.BigEndian.Uint32(server[4:]))) * time.Second
	if age > lifetime || age < -skew {
		return false
	}
	s, given := j.secrets.Load(), binary.LittleEndian.Uint64(server[8:])
	// Both are computed whatever the first says, and an attacker can not time
	// a comparison of two words.
	current, previous := sign(&s.current, client, server[:8], from), sign(&s.previous, client, server[:8], from)
	return current == given || previous == given
}

// sign hashes what a server cookie vouches for (RFC 9018, section 4.4).
func sign(secret *[16]byte, client, head []byte, from netip.Addr) uint64 {
	var text [clientLen + 8 + 16]byte
	n := copy(text[:], client)
	n += copy(text[n:], head)
	if from = from.Unmap(); from.Is4() {
		a := from.As4()
		n += copy(text[n:], a[:])
	} else {
		a := from.As16()
		n += copy(text[n:], a[:])
	}
	return SipHash(secret, text[:n])
}
