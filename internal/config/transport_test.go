package config_test

// DNS over TLS and the rate limit.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
)

// keyPair returns a certificate that ends then, and its key, in PEM.
func keyPair(t *testing.T, until time.Time) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// withTLSFiles puts files of the test in place of the example's.
func withTLSFiles(t *testing.T, text, dir string) string {
	t.Helper()
	cert, key := keyPair(t, time.Now().Add(time.Hour))
	write(t, filepath.Join(dir, "dns.pem"), cert, 0o644)
	write(t, filepath.Join(dir, "dns.key"), key, 0o600)
	text = replaceOnce(t, text, "/etc/edgeguard/dns.pem", filepath.Join(dir, "dns.pem"))
	return replaceOnce(t, text, "/etc/edgeguard/dns.key", filepath.Join(dir, "dns.key"))
}

func TestDNSOverTLSKeys(t *testing.T) {
	dir := t.TempDir()
	cert, key := keyPair(t, time.Now().Add(time.Hour))
	write(t, filepath.Join(dir, "cert.pem"), cert, 0o644)
	write(t, filepath.Join(dir, "key.pem"), key, 0o600)
	write(t, filepath.Join(dir, "both.pem"), slices.Concat(key, cert), 0o600)
	write(t, filepath.Join(dir, "open.pem"), slices.Concat(key, cert), 0o644)
	old, oldKey := keyPair(t, time.Now().Add(-time.Hour))
	write(t, filepath.Join(dir, "old.pem"), slices.Concat(old, oldKey), 0o600)
	for name, c := range map[string]struct {
		keys     string
		listen   []config.Listen
		warnings string
	}{
		"two files":      {"tls_cert_file = \"cert.pem\"\ntls_key_file = \"key.pem\"", []config.Listen{{LAN: true, Port: 853}}, ""},
		"one file":       {"tls_cert_file = \"both.pem\"\ntls_listen = [\":8853\"]", []config.Listen{{Port: 8853}}, ""},
		"turned off":     {"tls_cert_file = \"both.pem\"\ntls_listen = []", nil, ""},
		"open to all":    {"tls_cert_file = \"open.pem\"", []config.Listen{{LAN: true, Port: 853}}, "everybody on this host can read the key"},
		"it has run out": {"tls_cert_file = \"old.pem\"", []config.Listen{{LAN: true, Port: 853}}, "ran out on"},
	} {
		text := minimal + "[dns]\n" + c.keys + "\n"
		got, err := config.Parse(filepath.Join(dir, "edgeguard.toml"), []byte(text), nil, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(got.DNSTLSListen, c.listen) || got.DNS.GetCertificate == nil {
			t.Errorf("%s: listen %v", name, got.DNSTLSListen)
		} else if pair, err := got.DNS.GetCertificate(nil); err != nil || len(pair.Certificate) != 1 {
			t.Errorf("%s: certificate %v, %v", name, pair, err)
		}
		if w := strings.Join(got.Warnings, "\n"); (w == "") != (c.warnings == "") || !strings.Contains(w, c.warnings) {
			t.Errorf("%s: warnings %q, want %q", name, w, c.warnings)
		}
	}
	if got := parse(t, minimal, nil); got.DNS.GetCertificate != nil || got.DNSTLSListen != nil {
		t.Error("there is DNS over TLS without a certificate")
	}
}

func TestRateLimitKey(t *testing.T) {
	for text, want := range map[string]int{"": 1000, "rate_limit = 50": 50, "rate_limit = 0": -1} {
		if got := parse(t, minimal+"[dns]\n"+text+"\n", nil).DNS.RateLimit; got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestResolveAll(t *testing.T) {
	lan := netip.MustParseAddr("192.168.1.2")
	for text, want := range map[string]string{
		":53": "[0.0.0.0:53 [::]:53]", "lan:53": "[192.168.1.2:53]", "[::]:53": "[[::]:53]", "0.0.0.0:5": "[0.0.0.0:5]",
	} {
		l, err := config.ParseListen(text)
		if got := fmt.Sprint(l.ResolveAll(lan)); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestPacketLoopKey(t *testing.T) {
	for text, want := range map[string]packet.Mode{
		"": packet.Auto, `packet_loop = "auto"`: packet.Auto, `packet_loop = "batch"`: packet.Batch, `packet_loop = "netpoller"`: packet.Netpoller,
	} {
		if got := parse(t, minimal+"[dns]\n"+text+"\n", nil).DNS.PacketLoop; got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}
