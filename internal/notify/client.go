package notify

// Sending one message to one endpoint, once, and what the answer means.

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	maxAnswer     = 64 << 10
	maxHeader     = 64 << 10
	maxForeign    = 200 // bytes of a service's own words in ours
	maxRetryAfter = 24 * time.Hour
	limitedWait   = 5 * time.Minute // after a 429 that names none
)

// outcome is what became of an attempt.
type outcome uint8

const (
	delivered outcome = iota
	// failed may succeed later: the line is down, the service is.
	failed
	// limited means that the service wants to be left alone for wait.
	limited
	// refused will hardly succeed later: a wrong token, an unknown topic.
	refused
)

// attempt is what became of one, in words without secrets.
type attempt struct {
	outcome outcome
	wait    time.Duration // limited only
	text    string        // empty where delivered
}

// client sends.
type client struct {
	transport http.RoundTripper
	timeout   time.Duration
}

// newClient makes the client of cfg. It knows no proxy, which would see tokens,
// and keeps no connection, as messages are rare and follow an outage.
func newClient(cfg Config) *client {
	return &client{timeout: cfg.Timeout, transport: &http.Transport{
		DialContext:            cfg.Dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
		TLSHandshakeTimeout:    10 * time.Second,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeader,
	}}
}

// send sends m to e once. A redirect is not followed: it would carry the token
// to another host.
func (c *client) send(ctx context.Context, e *endpoint, m Message) attempt {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	contentType, body := e.encode(m, time.Now())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return attempt{outcome: refused, text: e.where() + ": the request cannot be made"} // the error quotes the URL
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "edgeguard")
	for name, value := range e.header {
		req.Header.Set(name, value)
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return attempt{outcome: failed, text: e.where() + ": " + e.clean(reason(ctx, err))}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil && resp.StatusCode/100 != 2 {
		return attempt{outcome: failed, text: e.where() + ": " + e.clean(reason(ctx, err))}
	}
	return e.judge(resp, answer)
}

// reason says why no answer came. The URL of a url.Error holds the token, so
// only what it wraps is told.
func reason(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return "it did not answer in time"
	}
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	return err.Error()
}

// judge says what an answer means: by the service's own words where it has
// some, else by the status.
func (e *endpoint) judge(resp *http.Response, body []byte) attempt {
	said := e.said(body)
	text := fmt.Sprintf("%s answered with HTTP status %d", e.where(), resp.StatusCode)
	if said != "" {
		text += ": " + said
	}
	switch status := resp.StatusCode; {
	case status/100 == 2 && e.accepts != nil && !e.accepts(body):
		a := attempt{outcome: refused, text: text}
		if strings.Contains(said, "rate") { // Slack's "ratelimited"
			a.outcome, a.wait = limited, waitOf(resp.Header, body)
		}
		return a
	case status/100 == 2:
		return attempt{outcome: delivered}
	case status == http.StatusTooManyRequests:
		return attempt{outcome: limited, wait: waitOf(resp.Header, body), text: text}
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status/100 == 1:
		return attempt{outcome: failed, text: text}
	case status/100 == 3:
		return attempt{outcome: refused, text: fmt.Sprintf("%s wants to send us elsewhere (HTTP status %d), which is not followed, because it would carry the token along", e.where(), status)}
	}
	return attempt{outcome: refused, text: text}
}

// said is the reason in a service's JSON; empty where there is none.
func (e *endpoint) said(body []byte) string {
	var said struct {
		Description any `json:"description"`      // Telegram
		Message     any `json:"message"`          // Discord
		Error       any `json:"error"`            // ntfy, Slack, Gotify
		More        any `json:"errorDescription"` // Gotify
		Errors      any `json:"errors"`           // Pushover
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	var parts []string
	for _, v := range []any{said.Description, said.Message, said.Error, said.More, said.Errors} {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, one := range list[:min(len(list), 4)] {
			if s, ok := one.(string); ok && s != "" {
				parts = append(parts, e.clean(s))
			}
		}
	}
	return tidy.Line(strings.Join(parts, "; "), maxForeign)
}

// clean makes foreign words fit to be told. Secrets are cut before the length
// is, so that no half of one is left, and again after cleaning, which may have
// joined two halves.
func (e *endpoint) clean(text string) string {
	text = tidy.Line(secret.Scrub(text, e.secrets...), maxAnswer)
	return tidy.Cut(secret.Scrub(text, e.secrets...), maxForeign)
}

// waitOf is how long the service wants to be left alone: the header of RFC
// 9110, section 10.2.3, or what Telegram and Discord say in their JSON.
func waitOf(h http.Header, body []byte) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	seconds, err := strconv.ParseFloat(text, 64)
	if at, dateErr := http.ParseTime(text); err != nil && dateErr == nil {
		seconds, err = time.Until(at).Seconds(), nil
	}
	if err != nil {
		var said struct {
			RetryAfter float64 `json:"retry_after"`
			Parameters struct {
				RetryAfter float64 `json:"retry_after"`
			} `json:"parameters"`
		}
		_ = json.Unmarshal(body, &said)
		seconds = max(said.RetryAfter, said.Parameters.RetryAfter)
	}
	if !(seconds > 0) { // NaN too
		return limitedWait
	}
	return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
}
