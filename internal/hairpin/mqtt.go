package hairpin

// The least of MQTT: is there a broker at the other end?

import (
	"errors"
	"fmt"
	"io"
)

// connect is an MQTT 3.1.1 CONNECT (OASIS standard, section 3.1) with a clean
// session, no client identifier, no credentials and a keep-alive of 10 s.
var connect = []byte{
	0x10, 12, // CONNECT, remaining length
	0, 4, 'M', 'Q', 'T', 'T', 4, // protocol name and level
	0x02,  // flags: clean session
	0, 10, // keep-alive in seconds
	0, 0, // client identifier, empty (section 3.1.3.1)
}

// disconnect is an MQTT DISCONNECT (section 3.14).
var disconnect = []byte{0xe0, 0}

// returnCodes are the words for the return codes of a CONNACK (table 3.1).
var returnCodes = [...]string{
	"accepted",
	"protocol version not supported",
	"client identifier rejected",
	"server unavailable",
	"bad user name or password",
	"not authorised",
}

// errNotMQTT means that something else than a CONNACK came back.
var errNotMQTT = errors.New("the answer is no MQTT CONNACK")

// parseConnack reads a CONNACK (section 3.2) and returns the broker's word.
func parseConnack(packet [4]byte) (string, error) {
	length, flags, code := packet[1], packet[2], packet[3]
	switch {
	case packet[0] != 0x20 || length < 2 || flags > 1:
		return "", errNotMQTT
	case length == 2 && int(code) < len(returnCodes):
		return returnCodes[code], nil
	case length > 2 && code == 0x84:
		// A broker that knows MQTT 5 only says so in MQTT 5 (section 3.2.2.2).
		return returnCodes[1], nil
	case length == 2 || code >= 0x80:
		return fmt.Sprintf("refused with code %d", code), nil
	default:
		return "", errNotMQTT
	}
}

// greet does the MQTT handshake and returns the broker's word. It reads four
// bytes and never more; the deadline is the stream's.
func greet(stream io.ReadWriter) (string, error) {
	if _, err := stream.Write(connect); err != nil {
		return "", fmt.Errorf("sending MQTT CONNECT: %w", err)
	}
	var packet [4]byte
	if _, err := io.ReadFull(stream, packet[:]); err != nil {
		return "", fmt.Errorf("reading MQTT CONNACK: %w", err)
	}
	word, err := parseConnack(packet)
	if err == nil && packet[3] == 0 {
		_, _ = stream.Write(disconnect) // a courtesy; the answer is in hand
	}
	return word, err
}
