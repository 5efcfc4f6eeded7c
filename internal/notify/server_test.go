package notify

// A server on loopback that stands for every service: one for http and one for
// https, whose certificate has the services' names, and a dialer that leads
// there whatever host is asked for.

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// request is what a server was asked.
type request struct {
	method, url, host, body string
	header                  http.Header
}

// world is both servers. Answer, where set, answers in place of "{}".
type world struct {
	plain, secure *httptest.Server
	roots         *x509.CertPool
	answer        http.HandlerFunc

	mu       sync.Mutex
	requests []request // guarded by mu
	dialed   []string  // guarded by mu
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{roots: x509.NewCertPool()}
	w.plain = httptest.NewServer(w.serve("http"))
	w.secure = httptest.NewUnstartedServer(w.serve("https"))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"hooks.example.org", "ntfy.sh", "push.example.org", "discord.com", "hooks.slack.com", "slack.com", "api.telegram.org", "api.pushover.net"}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	w.roots.AddCert(cert)
	w.secure.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	w.secure.Config.ErrorLog = log.New(io.Discard, "", 0) // refused certificates are tested too
	w.secure.StartTLS()
	t.Cleanup(func() { w.plain.Close(); w.secure.Close() })
	return w
}

func (w *world) serve(scheme string) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.requests = append(w.requests, request{r.Method, scheme + "://" + r.Host + r.URL.RequestURI(), r.Host, string(body), r.Header})
		w.mu.Unlock()
		if w.answer != nil {
			w.answer(out, r)
			return
		}
		_, _ = io.WriteString(out, `{"ok":true}`)
	}
}

// dial leads port 443 to the secure server and every other to the plain one.
func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dialed = append(w.dialed, address)
	w.mu.Unlock()
	to := w.plain
	if strings.HasSuffix(address, ":443") {
		to = w.secure
	}
	return new(net.Dialer).DialContext(ctx, network, to.Listener.Addr().String())
}

func (w *world) config(urls ...string) Config {
	cfg := Config{Dial: w.dial, RootCAs: w.roots}
	for _, u := range urls {
		cfg.Targets = append(cfg.Targets, Target{Name: "notify[0]", URL: secret.New(u)})
	}
	return cfg
}

// send sends one message to the first endpoint of a URL.
func (w *world) send(t *testing.T, url string, m Message) attempt {
	t.Helper()
	endpoints, err := parse(secret.New(url))
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	cfg, err := w.config(url).checked()
	if err != nil {
		t.Fatal(err)
	}
	return newClient(cfg).send(t.Context(), endpoints[0], m)
}

func (w *world) last(t *testing.T) request {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.requests) == 0 {
		t.Fatal("nobody was asked")
	}
	return w.requests[len(w.requests)-1]
}
