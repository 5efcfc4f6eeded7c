package ddnstest

// Real HTTPS on loopback under the providers' real names: a CA of the test's,
// a server with the fakes, and a dial that leads there and nowhere else.

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Web is the internet as far as HTTPS goes: hosts, each with its handler.
type Web struct {
	// Roots and Cert are the CA that clients must trust, and its certificate
	// for every host.
	Roots *x509.CertPool
	Cert  tls.Certificate

	t    testing.TB
	addr string

	mu    sync.Mutex
	hosts map[string]http.Handler // guarded by mu
}

// NewWeb serves the handlers, by host name, until the test ends. A request for
// another host, and a dial to one, are errors of the test.
func NewWeb(t testing.TB, hosts map[string]http.Handler) *Web {
	t.Helper()
	w := &Web{t: t, hosts: hosts}
	names := []string{"localhost"}
	for host := range hosts {
		names = append(names, host)
	}
	w.makeCert(names)
	s := httptest.NewUnstartedServer(w)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{w.Cert}}
	s.Config.ErrorLog = log.New(new(bytes.Buffer), "", 0)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	w.addr = s.Listener.Addr().String()
	return w
}

// ServeHTTP implements http.Handler.
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	h := w.hosts[r.Host]
	w.mu.Unlock()
	if h == nil {
		w.t.Errorf("a request for the host %q", r.Host)
		http.NotFound(rw, r)
		return
	}
	h.ServeHTTP(rw, r)
}

// Dial leads to the server, for its hosts on port 443.
func (w *Web) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, _ := net.SplitHostPort(address)
	w.mu.Lock()
	known := w.hosts[host] != nil
	w.mu.Unlock()
	if !known || port != "443" {
		w.t.Errorf("dialing %s", address)
		return nil, errors.New("there is no such host")
	}
	var d net.Dialer
	return d.DialContext(ctx, network, w.addr)
}

// makeCert makes a certificate that is its own CA.
func (w *Web) makeCert(names []string) {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    names,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Roots = x509.NewCertPool()
	w.Roots.AddCert(ca)
	w.Cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
