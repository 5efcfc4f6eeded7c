package provider

// How providers are reached over HTTPS, and what its failures mean.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/edgeguard/edgeguard/internal/secret"
)

const (
	// MaxRetryAfter bounds what a provider may ask us to wait, so that a
	// broken answer cannot silence us for good.
	MaxRetryAfter = 24 * time.Hour
	// maxForeignText bounds a provider's own words in ours, in characters.
	maxForeignText = 300
)

// newTransport returns the transport to a provider. It knows no proxy: one
// from the environment would see tokens. Connections are not kept, because a
// write comes after the line was down, when every kept one is dead.
func newTransport(cfg Config) *http.Transport {
	return &http.Transport{
		DialContext:            cfg.Dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
		TLSHandshakeTimeout:    10 * time.Second,
		DisableKeepAlives:      true,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// refuseRedirect is a CheckRedirect that lets the redirect itself be the
// answer. Followed, it would carry the token to another host.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// roundTrip sends req and returns its answer with the whole body, bounded.
// Every error is a *Fault of kind Failed where the request did not leave, else
// of kind Unclear. host is the provider's name for people.
func roundTrip(rt http.RoundTripper, req *http.Request, host string, limit int64) (*http.Response, []byte, error) {
	var sent atomic.Bool // the transport's goroutines may set it late
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, nil, transportFault(req.Context(), err, host, sent.Load())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, nil, transportFault(req.Context(), err, host, true)
	}
	if int64(len(body)) > limit {
		return nil, nil, &Fault{Text: fmt.Sprintf("%s sent more than %d bytes in answer, which is not its API", host, limit)}
	}
	return resp, body, nil
}

// transportFault says why no answer came. A url.Error's URL holds the token
// (DuckDNS), so only what it wraps is told. The text is foreign until sealed.
func transportFault(ctx context.Context, err error, host string, sent bool) *Fault {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	f := &Fault{Kind: Unclear, Text: fmt.Sprintf("talking to %s: %v", host, err)}
	if !sent {
		f.Kind, f.Text = Failed, fmt.Sprintf("reaching %s: %v", host, err)
		f.Action = "Check that this host reaches the internet."
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		f.Text = fmt.Sprintf("%s did not answer in time", host)
		if !sent {
			f.Text = fmt.Sprintf("%s could not be reached in time", host)
		}
	}
	return f
}

// statusFault says what an HTTP status other than 200 means where the API's
// own words are missing or say nothing special.
func statusFault(resp *http.Response, host string) *Fault {
	f := &Fault{Kind: Failed, Wait: retryAfter(resp.Header, time.Now()), Text: fmt.Sprintf("%s answered with HTTP status %d", host, resp.StatusCode)}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		f.Kind = Limited
		f.Text = fmt.Sprintf("%s refuses more requests for now (HTTP status 429)", host)
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		f.Kind = Doubtful
		f.Text = fmt.Sprintf("%s refused the request (HTTP status %d) without saying why; something on the way may have", host, resp.StatusCode)
	case resp.StatusCode >= 500:
		f.Kind = Unclear
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		f.Text = fmt.Sprintf("%s wants to send us elsewhere (HTTP status %d); that is not followed, because it would carry the token along", host, resp.StatusCode)
		f.Action = "Check that nothing on the way, such as a log-in page or a filter, answers in the provider's place."
	}
	return f
}

// retryAfter reads the header of RFC 9110, section 10.2.3: seconds or a date.
// Zero means that it is absent or makes no sense.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, MaxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), MaxRetryAfter)
	}
	return 0
}

// Clean makes foreign text safe to show: control characters and what is not
// printable become blanks, and it is cut to a line's length.
func Clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxForeignText {
		text = string(runes[:maxForeignText]) + "…"
	}
	return text
}

// Sealed returns err as it may leave an adaptor: a *Fault without any form of
// the secrets. Nothing of the original can be unwrapped from it.
func Sealed(err error, secrets ...secret.Value) error {
	if err == nil {
		return nil
	}
	f := &Fault{Kind: Unclear, Text: err.Error()}
	var inner *Fault
	if errors.As(err, &inner) {
		f = &Fault{Kind: inner.Kind, Wait: inner.Wait, Text: inner.Text, Action: inner.Action}
	}
	f.Text = Clean(secret.Scrub(f.Text, secrets...))
	return secret.ScrubError(f, nil, secrets...)
}
