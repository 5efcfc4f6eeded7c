package upstream

// DNS over HTTPS (RFC 8484).

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

const (
	// mediaType is that of DNS messages (RFC 8484, section 6).
	mediaType = "application/dns-message"
	// maxHeader bounds the header of a response, in octets.
	maxHeader = 16 << 10
	// maxStreams bounds the questions under way to one server. Each server takes
	// as many on one connection (RFC 9113, section 6.5.2).
	maxStreams = 100
	// pingAfter is how long a connection may be silent while a question waits
	// until it is asked for a sign of life, and pingFor how long that may take.
	pingAfter, pingFor = 4 * time.Second, 2 * time.Second
)

// doh speaks DNS over HTTPS to one server.
type doh struct {
	url    string
	get    bool
	client *http.Transport
	life   *life
	slots  chan struct{} // bounds the questions under way

	mu     sync.Mutex
	conns  map[*heardConn]bool // guarded by mu; those that are open
	asking int                 // guarded by mu; questions under way
	closed bool                // guarded by mu
}

func newHTTPS(t *target, cfg Config, l *life) *doh {
	host := t.spec.Name
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if t.spec.Port != HTTPS.port() {
		host += ":" + strconv.Itoa(int(t.spec.Port))
	}
	d := &doh{url: "https://" + host + t.spec.Path, get: t.spec.Get, life: l,
		slots: make(chan struct{}, maxStreams), conns: make(map[*heardConn]bool)}
	d.client = &http.Transport{
		// Wherever the URL points, what is dialled is the server's address; a
		// proxy would have to be found by a name.
		Proxy: nil,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
			defer cancel()
			conn, err := t.dial(ctx, "tcp", t.spec.Port)
			if err != nil {
				return nil, err
			}
			return d.track(conn), nil
		},
		TLSClientConfig:        tlsConfig(t.spec, cfg.RootCAs),
		TLSHandshakeTimeout:    cfg.Timeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingFor, WriteByteTimeout: cfg.Timeout},
		DisableCompression:     true,
		MaxConnsPerHost:        maxConns,
		IdleConnTimeout:        streamIdle,
		MaxResponseHeaderBytes: maxHeader,
	}
	return d
}

func (d *doh) ask(ctx context.Context, query *dns.Msg) (*dns.Msg, time.Duration, error) {
	packed, err := pack(query, true)
	if err != nil {
		return nil, 0, err
	}
	select {
	case d.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	d.enter()
	defer d.leave()
	message, age, took, kept, err := d.fetch(ctx, packed)
	if err != nil && kept && ctx.Err() == nil {
		message, age, took, _, err = d.fetch(ctx, packed) // the connection was dead
	}
	if err != nil {
		return nil, 0, err
	}
	reply, err := readReply(message, query)
	if err != nil {
		return nil, 0, err
	}
	for _, section := range [][]dns.RR{reply.Answer, reply.Ns} {
		for _, rr := range section {
			h := rr.Header()
			h.Ttl -= min(h.Ttl, age)
		}
	}
	return reply, took, nil
}

// statusError is a response that is none.
type statusError struct{ status int }

func (e *statusError) Error() string {
	text := fmt.Sprintf("it answers with HTTP status %d %s", e.status, http.StatusText(e.status))
	switch {
	case e.status >= 300 && e.status < 400:
		return text + "; being sent elsewhere is refused"
	case e.status == http.StatusNotFound:
		return text + "; check the path in its URL"
	}
	return text
}

// fetch asks once. Age is for how many seconds the answer lay in an HTTP cache
// (RFC 8484, section 5.1); kept whether the connection was there before.
func (d *doh) fetch(ctx context.Context, packed []byte) (message []byte, age uint32, took time.Duration, kept bool, err error) {
	var begin, reused atomic.Int64
	begin.Store(time.Now().UnixNano())
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			begin.Store(time.Now().UnixNano())
			if info.Reused {
				reused.Store(1)
			}
		},
	})
	request, err := d.request(ctx, packed)
	if err != nil {
		return nil, 0, 0, false, fmt.Errorf("writing the request: %w", err)
	}
	// RoundTrip follows no redirect and keeps no cookie.
	response, err := d.client.RoundTrip(request)
	if err != nil {
		return nil, 0, 0, reused.Load() == 1, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, 0, 0, false, &statusError{response.StatusCode}
	}
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || kind != mediaType {
		return nil, 0, 0, false, errors.New("it answers with something else than a DNS message; check the path in its URL")
	}
	message, err = io.ReadAll(io.LimitReader(response.Body, wire.MaxMessage+1))
	switch {
	case err != nil:
		return nil, 0, 0, reused.Load() == 1, fmt.Errorf("reading the answer: %w", err)
	case len(message) > wire.MaxMessage:
		return nil, 0, 0, false, errors.New("the answer is longer than a DNS message can be")
	}
	old, _ := strconv.ParseUint(response.Header.Get("Age"), 10, 31) // absent or wrong: fresh
	return message, uint32(old), time.Duration(time.Now().UnixNano() - begin.Load()), reused.Load() == 1, nil
}

