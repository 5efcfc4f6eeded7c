package main

// The certificate in a running daemon: the authority that a command makes, a
// service that reads its files anew, a wish to renew, and a config that changes
// something else.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// certHome is a house with an own CA: a service that reads combined.pem for each
// handshake, as a broker does after a reload.
type certHome struct {
	dir, config, status string
	opt                 *options
}

const certConfig = `
state_dir = "%DIR%"
[[service]]
name = "web"
address = "%SERVICE%"
names = ["web.example.org"]
kind = "tls"
[wan]
sources = ["http://127.0.0.1:9/"]
[portmap]
enabled = false
[dns]
upstreams = ["127.0.0.1:9"]
[certificate]
mode = "own-ca"
key = "ecdsa-p256"
`

func newCertHome(t *testing.T) *certHome {
	dir := t.TempDir()
	h := &certHome{dir: dir, config: filepath.Join(dir, "edgeguard.toml"), status: port(t)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				pair, err := h.handed()
				if err != nil {
					return
				}
				served := tls.Certificate{PrivateKey: pair.Key}
				for _, c := range pair.Chain {
					served.Certificate = append(served.Certificate, c.Raw)
				}
				_, _ = io.Copy(io.Discard, tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{served}}))
			}()
		}
	}()
	text := strings.NewReplacer("%DIR%", dir, "%SERVICE%", l.Addr().String()).Replace(certConfig)
	if err := os.WriteFile(h.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h.opt = &options{config: h.config}
	return h
}

// handed is what the shared folder holds.
func (h *certHome) handed() (keys.Pair, error) {
	text, err := os.ReadFile(filepath.Join(h.dir, "broker", deploy.FileCombined))
	if err != nil {
		return keys.Pair{}, err
	}
	return keys.ParsePair(text)
}

// run runs the daemon until the returned function is called.
func (h *certHome) run(t *testing.T) (stop func()) {
	flags := listenFlags{dns: port(t), status: h.status}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- runDaemon(ctx, h.opt, func() (*config.Config, error) { return loadConfig(h.opt, flags) }, t.Output())
	}()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// says asks the page and the JSON.
func (h *certHome) says(path string, check func(text string) error) error {
	client := &http.Client{Timeout: askTimeout}
	defer client.CloseIdleConnections()
	r, err := client.Get("http://" + h.status + path)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return err
	}
	return check(string(text))
}

// chainSays is the verdict of the link certificate, and the phase of its keeper.
func (h *certHome) chainSays(verdict fact.Verdict, phase cert.Phase) error {
	return h.says("/api/v1/status", func(text string) error {
		var s struct {
			Chain []struct {
				ID, Summary string
				Status      fact.Verdict
			}
			Certificate struct{ Phase cert.Phase }
		}
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return err
		}
		for _, l := range s.Chain {
			if l.ID == "certificate" && l.Status == verdict && s.Certificate.Phase == phase {
				return nil
			} else if l.ID == "certificate" {
				return fmt.Errorf("the link is %+v, the phase %q; want %s, %q", l, s.Certificate.Phase, verdict, phase)
			}
		}
		return errors.New("there is no link certificate")
	})
}

