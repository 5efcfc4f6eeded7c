package acme

// The front before pebble: it counts orders and accounts, and disturbs.

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// front is a CA of its own name before a world's pebble.
type front struct {
	*httptest.Server
	world *world

	mu       sync.Mutex
	orders   map[string]int // by sorted names
	accounts int
	requests int
	before   func(w http.ResponseWriter, r *http.Request) bool // true: answered
	after    func(*http.Response) error
}

// newFront starts one.
func newFront(t testing.TB, w *world) *front {
	t.Helper()
	f := &front{world: w, orders: map[string]int{}}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.roots}, DisableKeepAlives: true}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: w.pebble})
			r.Out.Host = r.In.Host
		},
		Transport:      transport,
		ModifyResponse: f.count,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if errors.Is(err, errLost) {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(http.StatusBadGateway)
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
	}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests++
		before := f.before
		f.mu.Unlock()
		if before != nil && before(w, r) {
			return
		}
		// Who asks may die: pebble works on, as a CA does.
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
		defer cancel()
		proxy.ServeHTTP(w, r.WithContext(ctx))
	}))
	f.TLS = &tls.Config{Certificates: []tls.Certificate{w.pair}}
	f.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	f.StartTLS()
	t.Cleanup(f.Close)
	return f
}

// errLost, from after, has the answer lost on the way.
var errLost = errors.New("lost")

func (f *front) count(res *http.Response) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if res.StatusCode == http.StatusCreated {
		text, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		res.Body = io.NopCloser(bytes.NewReader(text))
		var order struct{ Identifiers []struct{ Value string } }
		if strings.Contains(res.Request.URL.Path, "order") && json.Unmarshal(text, &order) == nil {
			var names []string
			for _, id := range order.Identifiers {
				names = append(names, id.Value)
			}
			slices.Sort(names)
			f.orders[strings.Join(names, ",")]++
		} else {
			f.accounts++
		}
	}
	if f.after != nil {
		return f.after(res)
	}
	return nil
}

// disturb sets what is done before and after pebble has a request.
func (f *front) disturb(before func(http.ResponseWriter, *http.Request) bool, after func(*http.Response) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = before, after
}

// ordered is how many orders pebble took for these names.
func (f *front) ordered(names ...string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.orders[strings.Join(slices.Sorted(slices.Values(names)), ",")]
}

func (f *front) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests
}

func (f *front) directory() string { return f.URL + "/dir" }

// zone is the world's DNS.
func (f *front) zone() *zone { return &zone{dns: f.world.dns, admin: f.world.dnsAdmin} }

// config is that of an issuer at f by DNS-01.
func (f *front) config(t testing.TB) Config {
	z := f.zone()
	return Config{
		Directory: f.directory(), Roots: f.world.roots, Folder: t.TempDir(), UserAgent: "edgeguard/test",
		Records: z, Names: z, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// mustNew makes a quick issuer.
func mustNew(t testing.TB, cfg Config) *Issuer {
	t.Helper()
	i, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	quicken(i)
	return i
}

func quicken(i *Issuer) { i.pace, i.singleRest = 20*time.Millisecond, time.Millisecond }

func newRequest(t testing.TB, names ...string) Request {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Request{Names: names, Key: key}
}

// problem answers with a problem document.
func problem(w http.ResponseWriter, status int, kind, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	text, _ := json.Marshal(map[string]any{"type": "urn:ietf:params:acme:error:" + kind, "detail": detail, "status": status})
	_, _ = w.Write(text)
}
