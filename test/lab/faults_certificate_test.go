//go:build linux

package lab_test

// Breaking the certificate.

import (
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// serving has the broker serve another certificate.
func serving(made func(t *testing.T, h *faulty) *lab.Certificate) func(*testing.T, *faulty) func() {
	return func(t *testing.T, h *faulty) func() {
		h.broker.SetCertificate(t, made(t, h))
		return func() { h.broker.SetCertificate(h.t, h.CA.IssueEC(h.t, h.name)) }
	}
}

// renewalHome is commonHome with a daemon that reads the broker's certificate
// file.
func renewalHome(t *testing.T) *faulty {
	t.Helper()
	h := newHome(t, lab.DuckDNSName)
	text := strings.Replace(h.EdgeguardConfig(t, lab.EdgeguardOptions{Provider: "duckdns"}), "[[service]]\n",
		fmt.Sprintf("[[service]]\ncertificate_file = %q\n", h.broker.CertificateFile()), 1)
	return wellHome(t, h, h.StartEdgeguard(t, lab.EdgeguardOptions{Config: text}))
}

// until is a good certificate that ends in so many days. Its key is an EC one as all
// others here: mosquitto keeps a certificate for each kind of key, and prefers the
// one that it got before to an RSA one.
func until(t *testing.T, h *faulty, days int) *lab.Certificate {
	return h.CA.IssueWith(t, func(c *x509.Certificate) {
		c.NotAfter = time.Now().AddDate(0, 0, days)
		c.NotBefore = c.NotAfter.AddDate(0, 0, -91)
	}, h.name)
}

// expired is a certificate that was good until yesterday.
func expired(t *testing.T, h *faulty) *lab.Certificate {
	return until(t, h, -1)
}

// halfRenewed puts a good certificate beside the one that the broker serves.
func halfRenewed(served func(t *testing.T, h *faulty) *lab.Certificate) func(*testing.T, *faulty) func() {
	return func(t *testing.T, h *faulty) func() {
		h.broker.SetCertificate(t, served(t, h))
		renewed := h.CA.IssueEC(t, h.name)
		h.broker.Renew(t, renewed)
		return func() { h.broker.Reload(h.t, renewed) }
	}
}

// below is an authority between the home's and its certificates.
func below(t *testing.T, h *faulty, until time.Time) *lab.CA {
	return h.CA.Intermediate(t, h.values["intermediate"], until)
}

var _ = addBreakings(map[string]breaking{
	"certificate-expired": {do: serving(expired)},
	"certificate-not-yet-valid": {do: serving(func(t *testing.T, h *faulty) *lab.Certificate {
		return h.CA.IssueWith(t, func(c *x509.Certificate) { c.NotBefore = time.Now().AddDate(0, 0, 2) }, h.name)
	})},
	"certificate-wrong-name": {do: serving(func(t *testing.T, h *faulty) *lab.Certificate {
		return h.CA.IssueEC(t, h.values["othername"])
	})},
	"certificate-address-only": {do: serving(func(t *testing.T, h *faulty) *lab.Certificate {
		return h.CA.IssueEC(t, lab.NASAddr.String())
	})},
	"certificate-self-signed": {do: serving(func(t *testing.T, h *faulty) *lab.Certificate {
		return lab.SelfSigned(t, h.name)
	})},
	"certificate-unknown-authority": {do: serving(func(t *testing.T, h *faulty) *lab.Certificate {
		return h.Stranger.IssueEC(t, h.name)
	})},
	"certificate-wrong-use": {group: "certificate-2", home: renewalHome, do: serving(func(t *testing.T, h *faulty) *lab.Certificate {
		return h.CA.IssueWith(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, h.name)
	})},
	"certificate-incomplete-chain": {group: "certificate-2", home: renewalHome, do: func(t *testing.T, h *faulty) func() {
		above := below(t, h, time.Now().AddDate(1, 0, 0))
		alone := above.IssueBelow(t, h.name)
		h.broker.SetCertificate(t, alone)
		return func() { h.broker.SetCertificate(h.t, alone.Chain(above)) }
	}},
	"certificate-authority-expired": {group: "certificate-2", home: renewalHome, do: serving(func(t *testing.T, h *faulty) *lab.Certificate {
		above := below(t, h, time.Now().AddDate(0, 0, -1))
		return above.IssueBelow(t, h.name).Chain(above)
	})},
	"certificate-expires-soon": {group: "certificate-2", home: renewalHome, do: serving(func(t *testing.T, h *faulty) *lab.Certificate {
		return until(t, h, 5)
	})},
	"certificate-renewed-not-served": {group: "certificate-2", home: renewalHome, do: halfRenewed(func(t *testing.T, h *faulty) *lab.Certificate {
		return until(t, h, 60)
	})},
	"certificate-expired-renewed": {group: "certificate-2", home: renewalHome, do: halfRenewed(expired)},
})
