//go:build linux

package lab

// HTTPS servers of this process on hosts of the lab.

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// serveHTTPS serves a handler on port 443 of an address of the host until the
// test ends.
func (h *Home) serveHTTPS(t testing.TB, host *Host, addr netip.Addr, handler http.Handler, cert *Certificate) {
	t.Helper()
	l, err := host.Listen("tcp", netip.AddrPortFrom(addr, 443).String())
	if err != nil {
		t.Fatalf("listening on %s in %s: %v", addr, host.Name, err)
	}
	// Closing a server does not wait for its handlers; the gate does, so that
	// none outlives the test.
	var gate sync.RWMutex
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			gate.RLock()
			defer gate.RUnlock()
			handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 10 * time.Second,
		// Clients that hang up, and handlers that abort, are the test's doing.
		ErrorLog:  log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert.TLS}},
	}
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		h.hold(t)
		server.Close()
		gate.Lock()
		defer gate.Unlock()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving HTTPS on %s: %v", addr, err)
		}
	})
}
