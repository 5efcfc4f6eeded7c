package authority

// One question to one server: UDP, and TCP where the answer does not fit.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/miekg/dns"
)

const (
	udpSize = 1232
	// maxStray is how many datagrams that answer another question are passed
	// over before a server is given up.
	maxStray = 64
)

var errStray = errors.New("only answers to other questions came back")

// errSilence is what the error of a question that left and got no answer is.
var errSilence = errors.New("no answer")

// silent is err as an errSilence.
type silent struct{ err error }

func (s silent) Error() string        { return s.err.Error() }
func (s silent) Unwrap() error        { return s.err }
func (s silent) Is(target error) bool { return target == errSilence }

// exchange asks one server within cfg.Timeout. The reply's id and question
// are those of q.
func (a *Asker) exchange(ctx context.Context, server netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Timeout)
	defer cancel()
	packed, err := q.Pack()
	if err != nil {
		return nil, fmt.Errorf("packing the question: %w", err)
	}
	msg, err := a.over(ctx, "udp", server, packed, q)
	if err == nil && msg.Truncated {
		msg, err = a.over(ctx, "tcp", server, packed, q)
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		err = fmt.Errorf("it did not answer in time: %w", err)
	}
	return msg, err
}

// over asks over one transport. The socket is connected, so the kernel drops
// what other hosts send.
func (a *Asker) over(ctx context.Context, network string, server netip.AddrPort, packed []byte, q *dns.Msg) (*dns.Msg, error) {
	conn, err := a.cfg.Dial(ctx, network, server)
	if err != nil {
		return nil, fmt.Errorf("dialing: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, fmt.Errorf("setting a deadline: %w", err)
		}
	}
	if network == "tcp" {
		return askTCP(conn, packed, q)
	}
	return askUDP(conn, packed, q)
}

// askUDP passes over datagrams that do not answer q: they may be late, or
// somebody's guess.
func askUDP(conn net.Conn, packed []byte, q *dns.Msg) (*dns.Msg, error) {
	if _, err := conn.Write(packed); err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	buf := make([]byte, 4096)
	for range maxStray {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, fmt.Errorf("receiving: %w", silent{err})
		}
		if msg := parseReply(buf[:n], q); msg != nil {
			return msg, nil
		}
	}
	return nil, errStray
}

// askTCP frames messages by their length (RFC 1035, section 4.2.2).
func askTCP(conn net.Conn, packed []byte, q *dns.Msg) (*dns.Msg, error) {
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(packed)))
	if _, err := conn.Write(append(framed, packed...)); err != nil {
		return nil, fmt.Errorf("sending over TCP: %w", err)
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, fmt.Errorf("receiving over TCP: %w", err)
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, fmt.Errorf("receiving over TCP: %w", err)
	}
	if msg := parseReply(buf, q); msg != nil && !msg.Truncated {
		return msg, nil
	}
	return nil, errStray
}

// parseReply returns the message in raw when it is a whole answer to q, else
// nil.
func parseReply(raw []byte, q *dns.Msg) *dns.Msg {
	if len(raw) < 12 || binary.BigEndian.Uint16(raw) != q.Id {
		return nil
	}
	msg := new(dns.Msg)
	err := msg.Unpack(raw)
	if err != nil && !msg.Truncated {
		return nil
	}
	if !msg.Response || msg.Opcode != dns.OpcodeQuery || len(msg.Question) != 1 {
		return nil
	}
	asked, got := q.Question[0], msg.Question[0]
	if got.Qtype != asked.Qtype || got.Qclass != asked.Qclass || !dnsEqual(got.Name, asked.Name) {
		return nil
	}
	return msg
}

// dnsEqual compares two names as DNS does (RFC 4343).
func dnsEqual(a, b string) bool {
	return dns.CanonicalName(a) == dns.CanonicalName(b)
}

// rcodeName names a response code, also one that has no name.
func rcodeName(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return fmt.Sprintf("RCODE %d", code)
}
