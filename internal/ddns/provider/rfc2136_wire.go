package provider

// How a signed message goes to the name server and what comes back: over UDP
// first, and over TCP where that brings nothing that can be believed.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/miekg/dns"
)

const (
	tsigFudge = 300 // seconds that the clocks may differ by (RFC 8945, section 10)
	// udpWait is how long an answer over UDP is waited for.
	udpWait = 2 * time.Second
	// maxStrays is how many datagrams that answer something else are passed over.
	maxStrays = 64
)

// errUnsigned is an answer that nobody with the key has signed, so that anybody
// may have made it up.
var errUnsigned = errors.New("the answer is not signed with the key")

// ask sends m, signed, and returns the reply whose signature is good. Errors are
// *Fault.
func (r *rfc2136Record) ask(ctx context.Context, m *dns.Msg) (*dns.Msg, error) {
	if !r.tcp {
		udp, cancel := context.WithTimeout(ctx, udpWait)
		reply, _, err := r.over(udp, "udp", m)
		cancel()
		if err == nil && !reply.Truncated {
			return reply, nil
		}
	}
	reply, sent, err := r.over(ctx, "tcp", m)
	r.tcp = err == nil // it works, and UDP does not
	switch {
	case err == nil:
		return reply, nil
	case errors.Is(err, errUnsigned):
		return nil, r.unsigned(reply)
	case errors.Is(err, dns.ErrTime):
		return nil, r.clockFault()
	}
	return nil, transportFault(ctx, err, r.server, sent)
}

// over sends m over one transport. sent is whether the server may have it. With
// errUnsigned there is a reply too.
func (r *rfc2136Record) over(ctx context.Context, network string, m *dns.Msg) (reply *dns.Msg, sent bool, err error) {
	conn, err := r.dial(ctx, network, r.server)
	if err != nil {
		return nil, false, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, false, err
		}
	}
	signed := m.Copy()
	signed.SetTsig(r.key, r.algorithm, tsigFudge, r.now().Unix())
	packed, mac, err := dns.TsigGenerateWithProvider(signed, tsigKey{r.secret, 0}, "", false)
	if err != nil {
		return nil, false, fmt.Errorf("signing: %w", err)
	}
	if network == "tcp" {
		packed = append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)
	}
	if _, err := conn.Write(packed); err != nil {
		return nil, true, err
	}
	reply, err = r.receive(conn, network, m, mac)
	return reply, true, err
}

// receive reads messages until one answers m.
func (r *rfc2136Record) receive(conn net.Conn, network string, m *dns.Msg, mac string) (*dns.Msg, error) {
	for range maxStrays {
		raw, err := readMessage(conn, network)
		if err != nil {
			return nil, err
		}
		if reply, err := r.believe(raw, m, mac); reply != nil {
			return reply, err
		}
		if network == "tcp" {
			break
		}
	}
	return nil, errors.New("only answers to something else came back")
}