// request makes the request, whose ID of 0 lets caches see that two are the
// same (RFC 8484, section 4.1). It says nothing of us but the question.
func (d *doh) request(ctx context.Context, packed []byte) (*http.Request, error) {
	method, url, body := http.MethodPost, d.url, io.Reader(bytes.NewReader(packed))
	if d.get {
		sep := "?"
		if strings.Contains(url, "?") {
			sep = "&"
		}
		method, body = http.MethodGet, nil
		url += sep + "dns=" + base64.RawURLEncoding.EncodeToString(packed)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", mediaType)
	request.Header.Set("User-Agent", "")
	if !d.get {
		request.Header.Set("Content-Type", mediaType)
	}
	return request, nil
}

func (d *doh) warm() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns) > 0
}

func (d *doh) doubt(since time.Time) {
	d.mu.Lock()
	var silent []*heardConn
	for c := range d.conns {
		if c.heard.Load() < since.UnixNano() {
			silent = append(silent, c)
		}
	}
	d.mu.Unlock()
	for _, c := range silent {
		c.Close()
	}
}

// enter counts a question that has a slot.
func (d *doh) enter() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asking++
}

func (d *doh) leave() {
	d.mu.Lock()
	d.asking--
	d.mu.Unlock()
	<-d.slots
	d.tidy()
}

func (d *doh) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.tidy()
}

// tidy closes all connections, once that is to be and nobody asks any more.
func (d *doh) tidy() {
	var left []*heardConn
	d.mu.Lock()
	if d.closed && d.asking == 0 {
		left = slices.Collect(maps.Keys(d.conns))
	}
	d.mu.Unlock()
	for _, c := range left {
		c.Close()
	}
}

// heardConn is a connection that knows when it was heard last.
type heardConn struct {
	net.Conn
	of    *doh
	heard atomic.Int64 // ns of Unix time
	once  sync.Once
	stop  func() bool // guarded by of.mu
}

// track counts a connection until it is closed.
func (d *doh) track(conn net.Conn) net.Conn {
	c := &heardConn{Conn: conn, of: d}
	c.heard.Store(time.Now().UnixNano())
	d.life.begin()
	d.mu.Lock()
	d.conns[c] = true
	c.stop = context.AfterFunc(d.life.ctx, func() { c.Close() })
	d.mu.Unlock()
	d.tidy() // whoever wanted it may be gone
	return c
}

// Read notes that something came.
func (c *heardConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.Store(time.Now().UnixNano())
	}
	return n, err
}

// Close gives the connection up.
func (c *heardConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.of.mu.Lock()
		delete(c.of.conns, c)
		stop := c.stop
		c.of.mu.Unlock()
		stop()
		c.of.life.done()
	})
	return err
}
