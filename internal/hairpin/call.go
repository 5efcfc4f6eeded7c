package hairpin

// One TLS connection to a service.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"time"
)

// dialFunc is net.Dialer.DialContext, or a test's.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// call is a TLS connection that was tried.
type call struct {
	conn *tls.Conn // nil where there was no TCP connection
	// hangUp ends the connection, if any, and waits for nobody.
	hangUp func()
	// dialErr is why there was no connection, tlsErr why there was no TLS on
	// it.
	dialErr, tlsErr error
	// chain is what the other side showed, leaf first; it may have shown it
	// and broken off then, in which case tlsErr says why.
	chain []*x509.Certificate
	// version and cipher are those that chain was shown in.
	version, cipher uint16
	// wantsClient is whether the other side asked for a client certificate.
	wantsClient bool
}

// dialTLS connects and does the TLS handshake, both within ctx. What the
// other side shows is not verified here, only taken; crypto/tls bounds the size
// of every handshake message. The caller must call hangUp.
func dialTLS(ctx context.Context, dial dialFunc, address netip.AddrPort, name string) *call {
	return dialTLSAs(ctx, dial, address, &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12})
}

// dialTLSAs is dialTLS as the client that cfg describes, which it takes over.
func dialTLSAs(ctx context.Context, dial dialFunc, address netip.AddrPort, cfg *tls.Config) *call {
	c := &call{hangUp: func() {}}
	raw, err := dial(ctx, "tcp", address.String())
	if err != nil {
		c.dialErr = err
		return c
	}
	// The end of ctx is the deadline of everything on the connection.
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	c.hangUp = func() {
		if stop() {
			_ = c.conn.Close() // in time: say goodbye, or the broker logs an error
		}
		_ = raw.Close()
	}
	cfg.InsecureSkipVerify = true // read verifies the chain afterwards, and says why not
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		c.chain, c.version, c.cipher = state.PeerCertificates, state.Version, state.CipherSuite
		return nil
	}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		c.wantsClient = true
		return &tls.Certificate{}, nil // none, which is for the server to judge
	}
	c.conn = tls.Client(raw, cfg)
	c.tlsErr = c.conn.HandshakeContext(ctx)
	if c.tlsErr == nil && len(c.chain) == 0 {
		c.tlsErr = errors.New("it showed no certificate")
	}
	return c
}
