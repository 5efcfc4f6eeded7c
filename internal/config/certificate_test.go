package config_test

// [certificate]: what follows from the keys, and what follows from none of them.

import (
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"crypto/x509"
	"encoding/pem"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/config"
)

// withCertificateFiles gives the files of [certificate] in the example the names
// of some that are there.
func withCertificateFiles(t *testing.T, text, dir, ca, token string) string {
	t.Helper()
	write(t, filepath.Join(dir, "passphrase"), []byte("a passphrase of the test\n"), 0o600)
	text = replaceOnce(t, text, "/etc/edgeguard/acme-ca.pem", ca)
	text = replaceOnce(t, text, "/run/secrets/ca-passphrase", filepath.Join(dir, "passphrase"))
	for _, name := range []string{"eab", "desec", "netcup-txt-key"} {
		text = replaceOnce(t, text, "/run/secrets/"+name, token)
	}
	return text
}

// takesOwnCA wants the example's certificate to be right for the own CA.
func takesOwnCA(t *testing.T, text string) {
	t.Helper()
	c, err := config.Parse("all.toml", []byte(replaceOnce(t, text, "\nmode = \"acme\"", "\nmode = \"own-ca\"")), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := c.Certificate
	if n.Mode != cert.OwnCA || !slices.Equal(n.Addresses, []netip.Addr{netip.MustParseAddr("192.168.1.10")}) || !strings.HasSuffix(n.PassphraseFile, "passphrase") || c.CertificateAccounts != nil {
		t.Errorf("not all of it was taken up: %+v", n)
	}
}

const twoServices = `
state_dir = "/state"
[[service]]
name = "mqtt"
address = "192.168.1.10:8883"
names = ["mqtt.example.org"]
[[service]]
name = "web"
address = "192.168.1.10:8443"
wildcard = true
names = ["*.web.example.org", "a.web.example.org", "mqtt.example.org"]
certificate_file = "/web/cert.pem"
[[service]]
name = "cloud"
address = "203.0.113.9:8883"
names = ["cloud.example.net"]
remote = true
[[ddns]]
provider = "cloudflare"
domain = "home.example.org"
token = "a-token-of-the-test"
types = ["A", "AAAA"]
`

func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("c.toml", []byte(text), nil, noFiles)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCertificateDefaults(t *testing.T) {
	c := parsed(t, twoServices+"[certificate]\nmode = \"acme\"\n")
	want := cert.Config{
		Mode: cert.ACME, Names: []string{"mqtt.example.org", "home.example.org", "*.web.example.org"}, Key: keys.RSA2048,
		Lifetime: 397 * 24 * time.Hour, Folder: "/state/cert", Services: []string{"mqtt", "web"},
		ACME: acme.Config{Directory: acme.LetsEncrypt, Rehearsal: acme.LetsEncryptStaging, Profile: "classic", Challenge: acme.DNS01,
			Propagation: 30 * time.Minute, Folder: "/state/cert/acme"},
		Deploy: deploy.Config{Directory: "/state/broker", UID: -1, GID: -1, Mode: 0o600, Reload: deploy.ReloadNone},
	}
	if !reflect.DeepEqual(c.Certificate, want) {
		t.Errorf("got\n%+v, want\n%+v", c.Certificate, want)
	}
	if len(c.CertificateAccounts) != 1 || c.CertificateAccounts[0].Domain != "home.example.org" || c.CertificateAccounts[0].Token.Reveal() != "a-token-of-the-test" {
		t.Errorf("accounts: %+v", c.CertificateAccounts)
	}
	for i, file := range []string{"/state/broker/fullchain.pem", "/web/cert.pem", ""} {
		if c.Services[i].CertificateFile != file || c.Hairpin.Services[i].CertificateFile != file {
			t.Errorf("%s: the certificate file is %q, want %q", c.Services[i].Name, c.Services[i].CertificateFile, file)
		}
	}
	if len(c.Warnings) != 0 {
		t.Errorf("warnings: %q", c.Warnings)
	}
	if c := parsed(t, twoServices); !reflect.DeepEqual(c.Certificate, cert.Config{Mode: cert.None}) || c.Services[0].CertificateFile != "" {
		t.Errorf("without the table: %+v", c.Certificate)
	}
	c = parsed(t, twoServices+"[certificate]\nmode = \"acme\"\nservices = [\"web\"]\n[certificate.acme]\nserver = \"https://ca.example.org/dir\"\n")
	if n := c.Certificate; !slices.Equal(n.Names, []string{"mqtt.example.org", "*.web.example.org"}) || n.ACME.Rehearsal != "" || n.ACME.Profile != "" || c.Services[0].CertificateFile != "" {
		t.Errorf("another CA and one service: %+v", n)
	}
}

func TestCertificateFromTheEnvironment(t *testing.T) {
	c, err := config.Parse("environment", nil, lookup(map[string]string{
		config.EnvServiceAddress: "192.168.1.10:8883", config.EnvDDNSProvider: "duckdns", config.EnvDDNSDomain: "myhome.duckdns.org",
		config.EnvDDNSToken: "a-token-of-the-test", config.EnvCertificateMode: "acme", config.EnvCertificateEmail: "me@example.org",
	}), noFiles)
	if err != nil {
		t.Fatal(err)
	}
	if n := c.Certificate; n.Mode != cert.ACME || n.ACME.Email != "me@example.org" || !slices.Equal(n.Names, []string{"myhome.duckdns.org"}) || len(c.Warnings) != 0 {
		t.Errorf("got %+v, %q", n, c.Warnings)
	}
}

func TestServicesTrustTheOwnCA(t *testing.T) {
	block, _ := pem.Decode(certificate(t))
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	before := parsed(t, twoServices+"[certificate]\nmode = \"own-ca\"\nservices = [\"mqtt\"]\n")
	c := before.WithAuthority(root)
	pool := x509.NewCertPool()
	pool.AddCert(root)
	if s := c.Hairpin.Services[0]; s.Roots == nil || !s.Roots.Equal(pool) || len(c.Services[0].Authorities) != 1 {
		t.Error("the service that serves the own CA's certificate does not trust it")
	}
	if c.Hairpin.Services[1].Roots != nil || c.Hairpin.Services[2].Roots != nil || before.Services[0].Roots != nil {
		t.Error("others trust it")
	}
	again := c.Located(nil)
	if s := again.Hairpin.Services[0]; s.Roots == nil {
		t.Error("it is forgotten when a service is found elsewhere")
	}
	if c := c.WithAuthority(nil); c.Hairpin.Services[0].Roots != nil || c.Services[0].Authorities != nil {
		t.Error("a CA that is gone is trusted")
	}
	if c := parsed(t, twoServices).WithAuthority(root); c.Services[0].Roots != nil {
		t.Error("it is trusted without being used")
	}
}
