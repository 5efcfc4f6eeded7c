//go:build linux

package lab

// A checker on the Internet: it is asked by HTTPS whether it reaches a port, and
// tries.

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// CheckerToken is what the checker wants to be given.
const CheckerToken = "lab-checker-0123456789abcdef"

// CheckerURL is the URL to configure.
var CheckerURL = "https://" + CheckerAddr.String() + "/check?token=" + CheckerToken + "&address={address}&port={port}"

// checkTime is how long the checker waits for a port.
const checkTime = 3 * time.Second

// Checker is the running service. Its methods may be called at any time.
type Checker struct {
	host *Host

	mu     sync.Mutex
	broken bool // guarded by mu
	asked  int  // guarded by mu
}

// StartChecker starts the checker on CheckerAddr, with a certificate of the
// home's CA. It answers "port is open" or "port is closed".
func (h *Home) StartChecker(t testing.TB) *Checker {
	t.Helper()
	c := &Checker{host: h.WAN}
	h.serveHTTPS(t, h.WAN, CheckerAddr, c, h.CA.Issue(t, CheckerAddr.String()))
	return c
}

// SetBroken makes every answer one of status 500, or none of them.
func (c *Checker) SetBroken(broken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = broken
}

// Asked is how often the checker was asked.
func (c *Checker) Asked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// ServeHTTP tries the port of the question, at the address of the question.
func (c *Checker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.asked++
	broken := c.broken
	c.mu.Unlock()
	q := r.URL.Query()
	at, err := netip.ParseAddrPort(net.JoinHostPort(q.Get("address"), q.Get("port")))
	switch {
	case q.Get("token") != CheckerToken:
		w.WriteHeader(http.StatusForbidden)
		return
	case broken, err != nil:
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), checkTime)
	defer cancel()
	conn, err := c.host.Dial(ctx, "tcp", at.String())
	if err != nil {
		fmt.Fprint(w, "port is closed")
		return
	}
	conn.Close()
	fmt.Fprint(w, "port is open")
}
