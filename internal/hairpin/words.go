package hairpin

// Foreign text and failures on their way to people. Every text stays the same
// while the failure does, so that nothing is published twice: no ephemeral
// ports, no counters.

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

// maxWords bounds one foreign text, in bytes.
const maxWords = 200

// clean makes text one short, harmless line.
func clean(text string) string { return tidy.Line(text, maxWords) }

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// isHangUp reports whether the other side ended the connection without a word.
func isHangUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// isAlert reports whether the other side sent a TLS alert; crypto/tls tells it
// by the operation only.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// wordsDial says why no connection came about.
func wordsDial(err error, address string) string {
	switch {
	case isRefused(err):
		return "nothing listens at " + address + " (connection refused)"
	case isTimeout(err):
		return address + " does not answer (timeout): the host is off, has another address, or a firewall drops the call"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return address + " cannot be reached: no such host in the network, or no route to it"
	default:
		return "connecting to " + address + ": " + clean(bare(err))
	}
}

// wordsHandshake says why TLS did not come about on an open connection.
func wordsHandshake(err error, address string) string {
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record):
		return address + " does not speak TLS: " + plain(record.RecordHeader[:])
	case isTimeout(err):
		return address + " accepts the connection but says nothing in TLS (timeout)"
	case isAlert(err):
		return address + " refused the TLS handshake (" + clean(bare(err)) + "); it must offer TLS 1.2 or newer"
	case isHangUp(err):
		return address + " ended the connection during the TLS handshake; it may not speak TLS on this port"
	default:
		return "TLS handshake with " + address + ": " + clean(bare(err))
	}
}

// plain guesses the protocol of bytes that are no TLS record.
func plain(header []byte) string {
	switch {
	case strings.HasPrefix(string(header), "HTTP/"):
		return "the port speaks plain HTTP"
	case len(header) > 0 && header[0] == 0x20:
		return "the port speaks plain MQTT"
	case strings.HasPrefix(string(header), "SSH-"):
		return "the port speaks SSH"
	default:
		return "the port speaks another protocol"
	}
}

// wordsMQTT says why a broker's CONNACK did not come.
func wordsMQTT(err error, address string) string {
	switch {
	case errors.Is(err, errNotMQTT):
		return address + " speaks TLS but answers a CONNECT with something that is not MQTT"
	case isTimeout(err):
		return address + " speaks TLS but does not answer an MQTT CONNECT (timeout)"
	case isHangUp(err):
		return address + " speaks TLS but hangs up on an MQTT CONNECT"
	default:
		return "MQTT with " + address + ": " + clean(bare(err))
	}
}

// bare is the error's text without the addresses of the connection, in which
// an ephemeral port is another one each time.
func bare(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}
