//go:build linux

package lab

// A public CA on the Internet: the current pebble, which proves names through the
// lab's public DNS and looks for HTTP-01 at port 80 of the home's public address.

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// ACMEName is the name of the CA's server, and ACMEAddr its address, in wan.
const ACMEName = "acme.example.net"

// ACMEAddr is where the CA listens.
var ACMEAddr = netip.MustParseAddr("11.22.33.9")

// ACMEDirectory is the URL to configure.
const ACMEDirectory = "https://" + ACMEName + "/dir"

const (
	pebblePort   = 14000
	pebbleManage = 15000
)

// ACMEOptions say how the CA differs from the usual one, whose certificates live
// for 90 days.
type ACMEOptions struct {
	// Lifetime is that of its certificates.
	Lifetime time.Duration
	// Down is whether its server cannot be reached before Open.
	Down bool
}

// ACME is the running CA. It refuses every second nonce, as good clients must
// bear.
type ACME struct {
	*Process
	*acmeFront
	// Root is the authority above what it issues.
	Root *CA

	home *Home
	cert *Certificate
}

// StartACME starts the CA and waits until it answers. The public DNS must run.
// A machine without pebble skips the test, or fails it, as with Require.
func (h *Home) StartACME(t testing.TB, o ACMEOptions) *ACME {
	t.Helper()
	if _, err := exec.LookPath("pebble"); err != nil {
		if os.Getenv("EDGEGUARD_LAB") == "require" {
			t.Fatal("EDGEGUARD_LAB=require, but there is no pebble; scripts/lab-deps installs it")
		}
		t.Skip("there is no pebble; scripts/lab-deps installs it")
	}
	if o.Lifetime == 0 {
		o.Lifetime = 90 * 24 * time.Hour
	}
	h.nameACME(t)
	dir := t.TempDir()
	a := &ACME{home: h, cert: h.CA.IssueEC(t, ACMEName, ACMEAddr.String()), acmeFront: &acmeFront{calls: map[string]int{}}}
	writeFile(t, dir, "server.pem", string(a.cert.PEM))
	conf, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress":           netip.AddrPortFrom(ACMEAddr, pebblePort).String(),
		"managementListenAddress": netip.AddrPortFrom(ACMEAddr, pebbleManage).String(),
		"certificate":             filepath.Join(dir, "server.pem"), "privateKey": filepath.Join(dir, "server.pem"),
		"httpPort": 80, "tlsPort": 443, "keyAlgorithm": "ecdsa",
		"retryAfter": map[string]int{"authz": 1, "order": 1}, "caaIdentities": []string{ACMEName},
		"profiles": map[string]any{"default": map[string]any{"description": "usual", "validityPeriod": int(o.Lifetime.Seconds())}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, "pebble.json", string(conf))
	a.Process = h.WAN.Start(t, "pebble", "env", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0", "PEBBLE_WFE_NONCEREJECT=50",
		"pebble", "-config", filepath.Join(dir, "pebble.json"), "-dnsserver", netip.AddrPortFrom(InternetAddr, 53).String())
	Eventually(t, Patience, func() (err error) {
		a.Root, err = h.pebbleRoot(dir)
		return err
	})
	if !o.Down {
		a.Open(t)
	}
	return a
}

// nameACME gives the CA its name and address in the world.
func (h *Home) nameACME(t testing.TB) {
	t.Helper()
	if h.dns == nil {
		t.Fatal("StartACME needs StartPublicDNS first")
	}
	h.addInternetAddress(t, ACMEAddr)
	if err := h.dns.SetA(ACMEName, ACMEAddr); err != nil {
		t.Fatal(err)
	}
}

// pebbleRoot asks pebble for its root, and writes it down in dir.
func (h *Home) pebbleRoot(dir string) (*CA, error) {
	answer, err := h.WAN.HTTPClient(h.CA).Get(fmt.Sprintf("https://%s:%d/roots/0", ACMEAddr, pebbleManage))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if answer.StatusCode != http.StatusOK || block == nil {
		return nil, fmt.Errorf("pebble answered %s instead of its root: %s", answer.Status, text)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	ca := &CA{File: filepath.Join(dir, "root.pem"), Cert: cert}
	return ca, os.WriteFile(ca.File, text, 0o644)
}

// Certify returns what is wrong with a chain that a server of the home serves for
// name, by the CA's root alone.
func (a *ACME) Certify(chain []*x509.Certificate, name string) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.Root.Cert)
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between})
	return err
}
