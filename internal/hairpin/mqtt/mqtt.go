// Package mqtt is the least of MQTT: a CONNECT, and what the broker says to it.
// It speaks versions 3.1.1 and 5.0 (OASIS standards; the sections named here are
// theirs), reads one packet of bounded size and keeps nothing.
package mqtt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// Version is a version of the protocol, by the number that a CONNECT gives it
// (section 3.1.2.2 of 3.1.1, 3.1.2.2 of 5.0).
type Version byte

// The versions.
const (
	V311 Version = 4
	V5   Version = 5
)

// String is the version as people write it.
func (v Version) String() string {
	switch v {
	case V311:
		return "3.1.1"
	case V5:
		return "5.0"
	default:
		return fmt.Sprintf("Version(%d)", byte(v))
	}
}

// Credentials are what a client proves itself by. The zero Credentials are
// none. A password without a user name is not sent, as 3.1.1 forbids it
// (section 3.1.2.9).
type Credentials struct {
	// User is the user name, at most MaxField bytes of UTF-8.
	User string
	// Password is at most MaxField bytes.
	Password secret.Value
}

// IsZero reports whether there are none.
func (c Credentials) IsZero() bool { return c.User == "" }

// MaxField bounds a user name and a password, in bytes; both protocols could
// carry more (section 1.5.3).
const MaxField = 4 << 10

// ErrNotMQTT means that something else than a CONNACK came back.
var ErrNotMQTT = errors.New("the answer is no MQTT CONNACK")

// Flags of a CONNECT (section 3.1.2).
const (
	flagClean    = 0x02
	flagPassword = 0x40
	flagUser     = 0x80
)

// keepAlive is in seconds; nobody stays that long.
const keepAlive = 10

// disconnect is a DISCONNECT (section 3.14) in either version.
var disconnect = []byte{0xe0, 0}

// connect makes a CONNECT (section 3.1) with a clean session and without a
// client identifier.
func connect(v Version, c Credentials) []byte {
	body := append(field(nil, "MQTT"), byte(v), flagClean, 0, keepAlive)
	flags := &body[7]
	if v == V5 {
		body = append(body, 0) // no properties
		flags = &body[7]
	}
	payload := field(nil, "") // the client identifier
	if !c.IsZero() {
		*flags |= flagUser
		payload = field(payload, c.User)
		if !c.Password.IsZero() {
			*flags |= flagPassword
			payload = field(payload, c.Password.Reveal())
		}
	}
	body = append(body, payload...)
	return append(binary.AppendUvarint([]byte{0x10}, uint64(len(body))), body...)
}

// field appends a string with its length before it (section 1.5.3); what is
// longer than MaxField is cut, which no caller asks for.
func field(to []byte, text string) []byte {
	text = text[:min(len(text), MaxField)]
	return append(binary.BigEndian.AppendUint16(to, uint16(len(text))), text...)
}

// Greet sends a CONNECT and returns the broker's word to it: Accepted, or why
// not. The deadline is the stream's. It reads one packet of at most maxConnack
// bytes; what is no CONNACK of either version is ErrNotMQTT.
func Greet(stream io.ReadWriter, v Version, c Credentials) (word string, err error) {
	if _, err := stream.Write(connect(v, c)); err != nil {
		return "", fmt.Errorf("sending MQTT CONNECT: %w", err)
	}
	body, err := readConnack(stream)
	if err != nil {
		return "", fmt.Errorf("reading MQTT CONNACK: %w", err)
	}
	word, err = parseConnack(v, body)
	if word == Accepted {
		_, _ = stream.Write(disconnect) // a courtesy; the answer is in hand
	}
	return word, err
}
