package config_test

// The example and the reference: they load, and they are complete.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

const examplePath = "../../configs/example.toml"

func TestExampleLoadsAsItStands(t *testing.T) {
	c, err := config.Load(examplePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 0 {
		t.Errorf("warnings: %q", c.Warnings)
	}
	if c.Portmap.Enabled || len(c.DDNS.Records) != 0 {
		t.Error("trying the example would change a router or a record")
	}
	for _, l := range c.DNSListen {
		if l.Port < 1024 {
			t.Errorf("%v needs root", l)
		}
	}
}

// setting matches what is commented out, but not prose.
var setting = regexp.MustCompile(`(?m)^#(\[|[a-z0-9_]+ = )`)

func TestExampleLoadsWithEverySettingOn(t *testing.T) {
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	token, ca := filepath.Join(dir, "token"), filepath.Join(dir, "ca.pem")
	write(t, token, []byte("a-token-of-the-test\n"), 0o600)
	write(t, ca, certificate(t), 0o600)
	text := setting.ReplaceAllString(string(data), "$1")
	text = replaceOnce(t, text, "/run/secrets/duckdns", token)
	text = replaceOnce(t, text, "/etc/edgeguard/ca.pem", ca)
	url, password := filepath.Join(dir, "url"), filepath.Join(dir, "password")
	write(t, url, []byte("https://hooks.example.org/of-the-test\n"), 0o600)
	write(t, password, []byte("a password of the test\n"), 0o600)
	text = replaceOnce(t, text, "/run/secrets/notify", url)
	text = replaceOnce(t, text, "/run/secrets/push", password)
	text = replaceOnce(t, text, "/run/secrets/mqtt", password)
	text = replaceOnce(t, text, "/run/secrets/netcup-key", token)
	text = withTLSFiles(t, text, dir)
	text = withCertificateFiles(t, text, dir, ca, token)
	whole := text
	text = replaceOnce(t, text, "password = \"a-password-for-the-router-alone\"\n", "") // it is given twice
	text = replaceOnce(t, text, "mac = \"aa:bb:cc:dd:ee:ff\"\n", "")                    // it contradicts the address
	text = replaceOnce(t, text, "password = \"a-password-of-the-broker\"\n", "")
	text = replaceOnce(t, text, "check_url_file = \"/run/secrets/checker\"\n", "")           // so is this
	text = replaceOnce(t, text, "reload_command = [\"/usr/local/bin/reload-broker\"]\n", "") // it is signalled
	text = replaceOnce(t, text, "reload_pid_file = \"/run/mosquitto.pid\"\n", "")
	text = replaceOnce(t, text, "eab_key = \"paste-the-key-here\"\n", "")
	text = replaceOnce(t, text, "ca_file = \""+ca+"\"\n\n# What binds", "\n# What binds") // it is Let's Encrypt
	takesOwnCA(t, text)
	text = replaceOnce(t, text, "addresses = [\"192.168.1.10\"]\n", "") // a public CA names none
	text, records := knownProvidersOnly(text)
	c, err := config.Parse("all.toml", []byte(text), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.DDNS.Records) != records || c.Push.User != "router" || c.Outside.Expect != "True" || len(c.Outside.Ports) == 0 || len(c.Notify.Targets) != 2 || c.DDNS.Records[0].Token.Reveal() != "a-token-of-the-test" || c.Services[0].Roots == nil ||
		c.Hairpin.Services[0].User != "edgeguard" || c.Hairpin.Services[0].Password.Reveal() != "a password of the test" || c.Hairpin.Services[0].CertificateFile == "" {
		t.Errorf("not all of it was taken up: %+v", c)
	}
	if n := c.Certificate; n.Mode != cert.ACME || !slices.Equal(n.Names, []string{"mqtt.example.org"}) || n.ACME.EABKey.Reveal() != "a-token-of-the-test" ||
		n.Deploy.UID != 1883 || n.Deploy.Reload != deploy.ReloadSignal || len(c.CertificateAccounts) != 4+records-1 {
		t.Errorf("not all of the certificate was taken up: %+v, %d accounts", n, len(c.CertificateAccounts))
	}
	given := map[string]bool{}
	header := ""
	for line := range strings.Lines(whole) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "[") {
			header = line
		} else if key, _, found := strings.Cut(line, " = "); found && !strings.HasPrefix(line, "#") {
			given[header+key] = true
		}
	}
	for header, keys := range config.KnownSections() {
		for _, key := range keys {
			if !given[header+key] {
				t.Errorf("the example does not show %s below %q", key, header)
			}
		}
	}
}

// knownProvidersOnly takes out the [[ddns]] tables of providers that this build
// does not have, and returns how many records the others keep.
func knownProvidersOnly(text string) (kept string, records int) {
	parts := strings.Split(text, "\n[[ddns]]\n")
	kept = parts[0]
	for _, part := range parts[1:] {
		own, rest := part, ""
		if at := strings.Index(part, "\n["); at >= 0 {
			own, rest = part[:at], part[at:]
		}
		word, _, _ := strings.Cut(own[strings.Index(own, `provider = "`)+len(`provider = "`):], `"`)
		if _, known := provider.KindOf(word); known {
			kept += "\n[[ddns]]\n" + own
			records += 1 + strings.Count(own, `"AAAA"]`)
		}
		kept += rest
	}
	return kept, records
}

func TestReferenceNamesEveryKey(t *testing.T) {
	data, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	header := ""
	for line := range strings.Lines(string(data)) {
		if h, ok := strings.CutPrefix(line, "## "); ok {
			if header = strings.TrimSpace(h); header == "Top level" {
				header = ""
			}
			continue
		}
		parts[header] += line
	}
	for header, keys := range config.KnownSections() {
		for _, key := range keys {
			if !strings.Contains(parts[header], "| `"+key+"` |") {
				t.Errorf("the reference has no row for %s below %q", key, header)
			}
		}
	}
	for _, name := range []string{
		config.EnvConfig, config.EnvServiceAddress, config.EnvDDNSProvider,
		config.EnvDDNSDomain, config.EnvDDNSToken, config.EnvDDNSTokenFile,
		config.EnvDDNSTypes, config.EnvDDNSZone, config.EnvDDNSServer, config.EnvDDNSUser,
		config.EnvDDNSKey, config.EnvDDNSKeyFile,
		config.EnvCertificateMode, config.EnvCertificateEmail,
		config.EnvLANRouter, config.EnvLANAddress, config.EnvWANEventPort,
	} {
		if !strings.Contains(parts["Environment"], "`"+name+"`") {
			t.Errorf("the reference does not name %s", name)
		}
	}
}

func replaceOnce(t *testing.T, text, old, with string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%s is there %d times", old, strings.Count(text, old))
	}
	return strings.Replace(text, old, with, 1)
}

func write(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

// certificate returns a self-signed CA in PEM.
func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
