package upstream

// Plain DNS over UDP, with TCP where UDP does not do.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
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
// that it has for itself meanwhile, from a port of the kernel's choice, with a
// random ID and the name in random case (RFC 5452, section 9.2).
type plain struct {
	sockets  *sockets
	stream   *plainStream
	patience time.Duration
}

func newPlain(t *target, port uint16, cfg Config, l *life) *plain {
	stream := newPlainStream(t, cfg, l)
	stream.port = port
	udp := newSockets(func(ctx context.Context) (net.Conn, error) { return t.dial(ctx, "udp", port) })
	return &plain{sockets: udp, stream: stream, patience: cfg.Patience}
}

func (p *plain) warm() bool { return true }

func (p *plain) doubt(since time.Time) {
	p.sockets.drop()
	p.stream.doubt(since)
}

func (p *plain) close() {
	p.sockets.close()
	p.stream.close()
}

func (p *plain) ask(ctx context.Context, query *dns.Msg) (*dns.Msg, time.Duration, error) {
	return p.goOn(ctx, query, p.begin(ctx, query))
}

// begin sends query.
func (p *plain) begin(ctx context.Context, query *dns.Msg) *begun {
	b := newBegun(p, time.Now())
	sent := query
	if b.mixed {
		sent = mixCase(query)
	}
	packed, err := pack(sent, false)
	if err == nil && len(packed) > len(b.query) {
		err = errors.New("the question is too long")
	}
	if b.err = err; err != nil {
		return b
	}
	b.sent = copy(b.query[:], packed)
	binary.BigEndian.PutUint16(b.query[:], dns.Id())
	b.send(ctx)
	return b
}

// goOn waits for the answer to query, which b is about, and ends b.
func (p *plain) goOn(ctx context.Context, query *dns.Msg, b *begun) (*dns.Msg, time.Duration, error) {
	begin := b.at
	reply, err := p.receive(ctx, query, b)
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
	reply, err := p.receive(ctx, query, p.begin(ctx, query))
	if err == nil && reply.Truncated {
		return nil, errors.New("the answer is too long for UDP, and TCP does not work")
	}
	return reply, err
}

// receive waits for the answer to query, and ends b.
func (p *plain) receive(ctx context.Context, query *dns.Msg, b *begun) (*dns.Msg, error) {
	if b.err != nil {
		defer b.end(false)
		return nil, b.err
	}
	sent := query
	if b.mixed {
		name, _, err := dns.UnpackDomainName(b.name(), 0)
		if err != nil {
			b.end(false)
			return nil, fmt.Errorf("reading the question sent: %w", err)
		}
		sent = withName(query, name)
	}
	conn := b.socket.conn
	_ = conn.SetReadDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	reply, err := b.readMsg(sent)
	b.end(stop() && err == nil)
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

// readMsg waits for the datagram that answers query and passes over others.
func (b *begun) readMsg(query *dns.Msg) (*dns.Msg, error) {
	for ; b.passed < maxForged; b.passed++ {
		if b.got == 0 {
			if err := b.read(); err != nil {
				return nil, err
			}
		}
		// A truncated reply may end within a record; TCP has the whole.
		reply := new(dns.Msg)
		if err := reply.Unpack(b.buffer[:b.got]); (err == nil || reply.Truncated) && answers(reply, query) {
			return reply, nil
		}
		b.got = 0
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
