package hairpin_test

// Certificates: what is trusted, what is learned, and what is said of them.

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
)

func TestCertificates(t *testing.T) {
	ca, stranger := newCA(t, "Home CA"), newCA(t, "Strange\x1b[31m CA")
	between := ca.sub(t, "Between CA", nil)
	narrow := ca.sub(t, "Narrow CA", func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"home.example.com"} })
	www := []string{"www.example.com"}
	without := func(cert *tls.Certificate) *tls.Certificate { cert.Certificate = cert.Certificate[:1]; return cert }
	life := func(total, left time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.NotAfter = time.Now().Add(left)
			c.NotBefore = c.NotAfter.Add(-total)
		}
	}
	const days = 24 * time.Hour
	tests := []struct {
		name       string
		cert       *tls.Certificate
		configured []string
		learned    []string // nil: none
		trusted    bool
		verdict    fact.Verdict
		says       string
	}{
		{"good", ca.issue(t, www, nil), nil, www, true, fact.VerdictPass, "www.example.com"},
		{"good and configured", ca.issue(t, www, nil), www, www, true, fact.VerdictPass, "www.example.com"},
		{"intermediate", between.issue(t, www, nil), nil, www, true, fact.VerdictPass, ""},
		{"intermediate not served", without(between.issue(t, www, nil)), nil, nil, false, fact.VerdictFail, "Between CA"},
		{"stranger's", stranger.issue(t, www, nil), nil, nil, false, fact.VerdictFail, "an untrusted certificate claims www.example.com; the name is not answered"},
		{"stranger's for our name", stranger.issue(t, www, nil), www, nil, false, fact.VerdictWarn, "give its CA certificate as ca_file"},
		{"stranger's for our name and others", stranger.issue(t, []string{"www.example.com", "bank.example"}, nil), www, nil, false, fact.VerdictWarn, "claims bank.example; the name is not answered"},
		{"stranger's for another name", stranger.issue(t, []string{"bank.example"}, nil), www, nil, false, fact.VerdictFail, "names none of the configured names"},
		{"expired", ca.issue(t, www, expired), nil, nil, false, fact.VerdictFail, "expired on"},
		{"expired and configured", ca.issue(t, www, expired), www, nil, false, fact.VerdictFail, "expired on"},
		{"not yet valid", ca.issue(t, www, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }), www, nil, false, fact.VerdictFail, "not valid before"},
		{"not for servers", ca.issue(t, www, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), nil, nil, false, fact.VerdictFail, "serverAuth"},
		{"another name", ca.issue(t, www, nil), []string{"mqtt.example.com"}, www, true, fact.VerdictFail, "mqtt.example.com"},
		{"one name missing", ca.issue(t, www, nil), []string{"www.example.com", "mqtt.example.com"}, www, true, fact.VerdictWarn, "does not name mqtt.example.com"},
		{"wildcard covers", ca.issue(t, []string{"*.example.com"}, nil), www, []string{}, true, fact.VerdictPass, ""},
		{"wildcard alone", ca.issue(t, []string{"*.example.com"}, nil), nil, []string{}, true, fact.VerdictWarn, "no exact host name"},
		{"CN only", ca.issue(t, nil, func(c *x509.Certificate) { c.Subject.CommonName = "www.example.com" }), www, www, true, fact.VerdictWarn, "common name alone"},
		{"CN beside SAN", ca.issue(t, www, func(c *x509.Certificate) { c.Subject.CommonName = "mqtt.example.com" }), nil, []string{"mqtt.example.com", "www.example.com"}, true, fact.VerdictPass, ""},
		{"CN is no host name", ca.issue(t, www, func(c *x509.Certificate) { c.Subject.CommonName = "My Broker" }), nil, www, true, fact.VerdictPass, ""},
		{"CN beyond the authority's names", narrow.issue(t, []string{"a.home.example.com"}, func(c *x509.Certificate) { c.Subject.CommonName = "www.bank.example" }), nil, []string{"a.home.example.com"}, true, fact.VerdictPass, ""},
		{"SAN beyond the authority's names", narrow.issue(t, []string{"www.bank.example"}, nil), nil, nil, false, fact.VerdictFail, "www.bank.example; the name is not answered"},
		{"20 of 90 days left", ca.issue(t, www, life(90*days, 20*days)), nil, www, true, fact.VerdictPass, ""},
		{"13 of 90 days left", ca.issue(t, www, life(90*days, 13*days)), nil, www, true, fact.VerdictWarn, "expires on"},
		{"3 of 6 days left", ca.issue(t, www, life(6*days, 3*days)), nil, www, true, fact.VerdictPass, ""},
		{"1 of 6 days left", ca.issue(t, www, life(6*days, 1*days)), nil, www, true, fact.VerdictWarn, "expires on"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBroker(tt.cert, accepted()...)
			p := run(t, hairpin.Config{Services: []hairpin.Service{service(listen(t, "127.0.0.1", b.handle), ca, tt.configured...)}}, nil)
			status := looked(t, p)
			learned := p.Names().Load()[0].Names
			if !slices.Equal(learned, tt.learned) || (learned == nil) != (tt.learned == nil) {
				t.Errorf("learned %#v, want %#v", learned, tt.learned)
			}
			c := status.Services[0].Certificate
			key := sha256.Sum256(tt.cert.Leaf.RawSubjectPublicKeyInfo)
			if c.Trusted != tt.trusted || (c.Why == "") != tt.trusted || c.SPKISHA256 != hex.EncodeToString(key[:]) || !c.NotAfter.Equal(tt.cert.Leaf.NotAfter) {
				t.Errorf("certificate %+v", c)
			}
			for _, name := range tt.cert.Leaf.DNSNames {
				if !slices.Contains(c.Names, name) {
					t.Errorf("the certificate's names %q lack %s", c.Names, name)
				}
			}
			l := status.Certificate
			if l.Verdict != tt.verdict || !strings.Contains(l.Summary, tt.says) || (l.Verdict == fact.VerdictPass) != (l.Action == "") {
				t.Errorf("link %+v, want %s with %q", l, tt.verdict, tt.says)
			}
			for _, text := range append(slices.Clone(l.Evidence), l.Summary, c.Issuer, c.Why) {
				if strings.ContainsFunc(text, unicode.IsControl) {
					t.Errorf("control characters in %q", text)
				}
			}
			if status.Broker.Verdict != fact.VerdictPass {
				t.Errorf("the broker link took the certificate's blame: %+v", status.Broker)
			}
		})
	}
}

