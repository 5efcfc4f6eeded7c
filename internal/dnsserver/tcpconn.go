package dnsserver

// One connection: reading questions, and writing replies in any order.

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/limit"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

const (
	// maxPipelined bounds the questions of one connection that wait.
	maxPipelined = 64
	// maxQueued bounds the octets of replies that wait while others are being
	// written; the longest message fits.
	maxQueued = 128 << 10
	// keptQueue is the room that an idle connection keeps for replies.
	keptQueue = 4 << 10
)

// tcpConn is one connection. Its reader answers what it can at once; workers
// answer the rest, in any order (RFC 7766, section 6.2.1.1). Whoever has a
// reply while another is being written leaves it in the queue for that writer,
// so that a client that does not read holds up one goroutine and no more.
type tcpConn struct {
	server *Server
	raw    *net.TCPConn
	conn   net.Conn // raw, or TLS over it
	from   netip.AddrPort
	client netip.Addr // in the table of connections; invalid for strangers
	most   int        // connections that the client may have

	waiting atomic.Int32 // questions that are being answered
	active  atomic.Int64 // when it last began or ended one, Unix nanoseconds

	mu      sync.Mutex
	drained sync.Cond // the queue has become shorter
	queue   []byte    // guarded by mu
	spare   []byte    // guarded by mu
	writing bool      // guarded by mu
	broken  bool      // guarded by mu
}

func newTCPConn(t *tcpListener, raw *net.TCPConn) *tcpConn {
	_ = raw.SetReadBuffer(tcpReceive) // smaller is better, larger works too
	_ = raw.SetWriteBuffer(tcpSend)
	from := raw.RemoteAddr().(*net.TCPAddr).AddrPort()
	addr := from.Addr().Unmap()
	c := &tcpConn{server: t.server, raw: raw, conn: raw, from: netip.AddrPortFrom(addr, from.Port())}
	c.drained.L = &c.mu
	if t.tls != nil {
		c.conn = tls.Server(raw, t.tls)
	}
	switch r := t.server.rules.Load(); {
	case !r.acl.permits(addr):
		c.most = maxConnsStrangers
	case t.server.exempt(addr):
		c.client, c.most = r.sourceOf(addr), maxConns
	default:
		c.client, c.most = r.sourceOf(addr), maxConnsClient
	}
	c.touch()
	return c
}

func (c *tcpConn) touch() { c.active.Store(time.Now().UnixNano()) }

// idlerThan reports whether c is less missed than other: nobody waits for an
// answer on it, or it has been silent for longer.
func (c *tcpConn) idlerThan(other *tcpConn) bool {
	if a, b := c.waiting.Load() == 0, other.waiting.Load() == 0; a != b {
		return a
	}
	return c.active.Load() < other.active.Load()
}

// abort closes the connection without ado.
func (c *tcpConn) abort() { c.raw.Close() }

// serve reads questions until the client is done or too slow, then waits for
// what is still to be answered: a client may close its half at once.
func (c *tcpConn) serve(ctx context.Context) {
	defer c.abort()
	stop := context.AfterFunc(ctx, c.abort)
	defer stop()
	if !c.shakeHands(ctx) {
		return
	}
	var answering sync.WaitGroup
	defer answering.Wait()
	var (
		pipelined = make(chan struct{}, maxPipelined)
		reader    = bufio.NewReaderSize(c.conn, 1024)
		question  wire.Question
		packet    [maxQuery]byte
		out       []byte
	)
	done := func() {
		c.waiting.Add(-1)
		c.touch()
		<-pipelined
		answering.Done()
	}
	for {
		n, err := c.next(reader, packet[:])
		if err != nil {
			return
		}
		c.touch()
		var what verdict
		out, what = c.server.inline(out[:0], &question, packet[:n], c.from.Addr(), wire.MaxMessage)
		if what == drop {
			return // whoever sends that over TCP is no client
		}
		if what == ask {
			c.slowDown(ctx)
			pipelined <- struct{}{}
			answering.Add(1)
			c.waiting.Add(1)
			if c.server.dispatch(ctx, &question, wire.MaxMessage, peer{Addr: c.from}, c, done) {
				continue
			}
			done()
			out = c.server.busy(out[:0], &question, c.from.Addr(), question.Limit(wire.MaxMessage))
		}
		if c.waitForRoom(); !c.deliver(out) || !c.server.rules.Load().acl.permits(c.from.Addr()) {
			return
		}
	}
}

