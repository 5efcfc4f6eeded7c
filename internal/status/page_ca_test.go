package status_test

// The page from which phones take the authorities' certificates.

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/status"
)

// authority makes an authority of this name, that ends at notAfter.
func authority(t *testing.T, name string, notAfter time.Time) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: notAfter.AddDate(-10, 0, 0), NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestPhonesTakeTheAuthorities(t *testing.T) {
	first, second := authority(t, "Home CA", time.Now().AddDate(5, 0, 0)), authority(t, `<script>alert("x")</script>`, time.Now().AddDate(0, 0, -1))
	server := httptest.NewServer(status.Handler(status.NewServer(status.ServerConfig{Snapshot: fullSnapshot, Authorities: func() []status.Authority {
		return []status.Authority{{Service: "mqtt, web", Certificate: first}, {Service: "mqtt", Certificate: second}}
	}})))
	defer server.Close()
	get := func(path string) (*http.Response, []byte) {
		t.Helper()
		r, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r, body
	}
	_, page := get("/ca/")
	wellFormed(t, string(page))
	sum := sha256.Sum256(first.Raw)
	for _, want := range []string{"Install Home CA", "mqtt, web", `href="/ca/1.crt"`, `href="/ca/2.crt"`, fmt.Sprintf("% X", sum), "&lt;script&gt;", "It has expired"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
	for path, cert := range map[string]*x509.Certificate{"/ca/1.crt": first, "/ca/2.crt": second} {
		r, body := get(path)
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/x-x509-ca-cert" || !bytes.Equal(body, cert.Raw) {
			t.Errorf("%s is %s %v, %d bytes", path, r.Status, r.Header, len(body))
		}
	}
	for _, path := range []string{"/ca/0.crt", "/ca/3.crt", "/ca/1", "/ca/01.crt", "/ca/-1.crt", "/ca/99999999999999999999.crt", "/ca/../ca/x", "/ca/1.crt/"} {
		if r, body := get(path); r.StatusCode == http.StatusOK {
			t.Errorf("%s is %s: %s", path, r.Status, body)
		}
	}
}

func TestWithoutAuthoritiesThereIsNothingToInstall(t *testing.T) {
	page := string(status.Authorities(nil, func(s string) string { return s }, time.Now()))
	wellFormed(t, page)
	if !strings.Contains(page, "nothing to install") || strings.Contains(page, ".crt\"") {
		t.Errorf("the page says %s", page)
	}
}
