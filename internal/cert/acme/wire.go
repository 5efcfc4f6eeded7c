package acme

// The HTTP client that CAs are spoken to with: bounded in time, size and
// redirects, and telling what the library above it does not hand on.

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// maxAnswer bounds an answer of a CA, in bytes: a chain is a tenth of it.
	maxAnswer = 256 << 10
	// askTime bounds one request with its answer.
	askTime = 30 * time.Second
	// maxRedirects bounds how often a GET is sent elsewhere.
	maxRedirects = 3
)

// ask is what one call of the library did on the wire. It travels in the
// context; the library answers with errors in which the headers are lost.
type ask struct {
	once   bool  // a request that failed half-way must not be sent again
	doubt  error // such a failure: the CA may have done what it was asked
	keep   bool  // the answer is wanted in body and next
	status int   // of the last answer; 0 where there was none
	retry  time.Time
	body   []byte
	next   string
}

type askKey struct{}

// wire is the transport below every client of an Issuer.
type wire struct {
	base *http.Transport
	// at is the address of the CA's directory, document what is answered there:
	// the one that was checked. Such requests do not leave the house. Empty: all do.
	at       string
	document []byte
}

// newTransport returns the transport of cfg.
func newTransport(cfg Config) *http.Transport {
	return &http.Transport{
		DialContext:            cfg.Dial,
		TLSClientConfig:        &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  askTime,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        10 * time.Second,
		ForceAttemptHTTP2:      true,
		// Proxy stays nil: the environment of a container is nobody's choice.
	}
}

// client returns an HTTP client on w.
func (w *wire) client(timeout time.Duration) *http.Client {
	return &http.Client{Transport: w, Timeout: timeout, CheckRedirect: checkRedirect}
}

// checkRedirect refuses to follow where a request is signed for one URL.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects || via[0].Method == http.MethodPost {
		return http.ErrUseLastResponse
	}
	return nil
}

// errPlain means that a CA led us to a server without TLS.
var errPlain = errors.New("the CA gave an address that is not https")

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	url := *req.URL
	url.Fragment = ""
	if w.at != "" && url.String() == w.at && req.Method == http.MethodGet {
		return &http.Response{
			StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
			Header: http.Header{"Content-Type": {"application/json"}},
			Body:   io.NopCloser(bytes.NewReader(w.document)),
		}, nil
	}
	if req.URL.Scheme != "https" {
		return nil, errPlain
	}
	a, _ := req.Context().Value(askKey{}).(*ask)
	if a == nil {
		a = new(ask)
	}
	post := req.Method == http.MethodPost
	if post && a.once && a.doubt != nil {
		return nil, a.doubt
	}
	a.status, a.retry = 0, time.Time{}
	res, err := w.base.RoundTrip(req)
	if err == nil {
		err = a.take(res)
	}
	if post && a.once && (err != nil || res.StatusCode >= http.StatusInternalServerError) {
		if a.doubt = err; err == nil {
			a.doubt = fmt.Errorf("the CA's server answered with status %d", res.StatusCode)
		}
	}
	if err != nil {
		return nil, err
	}
	return res, nil
}

// take reads the answer, whole and within its bound, and notes what is lost
// above.
func (a *ask) take(res *http.Response) error {
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return err
	}
	if len(text) > maxAnswer {
		return errors.New("the CA's answer is too large")
	}
	a.status = res.StatusCode
	if a.status >= http.StatusBadRequest || res.Request.Method != http.MethodHead {
		a.retry = retryAfter(res.Header.Get("Retry-After"), time.Now())
	}
	if a.keep {
		a.body, a.next = text, nextPage(res.Header["Link"])
	}
	// The library follows the links of a certificate, however many there are, and
	// we take the chain that is served.
	res.Header.Del("Link")
	res.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// asking returns a context in which a is filled in.
func asking(ctx context.Context, a *ask) context.Context {
	return context.WithValue(ctx, askKey{}, a)
}
