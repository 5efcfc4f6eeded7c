package igd

// The transport below goupnp: one host, no proxy, no redirect, no
// decompression, bounded and checked bodies.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	maxDescription = 256 << 10 // octets of a device description
	maxSOAP        = 64 << 10  // octets of a SOAP answer
	maxHeader      = 16 << 10  // octets of an answer's HTTP header
)

// exchange is what the transport saw of one exchange. goupnp's errors do not
// wrap their causes, so what happened is noted here on the way.
type exchange struct {
	// connected is whether a connection stood, so that the router may have
	// acted. A dial that the caller gave up on can still set it.
	connected atomic.Bool
	status    int   // of the answer; 0 when there was none
	failed    error // what broke below HTTP; nil when there was an answer
}

type exchangeKey struct{}

func withExchange(ctx context.Context) (context.Context, *exchange) {
	x := new(exchange)
	return context.WithValue(ctx, exchangeKey{}, x), x
}

// exchangeIn returns the exchange of ctx, never nil.
func exchangeIn(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return new(exchange)
}

// transport is an http.RoundTripper whose answers are complete, small and
// shallow XML.
type transport struct {
	base  http.RoundTripper
	limit int64
}

// newHTTP returns a client whose answers have at most limit octets. It keeps
// no connection, as routers close them anyway and some restart on another
// port.
func newHTTP(p Peer, limit int64) http.Client {
	return http.Client{
		Transport: &transport{limit: limit, base: &http.Transport{
			Proxy:                  nil, // HTTP_PROXY does not lead to the router
			DialContext:            p.Dial,
			DisableKeepAlives:      true,
			DisableCompression:     true, // a small answer stays a small answer
			MaxResponseHeaderBytes: maxHeader,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("redirects are not followed")
		},
	}
}

// redirected is the error of an answer that sends us elsewhere.
func redirected(status int) error {
	return fmt.Errorf("the router answered with a redirect (HTTP %d), which is not followed", status)
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	x := exchangeIn(req.Context())
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		x.failed = err
		return nil, err
	}
	defer resp.Body.Close()
	x.status = resp.StatusCode
	if resp.StatusCode/100 == 3 {
		return nil, redirected(resp.StatusCode)
	}
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, fmt.Errorf("the router answered in the content coding %q, which was not asked for", tidy.Line(coding, 20))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, t.limit+1))
	if err != nil {
		x.failed = err
		return nil, err
	}
	if int64(len(body)) > t.limit {
		return nil, fmt.Errorf("the router's answer has more than %d KiB", t.limit>>10)
	}
	if len(bytes.TrimSpace(body)) > 0 {
		if body, err = tidyXML(body); err != nil {
			return nil, err
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	return resp, nil
}
