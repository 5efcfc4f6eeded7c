package checker

// One question to the checker, and what its answer means.

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	maxAnswer    = 64 << 10
	maxHeader    = 64 << 10
	maxForeign   = 200 // bytes of others' words in ours
	maxRedirects = 3
)

// errElsewhere means that the checker wants to send us to another host.
var errElsewhere = errors.New("it wants to send us to another host, which is not followed, because the URL may hold a secret")

// client asks.
type client struct {
	cfg     Config
	http    *http.Client
	secrets []secret.Value
}

// newClient makes the client of cfg. It knows no proxy, which would see what is
// secret in the URL, and keeps no connection between questions that are an hour
// apart.
func newClient(cfg Config) *client {
	transport := &http.Transport{
		DialContext:            cfg.Dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
		TLSHandshakeTimeout:    10 * time.Second,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeader,
	}
	return &client{cfg: cfg, secrets: Secrets(cfg.URL), http: &http.Client{Transport: transport, CheckRedirect: sameHost}}
}

// sameHost follows redirects of the checker's to itself.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case next.URL.Host != first.Host || next.URL.Scheme != first.Scheme:
		return errElsewhere
	case len(via) > maxRedirects:
		return errors.New("it sends us from one page to the next")
	}
	next.Header.Del("Referer") // the URL before, which may hold a secret
	return nil
}

// ask asks for one port.
func (c *client) ask(ctx context.Context, p Port, address netip.Addr) (Verdict, string) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fill(c.cfg.URL.Reveal(), p, address), nil)
	if err != nil {
		return Unknown, "the request cannot be made" // the error quotes the URL
	}
	req.Header.Set("User-Agent", "edgeguard")
	resp, err := c.http.Do(req)
	if err != nil {
		return Unknown, c.clean(reason(ctx, err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Unknown, c.clean(reason(ctx, err))
	}
	return c.judge(resp.StatusCode, body)
}

// judge says what an answer means.
func (c *client) judge(status int, body []byte) (Verdict, string) {
	said := fmt.Sprintf("it answered with HTTP status %d", status)
	switch {
	case status/100 == 2 && c.cfg.Expect == "":
		return Open, ""
	case status/100 == 2 && bytes.Contains(body, []byte(c.cfg.Expect)):
		return Open, ""
	case status/100 == 2:
		return Closed, "its answer does not hold what expect says"
	case status == http.StatusServiceUnavailable && c.cfg.Expect == "":
		return Closed, said
	}
	return Unknown, said
}

// reason says why no answer came. The URL of a url.Error may hold a secret, so
// only what it wraps is told.
func reason(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return "it did not answer in time"
	}
	if errors.Is(err, errElsewhere) {
		return errElsewhere.Error()
	}
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	return err.Error()
}

// clean makes foreign words fit to be told. Secrets are cut before the length is,
// so that no half of one is left, and again after cleaning, which may have joined
// two halves.
func (c *client) clean(text string) string {
	text = tidy.Line(secret.Scrub(text, c.secrets...), maxAnswer)
	return tidy.Cut(secret.Scrub(text, c.secrets...), maxForeign)
}
