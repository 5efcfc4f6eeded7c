package provider

// Why and how http.DefaultClient is replaced.
//
// github.com/libdns/duckdns v0.3.0 sends its requests, token in the URL,
// through http.DefaultClient: no time limit, a proxy from the environment, and
// redirects followed with the whole URL in the Referer header. The library has
// no field for another client, so the variable is the only seam. It is replaced
// once and for good by a client that looks into each request's context: a
// request of ours goes the way its adaptor wants, and redirects are refused;
// any other request goes where it went before. Nothing in this process should
// use http.DefaultClient, but what does is not harmed.

import (
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

// defaultClientIsOurs reports whether requests of ours would be recognised.
func defaultClientIsOurs() bool { return ours != nil && http.DefaultClient == ours }

// dispatch is the transport of the replaced client.
type dispatch struct{ before *http.Client }

// RoundTrip implements http.RoundTripper.
func (d dispatch) RoundTrip(req *http.Request) (*http.Response, error) {
	if call, ok := req.Context().Value(duckDNSKey{}).(*duckDNSCall); ok {
		return call.RoundTrip(req)
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
		if _, ok := req.Context().Value(duckDNSKey{}).(*duckDNSCall); ok {
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
