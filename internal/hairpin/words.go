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

	"github.com/edgeguard/edgeguard/internal/hairpin/mqtt"
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

// wordsDial says why there is no connection to address.
func wordsDial(err error, address string) string {
	fault, detail := dialFault(err)
	return fault.clause("address", address, "detail", detail)
}

// wordsHandshake says why TLS did not come about on an open connection.
func wordsHandshake(err error, address string) string {
	fault, detail := handshakeFault(err)
	return fault.clause("address", address, "detail", detail)
}

// dialFault is why there is no connection.
func dialFault(err error) (fault state, detail string) {
	switch {
	case isRefused(err):
		return faultRefused, ""
	case isTimeout(err):
		return faultSilent, ""
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return faultNoRoute, ""
	default:
		return faultDial, clean(bare(err))
	}
}

// handshakeFault is why TLS did not come about on an open connection.
func handshakeFault(err error) (fault state, detail string) {
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record):
		return faultNotTLS, plain(record.RecordHeader[:])
	case isTimeout(err):
		return faultTLSSilent, ""
	case isAlert(err):
		return faultTLSRefused, clean(bare(err))
	case isHangUp(err):
		return faultTLSHangUp, ""
	default:
		return faultTLS, clean(bare(err))
	}
}

const plainMQTT = "the port speaks plain MQTT"

// plain guesses the protocol of bytes that are no TLS record.
func plain(header []byte) string {
	switch {
	case strings.HasPrefix(string(header), "HTTP/"):
		return "the port speaks plain HTTP"
	case len(header) > 0 && header[0] == 0x20:
		return plainMQTT
	case strings.HasPrefix(string(header), "SSH-"):
		return "the port speaks SSH"
	default:
		return "the port speaks another protocol"
	}
}

// mqttFault is why a broker's CONNACK did not come.
func mqttFault(err error) (fault state, detail string) {
	switch {
	case errors.Is(err, mqtt.ErrNotMQTT):
		return faultNotMQTT, ""
	case isTimeout(err):
		return faultMQTTSilent, ""
	case isHangUp(err):
		return faultMQTTHangUp, ""
	default:
		return faultMQTT, clean(bare(err))
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
