package upstream

// DNS over TLS, and the plain fall-back while the clock is wrong.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// plainFor is for how long a server whose certificate was refused for its
	// dates is asked in plain until its certificate is tried again.
	plainFor = time.Minute
	// sessions bounds the TLS sessions kept for one server.
	sessions = 8
)

// PlausibleClock reports whether now may be the right time: it is not before
// floor, a time that is known to have passed, such as when the program was
// built, or when it ran last. A zero floor makes every time plausible.
func PlausibleClock(now, floor time.Time) bool { return !now.Before(floor) }

// tlsConfig is how a server's certificate is checked.
func tlsConfig(spec Spec, roots *x509.CertPool) *tls.Config {
	return &tls.Config{
		ServerName:         spec.Name,
		RootCAs:            roots,
		MinVersion:         tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(sessions),
	}
}

// newTLS speaks DNS over TLS.
func newTLS(t *target, cfg Config, l *life) transport {
	config := tlsConfig(t.spec, cfg.RootCAs)
	return newStreams(l, cfg.Timeout, true, func(ctx context.Context) (net.Conn, error) {
		conn, err := t.dial(ctx, "tcp", t.spec.Port)
		if err != nil {
			return nil, err
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, fmt.Errorf("setting up TLS: %w", err)
		}
		return secure, nil
	})
}

// clocked speaks to an encrypted server, and in plain to the same address
// while the clock is implausible and the certificate is refused for its dates.
type clocked struct {
	encrypted transport
	plain     *plain
	plausible func() bool
	name      string
	log       *slog.Logger

	mu    sync.Mutex
	until time.Time // guarded by mu; when the certificate is tried again
	said  bool      // guarded by mu; that it is asked in plain
}

func newClocked(t *target, cfg Config, l *life) *clocked {
	c := &clocked{plain: newPlain(t, UDP.port(), cfg, l), plausible: cfg.ClockPlausible, name: t.spec.Text, log: cfg.Log}
	if t.spec.Protocol == HTTPS {
		c.encrypted = newHTTPS(t, cfg, l)
	} else {
		c.encrypted = newTLS(t, cfg, l)
	}
	return c
}

func (c *clocked) ask(ctx context.Context, query *dns.Msg) (*dns.Msg, time.Duration, error) {
	if c.active() && c.early() {
		return c.plain.ask(ctx, query)
	}
	reply, took, err := c.encrypted.ask(ctx, query)
	var invalid x509.CertificateInvalidError
	if err != nil && errors.As(err, &invalid) && invalid.Reason == x509.Expired && !c.plausible() {
		c.say(true)
		return c.plain.ask(ctx, query)
	}
	if err == nil {
		c.say(false)
	}
	return reply, took, err
}

// active reports whether the server is asked in plain now.
func (c *clocked) active() bool {
	c.mu.Lock()
	said := c.said
	c.mu.Unlock()
	return said && !c.plausible()
}

// early reports whether it is too early to try the certificate again.
func (c *clocked) early() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.until)
}

// say notes and logs whether the server is asked in plain.
func (c *clocked) say(plain bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if plain {
		c.until = time.Now().Add(plainFor)
	}
	if c.said == plain {
		return
	}
	if c.said = plain; plain {
		c.log.Warn("this host's clock is wrong, so the certificate of an upstream DNS server cannot be checked; it is asked unencrypted until the clock is right",
			"server", c.name, "clock", time.Now().UTC().Format(time.RFC3339))
	} else {
		c.log.Info("the upstream DNS server is asked encrypted again", "server", c.name)
	}
}

func (c *clocked) warm() bool {
	if c.active() {
		return true
	}
	return c.encrypted.warm()
}

func (c *clocked) doubt(since time.Time) {
	c.encrypted.doubt(since)
	c.plain.doubt(since)
}

func (c *clocked) close() {
	c.encrypted.close()
	c.plain.close()
}
