//go:build linux

package lab

// What stands before the CA, as before every public one: it counts what the CA is
// asked, and can be told to hold calls back or to answer them itself.

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Paths of pebble's by which its calls are told apart, the beginnings of them.
const (
	ACMENewOrder    = "/order-plz"
	ACMEChallenge   = "/chalZ/"
	ACMERenewalInfo = "/draft-ietf-acme-ari-03/renewalInfo/"
)

// acmeFront is the front. Its methods may be called from any goroutine.
type acmeFront struct {
	mu    sync.Mutex
	calls map[string]int // guarded by mu; answered with 2xx, by path
	hook  func(w http.ResponseWriter, r *http.Request) bool
}

// Disturb has each call go through hook first, which returns true where it has
// answered it; nil ends that.
func (f *acmeFront) Disturb(hook func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

// Accepted is how many calls the CA itself has answered well whose path begins
// with this.
func (f *acmeFront) Accepted(path string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, count := range f.calls {
		if strings.HasPrefix(p, path) {
			n += count
		}
	}
	return n
}

// Open has the CA's server be reached from now on.
func (a *ACME) Open(t testing.TB) {
	t.Helper()
	h, f := a.home, a.acmeFront
	back := h.WAN.HTTPClient(h.CA).Transport.(*http.Transport)
	t.Cleanup(back.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: fmt.Sprintf("%s:%d", ACMEAddr, pebblePort)})
			r.Out.Host = r.In.Host
		},
		Transport: back,
		ModifyResponse: func(answer *http.Response) error {
			if answer.StatusCode/100 == 2 {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.calls[answer.Request.URL.Path]++
			}
			return nil
		},
		ErrorLog: log.New(io.Discard, "", 0), // a daemon that is killed hangs up
	}
	h.serveHTTPS(t, h.WAN, ACMEAddr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		hook := f.hook
		f.mu.Unlock()
		if hook != nil && hook(w, r) {
			return
		}
		proxy.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	}), a.cert)
}

// Served returns the chain that a new connection from a host to a TLS server of
// the lab gets for name. Whether it is good is not looked at.
func (h *Host) Served(address, name string) (*tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(context.Background(), exchangeLimit)
	defer cancel()
	raw, err := h.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: name})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	state := conn.ConnectionState()
	return &state, nil
}
