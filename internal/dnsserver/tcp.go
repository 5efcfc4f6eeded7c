package dnsserver

// Connections: DNS over TCP (RFC 7766) and over TLS (RFC 7858).

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// tcpIdle is how long a connection may be silent.
	tcpIdle = 30 * time.Second
	// tcpQuestion is how long one question may take to arrive once it has
	// begun, and a TLS handshake all in all.
	tcpQuestion = 5 * time.Second
	// tcpWrite is how long a client may leave replies unread.
	tcpWrite = 5 * time.Second
	// tcpReceive and tcpSend bound what the kernel keeps for a connection.
	tcpReceive, tcpSend = 16 << 10, 128 << 10
)

// tcpListener serves the connections to one address.
type tcpListener struct {
	server *Server
	ln     *net.TCPListener
	tls    *tls.Config // nil for plain TCP
}

func listenTCP(s *Server, addr netip.AddrPort, secure *tls.Config) (*tcpListener, error) {
	ln, err := net.ListenTCP(networkFor("tcp", addr), net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	return &tcpListener{server: s, ln: ln, tls: secure}, nil
}

func (t *tcpListener) close() { t.ln.Close() }

// address is the one bound, with its real port.
func (t *tcpListener) address() netip.AddrPort {
	bound := t.ln.Addr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
}

// run serves until ctx ends and all connections are closed.
func (t *tcpListener) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, t.close)
	defer stop()
	defer t.close()
	var serving sync.WaitGroup
	defer serving.Wait()
	failed := 0
	for {
		conn, err := t.ln.AcceptTCP()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case err != nil && (errors.Is(err, net.ErrClosed) || failed >= maxReadErrors):
			return fmt.Errorf("accepting on tcp %s: %w", t.address(), err)
		case err != nil:
			failed++
			t.server.log.Debug("accepting a connection failed", "listen", t.address(), "err", err)
			pause(ctx, 50*time.Millisecond) // out of file descriptors, more often than not
			continue
		}
		failed = 0
		c := newTCPConn(t, conn)
		t.server.conns.enter(c)
		serving.Go(func() {
			defer t.server.conns.leave(c)
			c.serve(ctx)
		})
	}
}

// pause waits, or for ctx to end.
func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// tlsConfig is what DNS over TLS is spoken with. The certificate is that of the
// rules in force at each handshake.
func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"dot"}, // RFC 7858, IANA; a client need not name it
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if get := s.rules.Load().cfg.GetCertificate; get != nil {
				return get(hello)
			}
			return nil, errors.New("DNS over TLS has been turned off")
		},
	}
}
