package relay_test

// A network in memory, for fake time: real sockets do not work in synctest.

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// stream is one direction of a connection, with room for some octets.
type stream struct {
	mu    sync.Mutex
	cond  sync.Cond
	data  []byte // guarded by mu
	ended bool   // guarded by mu; the writer has closed
	gone  error  // guarded by mu; the reader has, or all was closed
}

const streamRoom = 64 << 10

func newStream() *stream {
	s := new(stream)
	s.cond.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.gone != nil:
			return 0, s.gone
		case len(s.data) > 0:
			n := copy(p, s.data)
			s.data = s.data[n:]
			s.cond.Broadcast()
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.cond.Wait()
	}
}

func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n < len(p) {
		switch {
		case s.gone != nil:
			return n, s.gone
		case s.ended:
			return n, net.ErrClosed
		case len(s.data) < streamRoom:
			m := min(len(p)-n, streamRoom-len(s.data))
			s.data = append(s.data, p[n:n+m]...)
			n += m
			s.cond.Broadcast()
			continue
		}
		s.cond.Wait()
	}
	return n, nil
}

func (s *stream) end(gone error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.gone == nil {
		s.gone = gone
	}
	s.cond.Broadcast()
}

// memConn is one end of a connection in memory. Close is a FIN if all that came
// was read and the peer closed first, and a reset otherwise.
type memConn struct {
	net.Conn // nil: what is not below is not used
	in, out  *stream
	local    net.Addr
	remote   net.Addr
}

// memPair returns the two ends of a connection.
func memPair(near, far netip.AddrPort) (a, b *memConn) {
	there, back := newStream(), newStream()
	from, to := net.TCPAddrFromAddrPort(near), net.TCPAddrFromAddrPort(far)
	return &memConn{in: back, out: there, local: from, remote: to}, &memConn{in: there, out: back, local: to, remote: from}
}

func (c *memConn) Read(p []byte) (int, error)       { return c.in.read(p) }
func (c *memConn) Write(p []byte) (int, error)      { return c.out.write(p) }
func (c *memConn) CloseWrite() error                { c.out.end(nil); return nil }
func (c *memConn) LocalAddr() net.Addr              { return c.local }
func (c *memConn) RemoteAddr() net.Addr             { return c.remote }
func (c *memConn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

func (c *memConn) Close() error {
	c.out.mu.Lock()
	whole := c.out.ended
	c.out.mu.Unlock()
	if !whole {
		c.out.end(syscall.ECONNRESET)
	}
	c.in.end(syscall.EPIPE)
	return nil
}

// memNet is a listener and a dialer. Its fields may be set before it is used.
type memNet struct {
	listen, target netip.AddrPort
	accept         chan any // net.Conn or error
	services       chan *memConn
	dialing        func(ctx context.Context) error // before each dial succeeds; nil means it does

	once   sync.Once
	closed chan struct{}
}

func newMemNet() *memNet {
	return &memNet{
		listen: netip.MustParseAddrPort("192.168.77.10:8883"), target: netip.MustParseAddrPort("192.168.77.11:8883"),
		accept: make(chan any), services: make(chan *memConn, 1000), closed: make(chan struct{}),
	}
}

func (m *memNet) bind(context.Context, string, string) (net.Listener, error) { return m, nil }

func (m *memNet) Accept() (net.Conn, error) {
	select {
	case got := <-m.accept:
		if err, failed := got.(error); failed {
			return nil, err
		}
		return got.(net.Conn), nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memNet) Close() error   { m.once.Do(func() { close(m.closed) }); return nil }
func (m *memNet) Addr() net.Addr { return net.TCPAddrFromAddrPort(m.listen) }

func (m *memNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if m.dialing != nil {
		if err := m.dialing(ctx); err != nil {
			return nil, err
		}
	}
	relay, service := memPair(netip.AddrPortFrom(m.listen.Addr(), 40000), m.target)
	m.services <- service
	return relay, nil
}

// connect is a client that connects.
func (m *memNet) connect(from string) *memConn {
	client, relay := memPair(netip.MustParseAddrPort(from), m.listen)
	m.accept <- relay
	return client
}
