package upstream

// Connections that carry many questions at a time: TCP, bare or inside TLS
// (RFC 7766, sections 6.2.1 and 7; RFC 7858, section 3.4).

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxConns bounds the connections to one server.
	maxConns = 4
	// maxPipelined bounds the questions that wait on one connection.
	maxPipelined = 256
	// streamIdle is how long a connection is kept while nobody asks.
	streamIdle = 30 * time.Second
	// maxStrays is how many messages in a row may be answers to nothing.
	maxStrays = 64
)

// errBusy means that all connections are full.
var errBusy = fmt.Errorf("%d questions wait for it already", maxConns*maxPipelined)

// lostError means that a connection ended before the answer came.
type lostError struct{ err error }

func (e *lostError) Error() string { return fmt.Sprintf("the connection was lost: %v", e.err) }
func (e *lostError) Unwrap() error { return e.err }

// streams are the connections to one server.
type streams struct {
	life    *life
	timeout time.Duration // bounds the set-up of a connection and one message
	padded  bool
	dial    func(context.Context) (net.Conn, error)

	mu     sync.Mutex
	conns  []*stream // guarded by mu; those that take questions
	closed bool      // guarded by mu
}

func newStreams(l *life, timeout time.Duration, padded bool, dial func(context.Context) (net.Conn, error)) *streams {
	return &streams{life: l, timeout: timeout, padded: padded, dial: dial}
}

// stream is one connection.
type stream struct {
	of    *streams
	ready chan struct{} // closed once conn or err is set
	done  chan struct{} // closed once err is set

	writing sync.Mutex // held while a message is written

	// All of these are guarded by of.mu.
	conn    net.Conn               // nil until connected
	err     error                  // why it ended
	heard   time.Time              // when the last message came, or it was connected
	dying   bool                   // whether it was closed by us
	asking  int                    // questions that have a place
	waiting map[uint16]chan []byte // by ID
}

// ask asks query. Where a connection that was kept turns out to be dead, it
// asks once more on a new one.
func (s *streams) ask(ctx context.Context, query *dns.Msg) (*dns.Msg, time.Duration, error) {
	packed, err := pack(query, s.padded)
	if err != nil {
		return nil, 0, err
	}
	for again := false; ; again = true {
		c, kept, err := s.take()
		if err != nil {
			return nil, 0, err
		}
		message, took, err := c.ask(ctx, packed)
		s.leave(c)
		var lost *lostError
		if kept && !again && ctx.Err() == nil && errors.As(err, &lost) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		reply, err := readReply(message, query)
		return reply, took, err
	}
}

// readReply reads a message that came over a stream.
func readReply(message []byte, query *dns.Msg) (*dns.Msg, error) {
	reply := new(dns.Msg)
	if err := reply.Unpack(message); err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	if !answers(reply, query) || reply.Truncated {
		return nil, errors.New("what came does not answer the question")
	}
	return reply, nil
}

// take returns a connection with a place on it, and whether it was connected
// already.
func (s *streams) take() (c *stream, kept bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.asking < maxPipelined && !c.dying {
			c.asking++
			return c, c.conn != nil, nil
		}
	}
	if len(s.conns) >= maxConns {
		return nil, false, errBusy
	}
	c = &stream{of: s, ready: make(chan struct{}), done: make(chan struct{}), asking: 1, waiting: make(map[uint16]chan []byte)}
	s.conns = append(s.conns, c)
	s.life.start(c.run)
	return c, false, nil
}

// leave gives a place back.
func (s *streams) leave(c *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.asking--; c.asking == 0 && s.closed && c.conn != nil {
		c.conn.Close()
	}
}

func (s *streams) warm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.conn != nil && !c.dying {
			return true
		}
	}
	return false
}

func (s *streams) doubt(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.conn != nil && c.asking > 0 && c.heard.Before(since) {
			c.dying = true
			c.conn.Close()
		}
	}
}

