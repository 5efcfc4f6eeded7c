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
	"encoding/base64"
	"encoding/pem"
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
	get := asking(t, status.ServerConfig{Snapshot: fullSnapshot, Authorities: func() []status.Authority {
		return []status.Authority{{Service: "mqtt, web", Certificate: first, Own: true}, {Service: "mqtt", Certificate: second}}
	}})
	_, page := get("/ca/")
	wellFormed(t, string(page))
	sum := sha256.Sum256(first.Raw)
	for _, want := range []string{"Install Home CA", "mqtt, web", `href="/ca/1.crt"`, `href="/ca/2.crt"`, `href="/ca/1.mobileconfig"`, `href="/ca/1.pem"`,
		"kept by edgeguard", "ca_file in the config", "Certificate Trust Settings", "Install anyway", "Install from device storage", "update-ca-certificates", fmt.Sprintf("% X", sum), "&lt;script&gt;", "It has expired"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
	if r, body := get("/ca"); r.Request.URL.Path != "/ca/" || !bytes.Equal(body, page) {
		t.Errorf("as people type it, /ca leads to %v: %s", r.Request.URL, r.Status)
	}
	for path, cert := range map[string]*x509.Certificate{"/ca/1.crt": first, "/ca/2.crt": second} {
		r, body := get(path)
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/x-x509-ca-cert" || !bytes.Equal(body, cert.Raw) {
			t.Errorf("%s is %s %v, %d bytes", path, r.Status, r.Header, len(body))
		}
		r, body = get(strings.Replace(path, ".crt", ".pem", 1))
		if block, rest := pem.Decode(body); r.Header.Get("Content-Type") != "application/x-pem-file" || block == nil || block.Type != "CERTIFICATE" || len(rest) != 0 || !bytes.Equal(block.Bytes, cert.Raw) {
			t.Errorf("as PEM it is %s %v: %s", r.Status, r.Header, body)
		}
		r, body = get(strings.Replace(path, ".crt", ".mobileconfig", 1))
		if r.Header.Get("Content-Type") != "application/x-apple-aspen-config" || r.Header.Get("Content-Disposition") != "" ||
			!bytes.Contains(body, []byte(base64.StdEncoding.EncodeToString(cert.Raw))) || bytes.Contains(body, []byte("<script>")) {
			t.Errorf("as a profile it is %s %v: %s", r.Status, r.Header, body)
		}
	}
	for _, path := range []string{"/ca/0.crt", "/ca/3.crt", "/ca/1", "/ca/01.crt", "/ca/-1.crt", "/ca/99999999999999999999.crt", "/ca/../ca/x", "/ca/1.crt/", "/ca/1.", "/ca/.crt", "/ca/1.key", "/ca/1.crt.pem", "/ca/3.mobileconfig", "/ca/0.pem", "/ca/crl.der", "/ca/crl.pem"} {
		if r, body := get(path); r.StatusCode == http.StatusOK {
			t.Errorf("%s is %s: %s", path, r.Status, body)
		}
	}
}

func TestWithoutAuthoritiesThereIsNothingToInstall(t *testing.T) {
	page := string(status.Authorities(status.AuthoritiesPage{Scrub: func(s string) string { return s }, Link: "http://192.168.1.2:8053/ca/"}))
	wellFormed(t, page)
	if !strings.Contains(page, "nothing to install") || strings.Contains(page, ".crt\"") || strings.Contains(page, "<svg") || strings.Contains(page, "crl.pem") {
		t.Errorf("the page says %s", page)
	}
}

// asking serves cfg, and returns what asks it.
func asking(t *testing.T, cfg status.ServerConfig) func(path string) (*http.Response, []byte) {
	t.Helper()
	server := httptest.NewServer(status.Handler(status.NewServer(cfg)))
	t.Cleanup(server.Close)
	return func(path string) (*http.Response, []byte) {
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
}

// revocationList makes one that an authority has signed.
func revocationList(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Home CA"}, SubjectKeyId: []byte{1}, KeyUsage: x509.KeyUsageCRLSign}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: time.Now().AddDate(0, 1, 0),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(99), RevocationTime: time.Now()}}}, issuer, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestTheListOfTheRevokedIsServed(t *testing.T) {
	var list []byte
	get := asking(t, status.ServerConfig{Snapshot: fullSnapshot, CRL: func() []byte { return list }})
	for _, path := range []string{"/ca/crl.der", "/ca/crl.pem"} {
		if r, body := get(path); r.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "There is no list of revoked certificates") {
			t.Errorf("without a list %s is %s: %s", path, r.Status, body)
		}
	}
	list = revocationList(t)
	r, body := get("/ca/crl.der")
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/pkix-crl" || !bytes.Equal(body, list) {
		t.Errorf("the list is %s %v, %d bytes", r.Status, r.Header, len(body))
	}
	_, text := get("/ca/crl.pem")
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "X509 CRL" || len(rest) != 0 {
		t.Fatalf("the list as PEM is %s", text)
	}
	read, err := x509.ParseRevocationList(block.Bytes)
	if err != nil || len(read.RevokedCertificateEntries) != 1 || read.RevokedCertificateEntries[0].SerialNumber.Int64() != 99 {
		t.Errorf("the list reads as %+v, %v", read, err)
	}
	if _, page := get("/ca/"); !strings.Contains(string(page), `href="/ca/crl.pem"`) || !strings.Contains(string(page), `href="/ca/crl.der"`) {
		t.Errorf("the page does not lead to the list: %s", page)
	}
}