func TestSelfSignedIsTrustedWhereGiven(t *testing.T) {
	key := newKey(t)
	tmpl := template("")
	tmpl.DNSNames = []string{"www.example.com"}
	leaf := sign(t, tmpl, tmpl, key.Public(), key)
	b := newBroker(&tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}, accepted()...)
	s := service(listen(t, "127.0.0.1", b.handle), nil)
	status := looked(t, run(t, hairpin.Config{Services: []hairpin.Service{s}}, nil))
	if c := status.Services[0].Certificate; c.Trusted || !strings.Contains(c.Why, "self-signed") {
		t.Errorf("certificate %+v", c)
	}
	s.Roots.AddCert(leaf)
	p := run(t, hairpin.Config{Services: []hairpin.Service{s}}, nil)
	looked(t, p)
	if got := p.Names().Load()[0].Names; len(got) != 1 {
		t.Errorf("learned %q", got)
	}
}

func TestRSA2048AndManyNames(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range 500 {
		names = append(names, fmt.Sprintf("n%d.example.com", i))
	}
	ca := newCA(t, "Home CA")
	b := newBroker(ca.issueFor(t, key, names, nil), accepted()...)
	p := run(t, hairpin.Config{Services: []hairpin.Service{service(listen(t, "127.0.0.1", b.handle), ca)}}, nil)
	status := looked(t, p)
	if got := p.Names().Load()[0].Names; len(got) != 100 {
		t.Errorf("learned %d names", len(got))
	}
	if got := status.Services[0].Certificate.Names; len(got) != 100 {
		t.Errorf("showed %d names", len(got))
	}
}

// Names follow trusted certificates, and nothing else.
func TestNamesFollowTrustedCertificatesOnly(t *testing.T) {
	ca, stranger := newCA(t, "Home CA"), newCA(t, "Strange CA")
	b := newBroker(ca.issue(t, []string{"a.example.com"}, nil), accepted()...)
	p := run(t, hairpin.Config{Services: []hairpin.Service{service(listen(t, "127.0.0.1", b.handle), ca)}}, nil)
	looked(t, p)
	names, changed := p.Names().Get()
	if got := names[0].Names; !slices.Equal(got, []string{"a.example.com"}) {
		t.Fatalf("learned %q", got)
	}
	serve := func(cert *tls.Certificate) hairpin.Status {
		b.cert.Store(cert)
		p.Kick()
		return await(t, p, "the next certificate", func(s hairpin.Status) bool {
			return s.Services[0].Certificate.NotAfter.Equal(cert.Leaf.NotAfter) && s.Services[0].Certificate.SPKISHA256 == spki(cert)
		})
	}
	status := serve(stranger.issue(t, []string{"a.example.com", "bank.example"}, nil))
	if l := status.Certificate; l.Verdict != fact.VerdictFail || !strings.Contains(l.Summary, "claims bank.example;") {
		t.Errorf("stranger's certificate: %+v", l)
	}
	serve(ca.issue(t, []string{"b.example.com"}, expired))
	select {
	case <-changed:
		t.Fatalf("names became %+v", p.Names().Load())
	default:
	}
	serve(ca.issue(t, []string{"c.example.com"}, nil))
	if got := p.Names().Load()[0].Names; !slices.Equal(got, []string{"c.example.com"}) {
		t.Errorf("after another trusted certificate: %q", got)
	}
	// The broker hangs up on everybody now: what is known stays.
	b.down.Store(true)
	p.Kick()
	status = await(t, p, "the failure", func(s hairpin.Status) bool { return s.Services[0].LastError != "" })
	if got := p.Names().Load()[0].Names; !slices.Equal(got, []string{"c.example.com"}) {
		t.Errorf("while it is down: %q", got)
	}
	if status.Services[0].Certificate == nil || status.Certificate.Verdict != fact.VerdictUnknown {
		t.Errorf("while it is down: %+v", status.Certificate)
	}
}

func spki(cert *tls.Certificate) string {
	key := sha256.Sum256(cert.Leaf.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(key[:])
}
