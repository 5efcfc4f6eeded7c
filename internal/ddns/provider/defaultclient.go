package provider

// Why and how http.DefaultClient is replaced.
//
// Some modules of libdns (duckdns v0.3.0, netcup v1.0.0) send their requests
// through http.DefaultClient: no time limit, a proxy from the environment, and
// redirects followed with what is secret in them. They have no field for
// another client, so the variable is the only seam. It is replaced once and for
// good by a client that looks into each request's context: a request that has a
// way of its own there goes that way, and its redirects are refused; any other
// request goes where it went before. Nothing in this process should use
// http.DefaultClient, but what does is not harmed.

import (
	"context"
	"errors"
	"net/http"
	"sync"
)

// ours is the client that stands in http.DefaultClient after
// takeOverDefaultClient.
var ours *http.Client

var takeOver sync.Once

// takeOverDefaultClient replaces http.DefaultClient, the first time it is
// called. The variable has no lock, so that must happen while nothing else
// uses it: managers are made before anything runs.
func takeOverDefaultClient() {
	takeOver.Do(func() {
		before := http.DefaultClient
		ours = &http.Client{
			Transport:     dispatch{before},
			CheckRedirect: redirectPolicy(before),
			Jar:           before.Jar,
			Timeout:       before.Timeout,
		}
		http.DefaultClient = ours
	})
}

// errDefaultClient is what a call fails with where its requests would not be
// recognised.
func errDefaultClient(host string) error {
	if ours != nil && http.DefaultClient == ours {
		return nil
	}
	return &Fault{Kind: Failed,
		Text: "another part of this program has replaced http.DefaultClient, so the request to " + host + " was not made"}
}

// wayKey is the context key of the http.RoundTripper that a request through
// http.DefaultClient takes.
type wayKey struct{}

// through makes requests with the context, sent to http.DefaultClient, go the
// way rt.
func through(ctx context.Context, rt http.RoundTripper) context.Context {
	return context.WithValue(ctx, wayKey{}, rt)
}

func wayOf(req *http.Request) (http.RoundTripper, bool) {
	rt, ok := req.Context().Value(wayKey{}).(http.RoundTripper)
	return rt, ok
}

// dispatch is the transport of the replaced client.
type dispatch struct{ before *http.Client }

// RoundTrip implements http.RoundTripper.
func (d dispatch) RoundTrip(req *http.Request) (*http.Response, error) {
	if rt, ok := wayOf(req); ok {
		return rt.RoundTrip(req)
	}
	if d.before.Transport != nil {
		return d.before.Transport.RoundTrip(req)
	}
	return http.DefaultTransport.RoundTrip(req)
}

// redirectPolicy refuses redirects of our requests and leaves others to the
// client before, or to net/http's own limit of ten.
func redirectPolicy(before *http.Client) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if _, ok := wayOf(req); ok {
			return http.ErrUseLastResponse
		}
		if before.CheckRedirect != nil {
			return before.CheckRedirect(req, via)
		}
		if len(via) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
}
