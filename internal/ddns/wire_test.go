package ddns_test

// Real HTTPS on loopback under the providers' real names: a CA of the test's,
// a server with the fakes of ddnstest, and a dial that leads there.

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/internal/secret"
)

const cfToken = "Zk3vQ9xW7yLr2TnB5hGm8sPd1cFj4uEa0oXi6tRb"

// pki is one CA for all tests, and a certificate for the providers' names.
var pki = sync.OnceValue(func() (p struct {
	roots *x509.CertPool
	cert  tls.Certificate
}) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"www.duckdns.org", "api.cloudflare.com"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	p.roots = x509.NewCertPool()
	p.roots.AddCert(ca)
	p.cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return p
})

// web is the internet as far as HTTPS goes.
type web struct {
	duck *ddnstest.DuckDNS
	cf   *ddnstest.Cloudflare
	cfg  ddns.Config
	addr string
}

func newWeb(t *testing.T) *web {
	t.Helper()
	w := &web{
		duck: ddnstest.NewDuckDNS(token, "myhome"),
		cf:   ddnstest.NewCloudflare(cfToken, "example.org", "example.co.uk"),
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.Host {
		case "www.duckdns.org":
			w.duck.ServeHTTP(rw, r)
		case "api.cloudflare.com":
			w.cf.ServeHTTP(rw, r)
		default:
			t.Errorf("a request for the host %q", r.Host)
		}
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pki().cert}}
	s.Config.ErrorLog = log.New(new(bytes.Buffer), "", 0)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	w.addr = s.Listener.Addr().String()
	w.cfg = ddns.Config{RootCAs: pki().roots, Timeout: 5 * time.Second, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != "www.duckdns.org:443" && address != "api.cloudflare.com:443" {
			t.Errorf("dialing %s", address)
			return nil, errDown
		}
		var d net.Dialer
		return d.DialContext(ctx, network, w.addr)
	}}
	return w
}

func duckRecord() ddns.RecordConfig {
	return ddns.RecordConfig{Provider: "duckdns", Domain: name, Token: secret.New(token)}
}

func cfRecord(domain string) ddns.RecordConfig {
	return ddns.RecordConfig{Provider: "cloudflare", Domain: domain, Token: secret.New(cfToken)}
}

// set makes a real adaptor and writes once.
func (w *web) set(t *testing.T, rec ddns.RecordConfig, addr netip.Addr) (netip.Addr, error) {
	t.Helper()
	p, err := ddns.NewProvider(w.cfg, rec)
	if err != nil {
		t.Fatal(err)
	}
	timeout := w.cfg.Timeout
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return p.Set(ctx, rec.Domain, addr)
}
