package upstream_test

// Servers for the tests: on loopback, and inside a synctest bubble.

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

// authority is a CA of the test's own.
type authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	roots *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{roots: x509.NewCertPool()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a test's CA"}, NotBefore: time.Unix(0, 0),
		NotAfter: time.Now().AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert, a.key = sign(t, template, nil, nil)
	a.roots.AddCert(a.cert)
	return a
}

// sign makes a certificate and its key; nil parents mean a self-signed one.
func sign(t testing.TB, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// server returns the TLS config of a server with names and addresses, whose
// certificate is valid from then on.
func (a *authority) server(t testing.TB, from time.Time, names ...string) *tls.Config {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: from.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	cert, key := sign(t, template, a.cert, a.key)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

// files writes the certificate and key of a TLS config, for other programs.
func files(t testing.TB, config *tls.Config) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	der, err := x509.MarshalPKCS8PrivateKey(config.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: config.Certificates[0].Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// yesterday is when good certificates begin.
func yesterday() time.Time { return time.Now().AddDate(0, 0, -1) }

// listener is a TCP listener on loopback that counts and remembers
// connections.
type listener struct {
	net.Listener
	accepted atomic.Int32
	mu       sync.Mutex
	conns    []net.Conn
}

func listen(t testing.TB) *listener {
	t.Helper()
	inner, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{Listener: inner}
	t.Cleanup(func() { l.Close(); l.cut() })
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
		l.mu.Lock()
		l.conns = append(l.conns, conn)
		l.mu.Unlock()
	}
	return conn, err
}

// cut closes every connection.
func (l *listener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		conn.Close()
	}
	l.conns = nil
}

func (l *listener) addr() netip.AddrPort { return l.Addr().(*net.TCPAddr).AddrPort() }

// serveTLS starts a DNS over TLS server whose questions are handled
// concurrently.
func serveTLS(t testing.TB, config *tls.Config, handler dns.HandlerFunc) *listener {
	t.Helper()
	l := listen(t)
	serveStream(t, tls.NewListener(l, config), handler)
	return l
}

// serveStream answers questions that come over a listener, each in a goroutine
// of its own, until the test ends.
func serveStream(t testing.TB, l net.Listener, handler dns.HandlerFunc) {
	var serving sync.WaitGroup
	ended, end := context.WithCancel(context.Background())
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ended, func() { conn.Close() })
			serving.Go(func() { answerStream(conn, handler) })
		}
	})
	t.Cleanup(func() { l.Close(); end(); serving.Wait() })
}

// streamWriter is the dns.ResponseWriter of one connection.
type streamWriter struct {
	dns.ResponseWriter
	mu   *sync.Mutex
	conn net.Conn
}

func (w streamWriter) WriteMsg(m *dns.Msg) error {
	packed, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = w.Write(packed)
	return err
}

func (w streamWriter) Write(packed []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...))
}

func (w streamWriter) Close() error         { return w.conn.Close() }
func (w streamWriter) LocalAddr() net.Addr  { return w.conn.LocalAddr() }
func (w streamWriter) RemoteAddr() net.Addr { return w.conn.RemoteAddr() }

// answerStream answers on one connection until it ends.
func answerStream(conn net.Conn, handler dns.HandlerFunc) {
	var answering sync.WaitGroup
	defer answering.Wait()
	defer conn.Close()
	var mu sync.Mutex
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		packed := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, packed); err != nil {
			return
		}
		m := new(dns.Msg)
		if m.Unpack(packed) != nil {
			return
		}
		answering.Go(func() { handler(streamWriter{mu: &mu, conn: conn}, m) })
	}
}

// spec parses a server.
func spec(t testing.TB, text string) upstream.Spec {
	t.Helper()
	s, err := upstream.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// opened is a pool that is closed at the end of the test. Unless told, it is
// patient enough for a busy machine.
func opened(t testing.TB, cfg upstream.Config) *upstream.Pool {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout, cfg.Patience = 60*time.Second, 20*time.Second
	}
	p, err := upstream.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// bubbleNet is a network inside a synctest bubble, by address. UDP is a pipe
// too: each write is read in one piece.
type bubbleNet struct {
	mu      sync.Mutex
	servers map[string]dns.HandlerFunc // guarded by mu once it is in use
	dialled atomic.Int32
}

// become puts others in the place of all servers.
func (n *bubbleNet) become(servers map[string]dns.HandlerFunc) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.servers = servers
}

func (n *bubbleNet) dial(_ context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	handler := n.servers[address]
	n.mu.Unlock()
	if handler == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	n.dialled.Add(1)
	ours, theirs := net.Pipe()
	if network == "tcp" {
		go answerStream(theirs, handler)
	} else {
		go answerPackets(theirs, handler)
	}
	return ours, nil
}

// packetWriter is the dns.ResponseWriter of one UDP socket.
type packetWriter struct {
	dns.ResponseWriter
	conn net.Conn
}

func (w packetWriter) WriteMsg(m *dns.Msg) error {
	packed, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = w.conn.Write(packed)
	return err
}

func answerPackets(conn net.Conn, handler dns.HandlerFunc) {
	var answering sync.WaitGroup
	defer answering.Wait()
	defer conn.Close()
	for buffer := make([]byte, 4096); ; {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		m := new(dns.Msg)
		if m.Unpack(buffer[:n]) != nil {
			return
		}
		answering.Go(func() { handler(packetWriter{conn: conn}, m) })
	}
}