// shakeHands does so where the connection is TLS, and reports whether it may be
// used. A stranger is not worth the work.
func (c *tcpConn) shakeHands(ctx context.Context) bool {
	secure, ok := c.conn.(*tls.Conn)
	if !ok {
		return true
	}
	if !c.client.IsValid() {
		c.server.count.refused.Add(1)
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, min(tcpQuestion, c.server.idle))
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		c.server.log.Debug("a TLS handshake failed", "client", c.from, "err", err)
		return false
	}
	return true
}

// slowDown waits until a client that asks too often may ask again: its address
// is no forgery, so it need not be refused.
func (c *tcpConn) slowDown(ctx context.Context) {
	for counted := false; ; counted = true {
		wait := c.server.overPace(c.from.Addr(), limit.Miss, time.Now())
		if wait <= 0 || ctx.Err() != nil {
			return
		}
		if !counted {
			c.server.count.limited.Add(1)
		}
		pause(ctx, wait)
	}
}

// next reads the next question. A connection may be silent for long between
// questions, and as long as any is being answered, but not within one.
func (c *tcpConn) next(r *bufio.Reader, packet []byte) (int, error) {
	for r.Buffered() == 0 {
		_ = c.conn.SetReadDeadline(time.Now().Add(c.server.idle))
		_, err := r.Peek(1)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.waiting.Load() == 0 {
			return 0, err
		}
	}
	if !holdsMessage(r) {
		_ = c.conn.SetReadDeadline(time.Now().Add(min(tcpQuestion, c.server.idle)))
	}
	return readMessage(r, packet)
}

// holdsMessage reports whether a whole message has been read ahead.
func holdsMessage(r *bufio.Reader) bool {
	if r.Buffered() < 2 {
		return false
	}
	prefix, _ := r.Peek(2)
	return r.Buffered() >= 2+int(binary.BigEndian.Uint16(prefix))
}

// readMessage reads one length-prefixed message (RFC 1035, section 4.2.2) and
// returns how much of it is in packet: of a longer one, what fits. The rest is
// read and thrown away, so the next message starts where it should.
func readMessage(r *bufio.Reader, packet []byte) (int, error) {
	var prefix [2]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return 0, err
	}
	size := int(binary.BigEndian.Uint16(prefix[:]))
	n, err := io.ReadFull(r, packet[:min(size, len(packet))])
	if err != nil {
		return 0, err
	}
	_, err = r.Discard(size - n)
	return n, err
}

// Send implements sender.
func (c *tcpConn) Send(_ peer, message []byte) { c.deliver(message) }

// waitForRoom holds up the reader while its client reads too slowly.
func (c *tcpConn) waitForRoom() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.writing && !c.broken && len(c.queue) > maxQueued/2 {
		c.drained.Wait()
	}
}

// deliver queues a reply, and writes the queue unless somebody does already. It
// reports whether the connection is still of use: one whose client does not
// read is closed.
func (c *tcpConn) deliver(message []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := &c.server.conns.queued
	size := int64(2 + len(message))
	if c.broken {
		return false
	}
	if c.writing && (len(c.queue)+len(message) > maxQueued || all.Load()+size > maxQueuedAll) {
		c.breakUp("replies are left unread")
		return false
	}
	c.queue = binary.BigEndian.AppendUint16(c.queue, uint16(len(message)))
	c.queue = append(c.queue, message...)
	all.Add(size)
	if c.writing {
		return true
	}
	c.writing = true
	for len(c.queue) > 0 && !c.broken {
		c.flush()
	}
	c.writing = false
	return !c.broken
}

// flush writes what is queued, with mu held but while it writes.
func (c *tcpConn) flush() {
	out := c.queue
	c.queue, c.spare = c.spare[:0], nil
	c.mu.Unlock()
	_ = c.conn.SetWriteDeadline(time.Now().Add(tcpWrite))
	_, err := c.conn.Write(out)
	c.server.conns.queued.Add(-int64(len(out)))
	c.mu.Lock()
	if cap(out) <= keptQueue {
		c.spare = out[:0]
	}
	if err != nil && !c.broken {
		c.breakUp(err.Error())
	}
	c.drained.Broadcast()
}

// breakUp closes the connection for good, with mu held.
func (c *tcpConn) breakUp(why string) {
	c.broken = true
	c.server.conns.queued.Add(-int64(len(c.queue)))
	c.queue = nil
	c.server.log.Debug("a connection is closed", "client", c.from, "why", why)
	c.abort()
	c.drained.Broadcast()
}
