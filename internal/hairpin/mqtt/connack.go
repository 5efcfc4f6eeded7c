package mqtt

// Reading a CONNACK of either version.

import (
	"fmt"
	"io"
)

// maxConnack bounds a CONNACK, in bytes. One of 5.0 may hold words of the
// broker's; more than this is no answer of a broker to an empty call.
const maxConnack = 16 << 10

// What brokers say. Where both versions have a reason, it has the same word.
const (
	Accepted        = "accepted"
	BadVersion      = "protocol version not supported"
	BadClient       = "client identifier rejected"
	Unavailable     = "server unavailable"
	BadCredentials  = "bad user name or password"
	NotAuthorised   = "not authorised"
	Busy            = "server busy"
	Banned          = "banned"
	RateExceeded    = "connection rate exceeded"
	AnotherServer   = "use another server"
	ServerMoved     = "server moved"
	QuotaExceeded   = "quota exceeded"
	BadAuthMethod   = "bad authentication method"
	ProtocolError   = "protocol error"
	Malformed       = "malformed packet"
	Unspecified     = "unspecified error"
	Implementation  = "implementation specific error"
	PacketTooLarge  = "packet too large"
	unknownCodeText = "refused with code %d"
)

// returnCodes are those of 3.1.1 (table 3.1).
var returnCodes = [...]string{Accepted, BadVersion, BadClient, Unavailable, BadCredentials, NotAuthorised}

// reasonCodes are those of 5.0 (table 3-1) that a call like ours can meet.
var reasonCodes = map[byte]string{
	0x00: Accepted, 0x80: Unspecified, 0x81: Malformed, 0x82: ProtocolError, 0x83: Implementation,
	0x84: BadVersion, 0x85: BadClient, 0x86: BadCredentials, 0x87: NotAuthorised, 0x88: Unavailable,
	0x89: Busy, 0x8a: Banned, 0x8c: BadAuthMethod, 0x95: PacketTooLarge, 0x97: QuotaExceeded,
	0x9c: AnotherServer, 0x9d: ServerMoved, 0x9f: RateExceeded,
}

// readConnack reads a packet and returns what follows its fixed header.
func readConnack(r io.Reader) ([]byte, error) {
	var one [1]byte
	if _, err := io.ReadFull(r, one[:]); err != nil {
		return nil, err
	}
	if one[0] != 0x20 {
		return nil, ErrNotMQTT
	}
	length := 0
	for shift := 0; ; shift += 7 {
		if shift > 21 {
			return nil, ErrNotMQTT // four bytes at most (section 1.5.5)
		}
		if _, err := io.ReadFull(r, one[:]); err != nil {
			return nil, err
		}
		if length |= int(one[0]&0x7f) << shift; one[0] < 0x80 {
			break
		}
	}
	if length < 2 || length > maxConnack {
		return nil, ErrNotMQTT
	}
	body := make([]byte, length)
	_, err := io.ReadFull(r, body)
	return body, err
}

// parseConnack returns the word in what follows a CONNACK's fixed header, in
// answer to a CONNECT of version v.
func parseConnack(v Version, body []byte) (string, error) {
	if len(body) < 2 || body[0] > 1 {
		return "", ErrNotMQTT // all flags but the first are reserved (section 3.2.2.1)
	}
	code := body[1]
	if len(body) == 2 { // 3.1.1 has no properties
		switch {
		case v != V311 && code == 0:
			return "", ErrNotMQTT // whom does it take us for?
		case int(code) < len(returnCodes):
			return returnCodes[code], nil
		default:
			return fmt.Sprintf(unknownCodeText, code), nil
		}
	}
	// A broker that knows 5.0 only refuses 3.1.1 in words of 5.0 (section 3.1.2.2).
	if v != V5 && code < 0x80 || !properties(body[2:]) {
		return "", ErrNotMQTT
	}
	if word, known := reasonCodes[code]; known {
		return word, nil
	}
	if code < 0x80 {
		return "", ErrNotMQTT
	}
	return fmt.Sprintf(unknownCodeText, code), nil
}
