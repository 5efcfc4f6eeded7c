//go:build linux

package lab

// The echo service: tells a caller its own address.

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"testing"
)

// EchoName and EchoURL are where the echo service answers.
const (
	EchoName = "echo.example.net"
	EchoURL  = "https://" + EchoName + "/"
)

// Echo is the running service. Its methods may be called at any time.
type Echo struct {
	mu     sync.Mutex
	off    bool           // guarded by mu
	lie    netip.Addr     // guarded by mu; told instead of the truth if valid
	served int            // guarded by mu
	as     map[string]int // guarded by mu; by the name it was called by
}

// StartEcho starts the echo service on ElsewhereAddr, with a certificate of
// the home's CA. It may have more names than EchoName, which the public DNS is
// then told.
func (h *Home) StartEcho(t testing.TB, names ...string) *Echo {
	t.Helper()
	for _, name := range names {
		if err := h.dns.SetA(name, ElsewhereAddr); err != nil {
			t.Fatal(err)
		}
	}
	e := &Echo{as: map[string]int{}}
	h.serveHTTPS(t, h.WAN, ElsewhereAddr, e, h.CA.Issue(t, append([]string{EchoName}, names...)...))
	return e
}

// ServedAs is how often the service has answered under one of its names.
func (e *Echo) ServedAs(name string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.as[name]
}

// SetOff makes the service drop every request, or answer again.
func (e *Echo) SetOff(off bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.off = off
}

// SetLie makes the service tell everyone this address, as a proxy on the way
// would; the zero address makes it tell the truth again.
func (e *Echo) SetLie(addr netip.Addr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lie = addr
}

// Served is how often the service has answered.
func (e *Echo) Served() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.served
}

// ServeHTTP answers with the caller's address as text.
func (e *Echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	off, lie := e.off, e.lie
	if !off {
		e.served++
		e.as[r.Host]++
	}
	e.mu.Unlock()
	caller, err := netip.ParseAddrPort(r.RemoteAddr)
	switch {
	case off || err != nil:
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case lie.IsValid():
		fmt.Fprintln(w, lie)
	default:
		fmt.Fprintln(w, caller.Addr())
	}
}
