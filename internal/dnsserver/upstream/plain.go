package upstream

// Plain DNS over UDP, with TCP where UDP does not do.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

const (
	// maxForged is how many datagrams with the wrong ID or question are passed
	// over before TCP is tried, where they cannot be forged blindly.
	maxForged = 64
	// datagram is more than the size we offer, for servers that do not look.
	datagram = 4096
	// caseLost is for how long a server counts as one that does not keep the
	// case of questions.
	caseLost = time.Hour
)

var buffers = sync.Pool{New: func() any { return new([datagram]byte) }}

var (
	// errForged means that too many datagrams were not answers to the question.
	errForged = errors.New("datagrams came that do not answer the question")
	// errCase means that a datagram answers the question in another case: the
	// server does not keep it, or somebody guessed the rest.
	errCase = errors.New("the answer does not keep the case of the question")
)

// casing remembers whether a server keeps the case of questions.
type casing struct{ lost atomic.Int64 } // until when it does not, in ns of Unix time

// kept reports whether the server is thought to keep the case.
func (c *casing) kept() bool { return time.Now().UnixNano() >= c.lost.Load() }

func (c *casing) forget() { c.lost.Store(time.Now().Add(caseLost).UnixNano()) }

// plain speaks plain DNS to one server. Each question goes out over a socket
// of its own, and so from a port of the kernel's choice, with a random ID and
// the name in random case (RFC 5452, section 9.2).
type plain struct {
	target   *target
	port     uint16
	stream   *plainStream
	patience time.Duration
}

func newPlain(t *target, port uint16, cfg Config, l *life) *plain {
	stream := newPlainStream(t, cfg, l)
	stream.port = port
	return &plain{target: t, port: port, stream: stream, patience: cfg.Patience}
}

func (p *plain) warm() bool            { return true }
func (p *plain) doubt(since time.Time) { p.stream.doubt(since) }
func (p *plain) close()                { p.stream.close() }

func (p *plain) ask(ctx context.Context, query *dns.Msg) (*dns.Msg, time.Duration, error) {
	begin := time.Now()
	reply, err := p.overUDP(ctx, query)
	switch {
	case errors.Is(err, errCase):
		reply, err = p.settleCase(ctx, query)
	case errors.Is(err, errForged), err == nil && reply.Truncated:
		reply, _, err = p.stream.ask(ctx, query)
	}
	return reply, time.Since(begin), err
}

// settleCase asks again where nobody can forge blindly. There it is seen, and
// remembered, whether the server keeps the case. One that has no TCP is taken
// to keep none: ID, port and question still have to be right.
func (p *plain) settleCase(ctx context.Context, query *dns.Msg) (*dns.Msg, error) {
	soon, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	if reply, _, err := p.stream.ask(soon, query); err == nil {
		return reply, nil
	}
	if ctx.Err() != nil {
		return nil, errCase
	}
	p.stream.casing.forget()
	reply, err := p.overUDP(ctx, query)
	if err == nil && reply.Truncated {
		return nil, errors.New("the answer is too long for UDP, and TCP does not work")
	}
	return reply, err
}

// overUDP asks once.
func (p *plain) overUDP(ctx context.Context, query *dns.Msg) (*dns.Msg, error) {
	conn, err := p.target.dial(ctx, "udp", p.port)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	sent := query
	if p.stream.casing.kept() {
		sent = mixCase(query)
	}
	packed, err := pack(sent, false)
	if err != nil {
		return nil, err
	}
	id := dns.Id()
	binary.BigEndian.PutUint16(packed, id)
	if _, err := conn.Write(packed); err != nil {
		return nil, fmt.Errorf("sending the question: %w", err)
	}
	reply, err := readDatagrams(conn, id, sent)
	if err != nil {
		return nil, fmt.Errorf("waiting for the answer: %w", err)
	}
	if sent != query {
		if !sameCase(reply, sent) {
			return nil, errCase
		}
		unmixCase(reply, sent.Question[0].Name, query.Question[0].Name)
	}
	return reply, nil
}

// readDatagrams waits for the datagram that answers query and passes over
// others.
func readDatagrams(conn net.Conn, id uint16, query *dns.Msg) (*dns.Msg, error) {
	buffer := buffers.Get().(*[datagram]byte)
	defer buffers.Put(buffer)
	for range maxForged {
		n, err := conn.Read(buffer[:])
		if err != nil {
			return nil, err
		}
		if n < wire.HeaderLen || binary.BigEndian.Uint16(buffer[:]) != id {
			continue
		}
		// A truncated reply may end within a record; TCP has the whole.
		reply := new(dns.Msg)
		if err := reply.Unpack(buffer[:n]); err != nil && !reply.Truncated {
			continue
		}
		if answers(reply, query) {
			return reply, nil
		}
	}
	return nil, errForged
}

// plainStream speaks plain DNS to one server over TCP alone.
type plainStream struct {
	*streams
	casing casing
	port   uint16
}

func newPlainStream(t *target, cfg Config, l *life) *plainStream {
	p := &plainStream{port: t.spec.Port}
	p.streams = newStreams(l, cfg.Timeout, false, func(ctx context.Context) (net.Conn, error) {
		return t.dial(ctx, "tcp", p.port)
	})
	return p
}

// ask asks with the name in random case. Over TCP a server that does not keep
// it is only remembered.
func (p *plainStream) ask(ctx context.Context, query *dns.Msg) (*dns.Msg, time.Duration, error) {
	sent := query
	if p.casing.kept() {
		sent = mixCase(query)
	}
	reply, took, err := p.streams.ask(ctx, sent)
	if err != nil || sent == query {
		return reply, took, err
	}
	if !sameCase(reply, sent) {
		p.casing.forget()
	}
	unmixCase(reply, sent.Question[0].Name, query.Question[0].Name)
	return reply, took, nil
}
