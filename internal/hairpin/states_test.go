package hairpin_test

// States of the links, each brought about as it comes about at home.

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
)

// Every state has a sentence; what is not good has an action, what is good has
// none.
func TestSentences(t *testing.T) {
	seen := map[string]int{}
	for i := range hairpin.States {
		verdict, text, action := hairpin.Sentence(i)
		if text == "" {
			t.Errorf("state %d has no sentence", i)
		}
		if needs := verdict == fact.VerdictWarn || verdict == fact.VerdictFail; needs != (action != "") {
			t.Errorf("%q: %s with the action %q", text, verdict, action)
		}
		if other, twice := seen[text]; twice {
			t.Errorf("states %d and %d say the same: %s", other, i, text)
		}
		seen[text] = i
	}
}

func put(t *testing.T, path string, cert *tls.Certificate) {
	t.Helper()
	var data []byte
	for _, der := range cert.Certificate {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// life is a certificate's from some days before now to some after.
func life(before, after int) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().AddDate(0, 0, -before), time.Now().AddDate(0, 0, after)
	}
}

// Renewed but not served, until the service loads it; and what else a file can
// be.
func TestCertificateFile(t *testing.T) {
	ca, names := newCA(t, "Home CA"), []string{"mqtt.example.com"}
	renewed := ca.issue(t, names, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now(), time.Now().AddDate(0, 0, 90) })
	current := ca.issue(t, names, func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 0, 60) })
	old := ca.issue(t, names, expired)
	path := filepath.Join(t.TempDir(), "broker.pem")
	b := newBroker(current, accepted()...)
	s := service(listen(t, "127.0.0.1", b.handle), ca, names...)
	s.CertificateFile = path
	p := run(t, hairpin.Config{Services: []hairpin.Service{s}}, nil)
	expect := func(what string, verdict, served fact.Verdict, says string) {
		t.Helper()
		p.Kick()
		status := await(t, p, what, func(s hairpin.Status) bool {
			return strings.Contains(s.Certificate.Summary, says) && s.Certificate.Verdict == verdict
		})
		f := status.Services[0].Certificate.File
		if f == nil || f.Served != served || f.Path != path || (f.LastError == "") == (served == fact.VerdictUnknown) || (status.Certificate.Action == "") != (verdict == fact.VerdictPass) {
			t.Errorf("%s: %+v, link %+v", what, f, status.Certificate)
		}
	}
	expect("no file", fact.VerdictWarn, fact.VerdictUnknown, "cannot be held against "+path+": there is no such file")
	put(t, path, current)
	expect("served", fact.VerdictPass, fact.VerdictPass, "is trusted and valid until")
	put(t, path, renewed)
	expect("renewed", fact.VerdictWarn, fact.VerdictFail, "was renewed, but the service does not serve it")
	b.cert.Store(renewed)
	expect("loaded", fact.VerdictPass, fact.VerdictPass, "is trusted")
	put(t, path, current)
	expect("older on the disk", fact.VerdictWarn, fact.VerdictFail, "which is older")
	b.cert.Store(old)
	expect("expired", fact.VerdictFail, fact.VerdictFail, "although a newer one lies in "+path)
	put(t, path, old)
	expect("expired on the disk, too", fact.VerdictFail, fact.VerdictPass, "so clients refuse it.")
}

// What is wrong with a file that edgeguard keeps itself is for its keeper to say,
// and no fault of the config; that the service does not serve it is.
func TestCertificateFileOfOurOwn(t *testing.T) {
	ca, names := newCA(t, "Home CA"), []string{"mqtt.example.com"}
	current := ca.issue(t, names, nil)
	renewed := ca.issue(t, names, func(c *x509.Certificate) { c.NotBefore = time.Now() })
	s := service(listen(t, "127.0.0.1", newBroker(current, accepted()...).handle), ca, names...)
	s.CertificateFile, s.FileKept = filepath.Join(t.TempDir(), "fullchain.pem"), true
	p := run(t, hairpin.Config{Services: []hairpin.Service{s}}, nil)
	await(t, p, "no file yet", func(s hairpin.Status) bool {
		return s.Certificate.Verdict == fact.VerdictPass && strings.Contains(s.Certificate.Summary, "is trusted") && s.Certificate.Action == ""
	})
	put(t, s.CertificateFile, renewed)
	p.Kick()
	await(t, p, "renewed", func(s hairpin.Status) bool {
		return s.Certificate.Verdict == fact.VerdictWarn && strings.Contains(s.Certificate.Summary, "was renewed, but the service does not serve it")
	})
}

