package upstream

// The short way: one question to one plain server, in the goroutine that asks,
// and no message type in between. It goes as far as a plain answer that comes
// in time, which is nearly always. From anything else the long way goes on,
// with the same socket and what came over it.

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// begun is a question that was sent to a plain server.
type begun struct {
	server *server       // nil on the long way
	wait   time.Duration // from at, until the next server is asked too
	of     *sockets
	socket *socket // nil where there was none to be had
	at     time.Time
	mixed  bool  // whether the letters' case was left to the lot
	passed int   // datagrams passed over
	err    error // why no answer can come any more; nil while one can
	got    int   // octets in buffer that are to be looked at; 0 for none
	sent   int   // octets of the query
	query  [512]byte
	buffer [datagram]byte
}

var begins = sync.Pool{New: func() any { return new(begun) }}

// newBegun returns one for a question that is yet to be written and sent.
func newBegun(p *plain, now time.Time) *begun {
	b := begins.Get().(*begun)
	b.of, b.at, b.mixed, b.passed, b.got = p.sockets, now, p.stream.casing.kept(), 0, 0
	return b
}

// end gives b up. The socket may be used again only where the answer to its
// question has come, or else that would be taken for a forged one to the next.
func (b *begun) end(answered bool) {
	switch {
	case b.socket == nil:
	case answered:
		b.of.give(b.socket, b.at)
	default:
		b.socket.conn.Close()
	}
	b.server, b.of, b.socket, b.err = nil, nil, nil, nil
	begins.Put(b)
}

// id is the query's.
func (b *begun) id() uint16 { return binary.BigEndian.Uint16(b.query[:]) }

// name is the query's name, in wire form and in the case it was sent in.
func (b *begun) name() []byte { return b.query[wire.HeaderLen:] }

// send sends the query. A socket that was used before may have outlived the way
// to the server, so then a new one is tried.
func (b *begun) send(ctx context.Context) {
	for {
		b.socket, b.err = b.of.take(ctx, b.at)
		if b.err != nil {
			return
		}
		if _, b.err = b.socket.conn.Write(b.query[:b.sent]); b.err == nil {
			return
		}
		again := b.socket.uses > 1
		b.socket.conn.Close()
		b.socket = nil
		if !again {
			return
		}
		b.of.drop()
	}
}

// direct asks q of the server that is first in turn. It returns the answer, or
// what the long way is to go on from; neither where the short way cannot be
// gone at all.
func (p *Pool) direct(ctx context.Context, q *wire.Question) (*wire.Response, *begun) {
	s := p.first()
	link, ok := s.link.(*plain)
	if !ok || len(q.Name())+wire.HeaderLen+4+11 > len(begun{}.query) {
		return nil, nil
	}
	b := newBegun(link, time.Now())
	b.server, b.wait = s, s.usual(p.patience)
	s.asked()
	b.pack(q)
	if b.send(ctx); b.err != nil {
		return nil, b
	}
	err := b.of.wait(ctx, b.socket, b.at.Add(b.wait))
	if err == nil {
		err = b.read()
	}
	b.of.leave(b.socket)
	if err != nil {
		if !errors.Is(err, os.ErrDeadlineExceeded) { // else the answer may still come
			b.err = fmt.Errorf("waiting for the answer: %w", err)
		}
		return nil, b
	}
	packed, ok := wire.AppendRelayed(make([]byte, 0, b.got), q, b.query[:b.sent], b.buffer[:b.got])
	if !ok {
		return nil, b
	}
	response, err := wire.NewResponse(packed)
	if err != nil {
		return nil, b
	}
	p.noteSuccess(s, time.Since(b.at))
	b.end(true)
	return response, nil
}

// pack writes the query, with an ID and the case of letters that only a source
// of cryptographic quality knows.
func (b *begun) pack(q *wire.Question) {
	var lots [2 + wire.MaxName]byte
	name := len(q.Name())
	_, _ = rand.Read(lots[:2+name]) // never fails
	var mix []byte
	if b.mixed {
		mix = lots[2 : 2+name]
	}
	b.sent = len(q.AppendQuery(b.query[:0], binary.BigEndian.Uint16(lots[:]), mix))
}

// read waits for a datagram with the query's ID, and passes over others.
func (b *begun) read() error {
	for ; b.passed < maxForged; b.passed++ {
		n, err := b.socket.conn.Read(b.buffer[:])
		if err != nil {
			return err
		}
		if n >= wire.HeaderLen && binary.BigEndian.Uint16(b.buffer[:]) == b.id() {
			b.got = n
			return nil
		}
	}
	return errForged
}