func TestOwnCAIsTakenUpWhileTheDaemonRuns(t *testing.T) {
	h := newCertHome(t)
	stop := h.run(t)
	defer func() { stop() }()
	until(t, func() error { return h.chainSays(fact.VerdictFail, cert.PhaseNoAuthority) })

	// What `edgeguard cert ca init` does. The daemon hears of it, issues, hands
	// over, sees the service serve it, and verifies it against the new root.
	ca, err := authority.Create(filepath.Join(h.dir, "cert", ownCAName), authority.Options{Key: keys.P256})
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() error { return h.chainSays(fact.VerdictPass, cert.PhaseKept) })
	first, err := h.handed()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Root())
	if _, err := first.Leaf().Verify(x509.VerifyOptions{Roots: roots, DNSName: "web.example.org"}); err != nil {
		t.Error(err)
	}
	if err := h.says("/ca/", func(text string) error {
		if !strings.Contains(text, ca.Root().Subject.CommonName) {
			return fmt.Errorf("the own CA is not offered to phones: %s", text)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}

	// What `edgeguard cert renew` does.
	wish := filepath.Join(h.dir, "cert", renewFile)
	if err := os.WriteFile(wish, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, func() error {
		pair, err := h.handed()
		if err == nil && pair.Leaf().Equal(first.Leaf()) {
			err = errors.New("it has not been renewed")
		}
		return err
	})
	if _, err := os.Stat(wish); !os.IsNotExist(err) {
		t.Errorf("the wish stands: %v", err)
	}
	until(t, func() error { return h.chainSays(fact.VerdictPass, cert.PhaseKept) })
	stop()

	// The certificate outlives the daemon, and so does the trust in its root.
	second, err := h.handed()
	if err != nil {
		t.Fatal(err)
	}
	h.doctorSees(t, second)
	stop = h.run(t)
	until(t, func() error { return h.chainSays(fact.VerdictPass, cert.PhaseKept) })
	if again, err := h.handed(); err != nil || !again.Leaf().Equal(second.Leaf()) {
		t.Errorf("a restart has changed the certificate: %v", err)
	}
}

// doctorSees wants doctor to see the certificate and to leave everything as it
// is.
func (h *certHome) doctorSees(t *testing.T, pair keys.Pair) {
	t.Helper()
	before := filesSignature(filepath.Join(h.dir, "cert")) + filesSignature(filepath.Join(h.dir, "cert", ownCAName)) + filesSignature(filepath.Join(h.dir, "broker"))
	cfg, err := loadConfig(h.opt, listenFlags{status: h.status})
	if err != nil {
		t.Fatal(err)
	}
	x, err := newExaminer(h.opt, cfg, cfg.Services[0].Address.Addr())
	if err != nil {
		t.Fatal(err)
	}
	x.lookServices(t.Context())
	kept := x.in.Certificate
	if kept.Held == nil || kept.Held.SHA256 != pair.Fingerprint() || kept.Link.Verdict != fact.VerdictPass || len(kept.Serving) != 1 || kept.Serving[0].State != cert.ServingYes {
		t.Errorf("doctor sees %+v", kept)
	}
	if x.in.Hairpin.Certificate.Verdict != fact.VerdictPass {
		t.Errorf("doctor does not trust the own CA: %+v", x.in.Hairpin.Certificate)
	}
	after := filesSignature(filepath.Join(h.dir, "cert")) + filesSignature(filepath.Join(h.dir, "cert", ownCAName)) + filesSignature(filepath.Join(h.dir, "broker"))
	if before != after {
		t.Errorf("doctor has changed files:\n%s\n%s", before, after)
	}
}

// A keeper is taken over only where its certificate, its CA and its secrets stay.
func TestReloadKeepsTheKeeper(t *testing.T) {
	text := strings.ReplaceAll(quietConfig, "%NAME%", "one.example.org") + `
[[ddns]]
provider = "desec"
domain = "one.example.org"
token = "a-token-of-the-test"
[certificate]
mode = "acme"
[certificate.acme]
email = "me@example.org"
eab_key_id = "id"
eab_key = "a-key-of-the-tests--"
`
	dir := t.TempDir()
	load := func(old, with string) *config.Config {
		changed := strings.Replace("state_dir = \""+dir+"\"\n"+text, old, with, 1)
		cfg, err := config.Parse("edgeguard.toml", []byte(changed), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	d := &daemon{log: quietLog(t), news: newNews(), secrets: &secretList{}}
	d.certPorts = newCertPorts(d)
	old, err := d.makeConcerns(load("", ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		old, with string
		kept      bool
	}{
		"nothing":        {"", "", true},
		"something else": {":9/", ":9/x", true},
		"a token":        {"a-token", "another-token", false},
		"the EAB key":    {"a-key", "b-key", false},
		"the address":    {"me@", "you@", false},
		"a name":         {`"one.example.org"]`, `"one.example.org", "two.example.org"]`, false},
		"the mode":       {`mode = "acme"`, `mode = "own-ca"`, false},
		"a resolver":     {`["127.0.0.1:9"]`, `["127.0.0.1:19"]`, false},
	} {
		next, err := d.makeConcerns(load(test.old, test.with), old)
		if err != nil {
			t.Fatal(err)
		}
		if kept := next.cert == old.cert; kept != test.kept {
			t.Errorf("%s: kept is %t", name, kept)
		}
		if !test.kept && test.old != `mode = "acme"` && next.issuer == old.issuer {
			t.Errorf("%s: the old issuer goes on", name)
		}
	}
}

// No secret of the certificate is in what the daemon writes.
func TestSecretsOfTheCertificateAreKnown(t *testing.T) {
	cfg := loaded(t, `
[certificate]
mode = "acme"
names = ["mqtt.example.org"]
[certificate.acme]
eab_key_id = "id"
eab_key = "a-key-of-the-tests--"
[[certificate.acme.dns]]
provider = "desec"
domain = "example.org"
token = "a-token-of-the-test"
`)
	list := &secretList{}
	list.add(cfg)
	for _, want := range []string{"a-key-of-the-tests--", "a-token-of-the-test"} {
		found := false
		for _, v := range list.all() {
			found = found || v.Reveal() == want
		}
		if !found {
			t.Errorf("%s is no secret", want)
		}
	}
}
