// Package ddnstest holds fakes of the DDNS providers that speak their true
// wire contracts, for tests and for the lab. Each is an http.Handler over a
// tiny record store; serve it over HTTPS under the provider's real name.
// A fake can be told to misbehave with Misbehave; the functions Answer, Hang
// and Redirect make the usual misbehaviours.
package ddnstest

import (
	"io"
	"net/http"
	"net/netip"
	"sync"
)

// Request is one request as a fake saw it.
type Request struct {
	Method, Host, Path, Query, Body string
	Header                          http.Header
}

// common is what all fakes share.
type common struct {
	mu        sync.Mutex
	misbehave http.HandlerFunc                     // guarded by mu
	when      func(Request) bool                   // guarded by mu; nil means always
	onChange  func(domain string, addr netip.Addr) // guarded by mu
	onChange6 func(domain string, addr netip.Addr) // guarded by mu
	requests  []Request                            // guarded by mu
}

// OnChange sets a function that is called after each change of an A record,
// outside all locks. The zero Addr means that the record is gone. Nil means
// none.
func (c *common) OnChange(f func(domain string, addr netip.Addr)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onChange = f
}

// OnChange6 is OnChange for AAAA records.
func (c *common) OnChange6(f func(domain string, addr netip.Addr)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onChange6 = f
}

// Misbehave makes h answer every request in the fake's place; nil ends it.
// The fake still records the requests.
func (c *common) Misbehave(h http.HandlerFunc) { c.MisbehaveWhen(nil, h) }

// MisbehaveWhen is Misbehave for the requests of which when says true; nil means
// all.
func (c *common) MisbehaveWhen(when func(Request) bool, h http.HandlerFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.when, c.misbehave = when, h
}

// Requests returns a copy of the requests so far.
func (c *common) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Request(nil), c.requests...)
}

// admit records the request and reports whether the fake should answer it; the
// body is what the client sent.
func (c *common) admit(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, "unreadable body", http.StatusBadRequest)
		return nil, false
	}
	req := Request{r.Method, r.Host, r.URL.Path, r.URL.RawQuery, string(body), r.Header.Clone()}
	c.mu.Lock()
	c.requests = append(c.requests, req)
	h, when := c.misbehave, c.when
	c.mu.Unlock()
	if h != nil && (when == nil || when(req)) {
		h(w, r)
		return nil, false
	}
	return body, true
}

// changedAddr tells the observer of the record's type, if there is one.
func (c *common) changedAddr(domain, rtype string, addr netip.Addr) {
	c.mu.Lock()
	f := c.onChange
	switch rtype {
	case "A":
	case "AAAA":
		f = c.onChange6
	default:
		f = nil
	}
	c.mu.Unlock()
	if f != nil {
		f(domain, addr)
	}
}

// Answer answers with a status, headers in pairs (name, value) and a body.
func Answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Echo answers with a status and a page that holds the request's whole URL and
// Authorization header, as careless error pages do.
func Echo(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html><body>Cannot serve "+r.URL.String()+" for "+r.Header.Get("Authorization")+"</body></html>")
	}
}

// Hang answers nothing until the client goes away.
func Hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// Redirect sends the client to another URL.
func Redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
}