func (s *streams) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.conns {
		if c.conn != nil && c.asking == 0 {
			c.conn.Close()
		}
	}
}

// run connects, and reads until the connection ends.
func (c *stream) run() {
	ctx, cancel := context.WithTimeout(c.of.life.ctx, c.of.timeout)
	conn, err := c.of.dial(ctx)
	cancel()
	if err != nil {
		c.end(err)
		close(c.ready)
		return
	}
	defer conn.Close()
	defer context.AfterFunc(c.of.life.ctx, func() { conn.Close() })()
	c.of.mu.Lock()
	c.conn, c.heard = conn, time.Now()
	unwanted := c.asking == 0 && c.of.closed
	c.of.mu.Unlock()
	close(c.ready)
	if unwanted {
		c.end(&lostError{net.ErrClosed})
		return
	}
	c.end(&lostError{c.read(conn)})
}

// end takes the connection out of use.
func (c *stream) end(err error) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	for i, other := range c.of.conns {
		if other == c {
			c.of.conns = append(c.of.conns[:i:i], c.of.conns[i+1:]...)
			break
		}
	}
	c.err = err
	close(c.done)
}

// read hands out messages until the connection ends.
func (c *stream) read(conn net.Conn) error {
	r := bufio.NewReader(conn)
	for strays := 0; strays < maxStrays; {
		_ = conn.SetReadDeadline(time.Now().Add(streamIdle))
		if _, err := r.Peek(1); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && c.busy() {
				continue
			}
			return err
		}
		_ = conn.SetReadDeadline(time.Now().Add(c.of.timeout))
		var size [2]byte
		if _, err := io.ReadFull(r, size[:]); err != nil {
			return err
		}
		message := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(r, message); err != nil {
			return err
		}
		if c.deliver(message) {
			strays = 0
		} else {
			strays++
		}
	}
	return errors.New("too many messages came that answer nothing")
}

func (c *stream) busy() bool {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	return c.asking > 0
}

// deliver hands a message to whom it answers, if anybody.
func (c *stream) deliver(message []byte) bool {
	if len(message) < 2 {
		return false
	}
	id := binary.BigEndian.Uint16(message)
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.heard = time.Now()
	answer, ok := c.waiting[id]
	if ok {
		delete(c.waiting, id)
		answer <- message
	}
	return ok
}

// ask sends packed with an ID of its own and returns the message that has it.
func (c *stream) ask(ctx context.Context, packed []byte) ([]byte, time.Duration, error) {
	select {
	case <-c.ready:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	answer := make(chan []byte, 1)
	c.of.mu.Lock()
	if c.err != nil {
		defer c.of.mu.Unlock()
		return nil, 0, c.err
	}
	id := dns.Id()
	for c.waiting[id] != nil {
		id = dns.Id()
	}
	c.waiting[id] = answer
	c.of.mu.Unlock()
	begin := time.Now()
	if err := c.write(packed, id); err != nil {
		c.of.mu.Lock()
		c.dying = true
		c.of.mu.Unlock()
		c.conn.Close()
		return nil, 0, &lostError{err}
	}
	select {
	case message := <-answer:
		return message, time.Since(begin), nil
	case <-c.done:
	case <-ctx.Done():
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	delete(c.waiting, id)
	select {
	case message := <-answer:
		return message, time.Since(begin), nil
	default:
	}
	if c.err != nil {
		return nil, 0, c.err
	}
	return nil, 0, ctx.Err()
}

// write sends one message in one piece (RFC 7766, section 8).
func (c *stream) write(packed []byte, id uint16) error {
	frame := make([]byte, 2, 2+len(packed))
	binary.BigEndian.PutUint16(frame, uint16(len(packed)))
	frame = append(frame, packed...)
	binary.BigEndian.PutUint16(frame[2:], id)
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.of.timeout))
	_, err := c.conn.Write(frame)
	return err
}
