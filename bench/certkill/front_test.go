//go:build linux

package certkill

// The CA: pebble, behind a front that counts what is ordered.

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// What a request at the CA is about, by the paths of pebble.
var steps = []struct{ path, step string }{
	{"/order-plz", "order"}, {"/chalZ/", "challenge"}, {"/finalize-order/", "finalize"}, {"/certZ/", "download"},
}

// front is the CA as the daemon knows it.
type front struct {
	url string

	mu     sync.Mutex
	orders map[string]int      // by sorted names; those that pebble took
	lost   map[string]string   // orders that pebble gave up, and their name
	steps  map[string]int      // requests since forget, by step
	heard  map[string]struct{} // a step that is waited for; closed by came
	came   chan struct{}
}

const pebblePort, frontPort = 14000, 14443

// newFront starts pebble and its front in the internet of h. The CA calls on
// port 80, and asks dns.
func newFront(t *testing.T, h *lab.Home, dns netip.Addr) *front {
	t.Helper()
	dir := t.TempDir()
	pair := h.CA.IssueEC(t, lab.CheckerAddr.String())
	key, chain := pair.PEM, pair.PEM // Go's reader of pairs takes what it needs of each
	for name, text := range map[string][]byte{"cert.pem": blocks(chain, "CERTIFICATE"), "key.pem": blocks(key, "PRIVATE KEY")} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := netip.AddrPortFrom(lab.CheckerAddr, pebblePort).String()
	conf := fmt.Sprintf(`{"pebble":{"listenAddress":%q,"managementListenAddress":"%s:15000","certificate":%q,"privateKey":%q,"httpPort":80,"tlsPort":5001,
		"keyAlgorithm":"ecdsa","retryAfter":{"authz":0,"order":0},"profiles":{"default":{"description":"x","validityPeriod":7776000}}}}`,
		at, lab.CheckerAddr, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	h.WAN.Start(t, "pebble", "env", "PEBBLE_WFE_NONCEREJECT=30", "PEBBLE_VA_SLEEPTIME=2", "PEBBLE_AUTHZREUSE=0",
		"pebble", "-config", file, "-dnsserver", netip.AddrPortFrom(dns, 53).String())
	f := &front{orders: map[string]int{}, lost: map[string]string{}, steps: map[string]int{}, heard: map[string]struct{}{}, came: make(chan struct{})}
	f.serve(t, h, at, pair)
	lab.Eventually(t, lab.Patience, func() error {
		answer, err := h.WAN.HTTPClient(h.CA).Get(f.url)
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		return nil
	})
	return f
}

// blocks are the PEM blocks of a kind.
func blocks(text []byte, kind string) (out []byte) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return out
		}
		if block.Type == kind {
			out = append(out, pem.EncodeToMemory(block)...)
		}
	}
}

// serve serves the front until the test ends.
func (f *front) serve(t *testing.T, h *lab.Home, pebble string, pair *lab.Certificate) {
	t.Helper()
	address := netip.AddrPortFrom(lab.CheckerAddr, frontPort).String()
	f.url = "https://" + address + "/dir"
	l, err := h.WAN.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	transport := h.WAN.HTTPClient(h.CA).Transport
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: pebble})
			r.Out.Host = r.In.Host
		},
		Transport: transport, ModifyResponse: f.count, ErrorLog: log.New(io.Discard, "", 0),
	}
	server := &http.Server{
		// Who asks may die: pebble works on, as a CA does.
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			proxy.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
		}),
		ReadHeaderTimeout: lab.Patience, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair.TLS}},
	}
	var conns sync.WaitGroup
	server.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			conns.Add(1)
		case http.StateClosed, http.StateHijacked:
			conns.Done()
		}
	}
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		conns.Wait()
	})
}

// count notes what pebble has answered.
func (f *front) count(res *http.Response) error {
	if res.Request.Method != http.MethodPost || res.StatusCode >= http.StatusBadRequest {
		return nil
	}
	step := ""
	for _, s := range steps {
		if strings.HasPrefix(res.Request.URL.Path, s.path) {
			step = s.step
		}
	}
	var names []string
	status := ""
	if step == "order" && res.StatusCode == http.StatusCreated || strings.HasPrefix(res.Request.URL.Path, "/my-order/") {
		text, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		res.Body = io.NopCloser(bytes.NewReader(text))
		var order struct {
			Status      string
			Identifiers []struct{ Value string }
		}
		if err := json.Unmarshal(text, &order); err != nil {
			return err
		}
		for _, id := range order.Identifiers {
			names = append(names, id.Value)
		}
		slices.Sort(names)
		status = order.Status
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch name := strings.Join(names, ","); {
	case step == "order" && name != "":
		f.orders[name]++
	case status == "invalid":
		f.lost[res.Request.URL.Path] = name
	}
	f.steps[step]++
	if _, ok := f.heard[step]; ok {
		delete(f.heard, step)
		close(f.came)
	}
	return nil
}

// ordered is how many orders pebble took for a name alone, and how many of those
// it gave up.
func (f *front) ordered(name string) (orders, lost int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, of := range f.lost {
		if of == name {
			lost++
		}
	}
	return f.orders[name], lost
}

// forget begins a new certificate: no step of it has been asked for.
func (f *front) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.steps)
}

// asked reports whether a step was asked for since forget.
func (f *front) asked(step string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.steps[step] > 0
}

// await returns a channel that is closed at the next request of a step.
func (f *front) await(step string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.heard)
	f.heard[step], f.came = struct{}{}, make(chan struct{})
	return f.came
}