// readMessage reads one datagram, or one message framed by its length (RFC 1035,
// section 4.2.2).
func readMessage(conn net.Conn, network string) ([]byte, error) {
	if network == "udp" {
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		return buf[:n], err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(conn, buf)
	return buf, err
}

// believe returns the message in raw where it answers m, else nil. The error is
// nil where it is signed with our key over the request's own signature, and the
// clocks agree.
func (r *rfc2136Record) believe(raw []byte, m *dns.Msg, mac string) (*dns.Msg, error) {
	reply := new(dns.Msg)
	if err := reply.Unpack(raw); err != nil {
		return nil, err
	}
	if !reply.Response || reply.Id != m.Id || reply.Opcode != m.Opcode {
		return nil, errors.New("it answers something else")
	}
	if len(reply.Question) == 1 && dns.CanonicalName(reply.Question[0].Name) != dns.CanonicalName(m.Question[0].Name) {
		return nil, errors.New("it answers something else")
	}
	tsig := reply.IsTsig()
	if tsig == nil || tsig.MAC == "" || dns.CanonicalName(tsig.Hdr.Name) != r.key || dns.CanonicalName(tsig.Algorithm) != r.algorithm {
		return reply, errUnsigned
	}
	// The library verifies no message whose code is NOTAUTH, though a server that
	// knows the key signs its own (RFC 8945, section 5.2): the code is taken out
	// for the library, and put back where the signature is computed.
	key := tsigKey{r.secret, raw[rcodeAt] & 0xF}
	raw[rcodeAt] &= 0xF0
	switch err := dns.TsigVerifyWithProvider(raw, key, mac, false); {
	case errors.Is(err, dns.ErrTime):
		return reply, err
	case err != nil:
		return reply, errUnsigned
	}
	return reply, nil
}

// unsigned says what an answer without a signature means. A server that does
// not know the key, or finds the signature wrong, cannot sign (RFC 8945, section
// 5.3.2); over TCP that is believed, as it only makes us stop.
func (r *rfc2136Record) unsigned(reply *dns.Msg) *Fault {
	if tsig := reply.IsTsig(); tsig != nil && reply.Rcode == dns.RcodeNotAuth {
		switch tsig.Error {
		case dns.RcodeBadKey:
			return &Fault{Kind: Final, Text: fmt.Sprintf("%s does not know the key %s with the algorithm %s (BADKEY)", r.server, r.key, r.algorithm),
				Action: "Compare the key's name and algorithm with those in the name server's config."}
		case dns.RcodeBadSig:
			return &Fault{Kind: Final, Text: fmt.Sprintf("%s says that the secret of the key %s is another one (BADSIG)", r.server, r.key),
				Action: "Compare the key's secret with the one in the name server's config."}
		}
	}
	f := &Fault{Text: r.server + " answered", Action: "Check that this is the zone's primary name server itself, and that it knows the key."}
	if err := r.refusal(reply); err != nil {
		if f = asFault(err); f.Kind == Final {
			f.Kind = Doubtful
		}
	}
	f.Text += ", without signing the answer, so that it may be anybody's"
	return f
}

func (r *rfc2136Record) clockFault() *Fault {
	return &Fault{Kind: Failed, Text: fmt.Sprintf("the clocks of this host and of %s differ by more than %d seconds (BADTIME)", r.server, tsigFudge),
		Action: "Set the clock of this host, or of the name server; have both take the time from the network."}
}

// refusal says what a signed answer means; nil is a success.
func (r *rfc2136Record) refusal(reply *dns.Msg) error {
	if tsig := reply.IsTsig(); tsig != nil && tsig.Error == dns.RcodeBadTime {
		return r.clockFault()
	}
	f := &Fault{Kind: Failed, Text: fmt.Sprintf("%s answered %s", r.server, rcodeName(reply.Rcode))}
	switch reply.Rcode {
	case dns.RcodeSuccess:
		return nil
	case dns.RcodeRefused:
		f.Kind, f.Text = Doubtful, fmt.Sprintf("%s refuses this update (REFUSED)", r.server)
		f.Action = fmt.Sprintf("Let the key %s change this name and type (in BIND: update-policy or allow-update of the zone %s).", r.key, r.zone)
	case dns.RcodeNotAuth, dns.RcodeNotZone:
		f.Kind, f.Text = Final, fmt.Sprintf("%s does not keep the zone %s (%s)", r.server, r.zone, rcodeName(reply.Rcode))
		f.Action = "Name the right zone with the key zone, and its primary name server with the key server."
	case dns.RcodeNotImplemented, dns.RcodeFormatError:
		f.Kind, f.Text = Final, fmt.Sprintf("%s takes no updates (%s)", r.server, rcodeName(reply.Rcode))
		f.Action = "Name the zone's primary name server with the key server."
	case dns.RcodeServerFailure:
		f.Kind = Unclear
		f.Action = "Look into the name server's log; often it may not write its journal."
	}
	return f
}

// rcodeName names a response code, also one that has no name.
func rcodeName(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return fmt.Sprintf("RCODE %d", code)
}