func TestMoreCertificateStates(t *testing.T) {
	ca := newCA(t, "Home CA")
	between := ca.sub(t, "Between CA", nil)
	names := []string{"mqtt.example.com"}
	addresses := func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 168, 1, 10)} }
	alone := func(c *tls.Certificate) *tls.Certificate { c.Certificate = c.Certificate[:1]; return c }
	aia := func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.example/between.der"} }
	tests := []struct {
		name    string
		cert    *tls.Certificate
		dials   []string
		floor   time.Time
		verdict fact.Verdict
		says    string
	}{
		{"addresses", ca.issue(t, nil, addresses), nil, time.Time{}, fact.VerdictWarn, "addresses alone (192.168.1.10), so clients would have to dial an address"},
		{"addresses for names", ca.issue(t, nil, addresses), names, time.Time{}, fact.VerdictFail, "addresses alone (192.168.1.10), so clients that dial mqtt.example.com refuse it"},
		{"addresses beside a name", ca.issue(t, names, addresses), names, time.Time{}, fact.VerdictPass, "is trusted"},
		{"intermediate missing", alone(between.issue(t, names, aia)), names, time.Time{}, fact.VerdictFail, `does not serve the intermediate certificate Between CA, so phones and Tasmota refuse`},
		{"unknown authority", newCA(t, "Acme CA").issue(t, names, nil), names, time.Time{}, fact.VerdictWarn, "issued by Acme CA, which this host does not know"},
		{"not yet", ca.issue(t, names, life(-1, 90)), names, time.Now().AddDate(0, -1, 0), fact.VerdictFail, "this host's clock looks right"},
		{"not yet by a wrong clock", ca.issue(t, names, life(-1, 90)), names, time.Now().AddDate(0, 1, 0), fact.VerdictWarn, "this host's clock is wrong"},
		{"good by a wrong clock", ca.issue(t, names, nil), names, time.Now().AddDate(0, 1, 0), fact.VerdictPass, "is trusted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBroker(tt.cert, accepted()...)
			s := service(listen(t, "127.0.0.1", b.handle), ca, tt.dials...)
			l := looked(t, run(t, hairpin.Config{Services: []hairpin.Service{s}, ClockFloor: tt.floor}, nil)).Certificate
			if l.Verdict != tt.verdict || !strings.Contains(l.Summary, tt.says) || (l.Action == "") != (l.Verdict == fact.VerdictPass) || strings.ContainsAny(l.Summary, "{}") {
				t.Errorf("link %+v, want %s with %q", l, tt.verdict, tt.says)
			}
		})
	}
}

func TestOldDevices(t *testing.T) {
	ca, names := newCA(t, "Home CA"), []string{"mqtt.example.com"}
	rsaKey := func(bits int) *tls.Certificate {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return ca.issueFor(t, key, names, nil)
	}
	short := rsaKey(2048)
	tests := []struct {
		name   string
		cert   *tls.Certificate
		config func(*tls.Config)
		want   fact.Verdict
		why    string
	}{
		{"RSA 2048", short, nil, fact.VerdictPass, ""},
		{"RSA 3072", rsaKey(3072), nil, fact.VerdictFail, "RSA 3072"},
		{"ECDSA", ca.issue(t, names, nil), nil, fact.VerdictFail, "ECDSA P-256, and they know RSA alone"},
		{"TLS 1.3 alone", short, func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, fact.VerdictFail, "refuses TLS 1.2, and"},
		{"another cipher", short, func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384} }, fact.VerdictFail, "the one cipher that they know"},
		{"client certificates", short, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }, fact.VerdictPass, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBroker(tt.cert, accepted()...)
			b.config = tt.config
			s := service(listen(t, "127.0.0.1", b.handle), ca, names...)
			status := looked(t, run(t, hairpin.Config{Services: []hairpin.Service{s}}, nil))
			got := status.Services[0].TLS
			if got == nil || got.OldDevices != tt.want || !strings.Contains(got.OldDevicesWhy, tt.why) || (got.OldDevicesWhy == "") != (tt.want == fact.VerdictPass) {
				t.Errorf("%+v, want %s with %q", got, tt.want, tt.why)
			}
			if status.Broker.Verdict != fact.VerdictPass || status.Certificate.Verdict != fact.VerdictPass {
				t.Errorf("the remark became a fault: %+v, %+v", status.Broker, status.Certificate)
			}
		})
	}
}
