package hairpin

// One look at one service: TCP, TLS, the certificate, MQTT.

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
	// wantsClient is whether the other side asked for a client certificate.
	wantsClient bool
}

// dialTLS connects and does the TLS handshake, both within ctx. What the
// other side shows is not verified here, only taken; crypto/tls bounds the size
// of every handshake message. The caller must call hangUp.
func dialTLS(ctx context.Context, dial dialFunc, address netip.AddrPort, name string) *call {
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
	c.conn = tls.Client(raw, &tls.Config{
		ServerName:         name,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // read verifies the chain afterwards, and says why not
		VerifyConnection: func(state tls.ConnectionState) error {
			c.chain = state.PeerCertificates
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c.wantsClient = true
			return &tls.Certificate{}, nil // none, which is for the server to judge
		},
	})
	c.tlsErr = c.conn.HandshakeContext(ctx)
	if c.tlsErr == nil && len(c.chain) == 0 {
		c.tlsErr = errors.New("it showed no certificate")
	}
	return c
}

// look is what one look at a service found.
type look struct {
	// reached is whether the service answers in TLS.
	reached bool
	// proved is whether the handshake was completed, so that the service has
	// proved that it holds the key of the certificate it showed.
	proved bool
	// wantsClient is whether it asked for a client certificate and gave us up
	// for having none.
	wantsClient bool
	// mqtt is the broker's word; empty where it was not asked or said none.
	mqtt string
	// err is what went wrong, in words; empty when nothing did.
	err string
	// action is what to do about err.
	action string
	// served is the certificate shown; nil where there was none.
	served *served
}

// lookAt looks at a service within ctx.
func lookAt(ctx context.Context, dial dialFunc, s Service) look {
	c := dialTLS(ctx, dial, s.Address, serverName(s.Names))
	defer c.hangUp()
	var l look
	if len(c.chain) > 0 {
		l.served = read(c.chain, s.Roots, s.Names, time.Now())
	}
	address := s.Address.String()
	switch {
	case c.dialErr != nil:
		l.err = wordsDial(c.dialErr, address)
		l.action = "Check that the service runs, and that address is where it listens in the LAN."
	case c.tlsErr != nil && c.wantsClient && l.served != nil && !isTimeout(c.tlsErr):
		l.reached, l.wantsClient = true, true // TLS 1.2: it ends the handshake
	case c.tlsErr != nil:
		l.err = wordsHandshake(c.tlsErr, address)
		l.action = "Give the service a TLS listener on this port (mosquitto: certfile and keyfile), or correct the port in address."
		if s.Kind == MQTT && speaksPlainMQTT(ctx, dial, address, c.tlsErr) {
			l.err = address + " does not speak TLS: the port speaks plain MQTT"
		}
	case s.Kind == MQTT:
		l.reached, l.proved = true, true
		l.greet(c, address)
	default:
		l.reached, l.proved = true, true
	}
	return l
}

// greet asks the broker inside TLS.
func (l *look) greet(c *call, address string) {
	word, err := greet(c.conn)
	switch {
	case err == nil:
		l.mqtt = word
	case c.wantsClient && !isTimeout(err) && !errors.Is(err, errNotMQTT):
		l.wantsClient = true // TLS 1.3: it ends the connection afterwards
	default:
		l.err = wordsMQTT(err, address)
		l.action = `If the service is no MQTT broker, set kind = "tls"; if it is one, look into its log.`
	}
}

// speaksPlainMQTT asks a port that failed the TLS handshake without TLS, where
// the failure looks like that of a broker: it hung up on the unknown packet.
func speaksPlainMQTT(ctx context.Context, dial dialFunc, address string, tlsErr error) bool {
	if isTimeout(tlsErr) || !isHangUp(tlsErr) && !errors.As(tlsErr, new(tls.RecordHeaderError)) {
		return false
	}
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	_, err = greet(conn)
	return err == nil
}
