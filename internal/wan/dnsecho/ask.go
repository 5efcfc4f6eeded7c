package dnsecho

// Asking: UDP first, TCP where the answer does not fit or UDP brings none.

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// DialFunc dials as net.Dialer.DialContext does; addresses are literal.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

const (
	// maxAnswer is more than a true answer takes, over UDP and TCP alike.
	maxAnswer = 4096
	// patience is how long one server is waited for over one protocol.
	patience = 1500 * time.Millisecond
	// mostStray bounds the datagrams that are read and thrown away.
	mostStray = 64
)

// errTruncated means that the answer must be fetched over TCP.
var errTruncated = errors.New("the answer was cut off")

// Ask asks for our IPv4 address, or for the IPv6 address where six is set. It
// goes through the service's servers over UDP, each with TCP behind it, until
// one answers; each question has its own socket, and so its own random port,
// its own random id and its own mix of upper and lower case.
func (s Service) Ask(ctx context.Context, dial DialFunc, six bool) (netip.Addr, error) {
	servers, suffix := s.servers, "4"
	if six {
		servers, suffix = s.servers6, "6"
	}
	var last error
	for _, server := range servers {
		for _, network := range []string{"udp" + suffix, "tcp" + suffix} {
			addr, err := s.askOne(ctx, dial, network, server, six)
			if err == nil {
				return addr, nil
			}
			var nonsense *answerError
			if errors.As(err, &nonsense) {
				return netip.Addr{}, err // somebody did answer: asking again would get the same
			}
			if last == nil || !errors.Is(err, errTruncated) {
				last = err
			}
			if ctx.Err() != nil {
				return netip.Addr{}, ctx.Err()
			}
		}
	}
	return netip.Addr{}, last
}

func (s Service) askOne(ctx context.Context, dial DialFunc, network string, server netip.AddrPort, six bool) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	question := s.message(six)
	packed, err := question.Pack()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("making question: %w", err)
	}
	conn, err := dial(ctx, network, server.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if network[:3] == "tcp" {
		return s.overTCP(conn, question, packed)
	}
	return s.overUDP(conn, question, packed)
}

// message makes a question that nobody can foresee.
func (s Service) message(six bool) *dns.Msg {
	m := new(dns.Msg)
	kind := s.type4
	if six {
		kind = s.type6
	}
	var random [2 + 32]byte
	rand.Read(random[:]) // never fails, by its contract
	m.Id = binary.BigEndian.Uint16(random[:])
	m.RecursionDesired = s.recurse
	m.Question = []dns.Question{{Name: mixCase(s.question, random[2:]), Qtype: kind, Qclass: s.class}}
	return m
}

// mixCase turns letters of name to upper case as the bits of random say
// (draft-vixie-dnsext-dns0x20).
func mixCase(name string, random []byte) string {
	mixed := []byte(name)
	for i, c := range mixed {
		if c >= 'a' && c <= 'z' && random[i/8%len(random)]>>(i%8)&1 == 1 {
			mixed[i] = c - 'a' + 'A'
		}
	}
	return string(mixed)
}

func (s Service) overUDP(conn net.Conn, question *dns.Msg, packed []byte) (netip.Addr, error) {
	if _, err := conn.Write(packed); err != nil {
		return netip.Addr{}, err
	}
	buffer := make([]byte, maxAnswer)
	for range mostStray {
		n, err := conn.Read(buffer)
		if err != nil {
			return netip.Addr{}, err
		}
		addr, err := s.parse(buffer[:n], question)
		if !errors.Is(err, errNotOurs) {
			return addr, err
		}
	}
	return netip.Addr{}, errors.New("too many datagrams that are no answer to our question")
}

func (s Service) overTCP(conn net.Conn, question *dns.Msg, packed []byte) (netip.Addr, error) {
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)
	if _, err := conn.Write(framed); err != nil {
		return netip.Addr{}, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return netip.Addr{}, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n > maxAnswer {
		return netip.Addr{}, &answerError{fmt.Sprintf("the answer is longer than %d bytes", maxAnswer)}
	}
	buffer := make([]byte, n)
	if _, err := io.ReadFull(conn, buffer); err != nil {
		return netip.Addr{}, err
	}
	addr, err := s.parse(buffer, question)
	if errors.Is(err, errTruncated) || errors.Is(err, errNotOurs) {
		err = &answerError{"the answer over TCP is malformed or not to our question" + hijacked}
	}
	return addr, err
}
