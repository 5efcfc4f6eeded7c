package provider_test

// Real HTTPS on loopback under the providers' real names.

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/secret"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	name    = "myhome.duckdns.org"
	token   = "a7c4d0ad-114e-40ef-ba1d-d217904a50f2"
	cfToken = "Zk3vQ9xW7yLr2TnB5hGm8sPd1cFj4uEa0oXi6tRb"
)

var (
	addrA = netip.MustParseAddr("11.22.33.44")
	addrB = netip.MustParseAddr("11.22.33.55")
	addr6 = netip.MustParseAddr("2001:db8:1::7")
	addr7 = netip.MustParseAddr("2001:db8:2::7")

	errDown = errors.New("the line is down")
)

// web is the providers on the wire.
type web struct {
	*ddnstest.Web
	duck    *ddnstest.DuckDNS
	cf      *ddnstest.Cloudflare
	desec   *ddnstest.DeSEC
	porkbun *ddnstest.Porkbun
	ovh     *ddnstest.OVH
	netcup  *ddnstest.Netcup
	ionos   *ddnstest.IONOS
	dyn     map[string]*ddnstest.Dyn // by the provider's word
	timeout time.Duration            // of one call
}

func newWeb(t *testing.T) *web {
	t.Helper()
	w := &web{
		duck:    ddnstest.NewDuckDNS(token, "myhome"),
		cf:      ddnstest.NewCloudflare(cfToken, "example.org", "example.co.uk"),
		timeout: time.Minute, // far beyond what a slow machine needs
	}
	w.desec = ddnstest.NewDeSEC(apiToken, "example.org", 3600)
	w.porkbun = ddnstest.NewPorkbun(apiKey, apiToken, "example.org")
	w.ovh = ddnstest.NewOVH(ddnstest.OVHKeys{Application: apiUser, Secret: apiToken, Consumer: apiKey}, "example.org", 10*time.Minute)
	w.netcup = ddnstest.NewNetcup(apiUser, apiKey, apiToken, "example.org")
	w.ionos = ddnstest.NewIONOS(apiToken, "example.org")
	hosts := map[string]http.Handler{"www.duckdns.org": w.duck, "api.cloudflare.com": w.cf, "desec.io": w.desec,
		"api.porkbun.com": w.porkbun, "eu.api.ovh.com": w.ovh, "ccp.netcup.net": w.netcup, "api.hosting.ionos.com": w.ionos}
	w.dyn = map[string]*ddnstest.Dyn{}
	for word, service := range dynHosts {
		user := apiUser
		switch word {
		case "he":
			user = dynName
		case "dynv6":
			user = "none"
		}
		w.dyn[word] = ddnstest.NewDyn(service.style, user, apiToken, dynName)
		hosts[service.host] = w.dyn[word]
	}
	w.Web = ddnstest.NewWeb(t, hosts)
	return w
}

// Accounts of the providers that have no form of their own for secrets.
const (
	apiUser  = "user-4711"
	apiKey   = "pk1_5Vn0qYz8Rj3Lw6Kx2Hs9Tf4Gb7Dc1Ma"
	apiToken = "sk1.9Xq4Wm7Zt2Bv5Nc8Lk1Jh6Gf3Ds0Pa+o/i=="
	dynName  = "home.example.org"
)

// dynHosts are the dyndns2 services with their hosts and dialects.
var dynHosts = map[string]struct {
	host  string
	style ddnstest.DynStyle
}{
	"he":      {"dyn.dns.he.net", ddnstest.DynStyle{}},
	"noip":    {"dynupdate.no-ip.com", ddnstest.DynStyle{}},
	"dynu":    {"api.dynu.com", ddnstest.DynStyle{Param6: "myipv6", No: "no", Auto: true}},
	"dynv6":   {"dynv6.com", ddnstest.DynStyle{}},
	"strato":  {"dyndns.strato.com", ddnstest.DynStyle{OneFamily: true}},
	"inwx":    {"dyndns.inwx.com", ddnstest.DynStyle{Param6: "myipv6"}},
	"dyn":     {"members.dyndns.org", ddnstest.DynStyle{OneFamily: true}},
	"dyndns2": {"ddns.example.com", ddnstest.DynStyle{}},
}

// fake is what the tests use of every fake.
type fake interface {
	http.Handler
	Misbehave(http.HandlerFunc)
	MisbehaveWhen(func(ddnstest.Request) bool, http.HandlerFunc)
	Requests() []ddnstest.Request
}

// account is a whole account at the provider, and the fake behind it.
func (w *web) account(word string) (record, fake) {
	a := provider.Account{Provider: word, Token: secret.New(apiToken)}
	switch word {
	case "cloudflare":
		return cfRecord(dynName), w.cf
	case "duckdns":
		return duckRecord(), w.duck
	case "desec":
		return record{a, dynName}, w.desec
	case "porkbun":
		a.Key = secret.New(apiKey)
		return record{a, dynName}, w.porkbun
	case "ovh":
		a.User, a.Key = apiUser, secret.New(apiKey)
		return record{a, dynName}, w.ovh
	case "netcup":
		a.User, a.Key = apiUser, secret.New(apiKey)
		return record{a, dynName}, w.netcup
	case "ionos":
		return record{a, dynName}, w.ionos
	}
	if k, _ := provider.KindOf(word); k.User == provider.Must {
		a.User = apiUser
	}
	if word == "dyndns2" {
		a.Server = "ddns.example.com"
	}
	return record{a, dynName}, w.dyn[word]
}

// httpWords are all providers that are reached over HTTPS.
func httpWords() []string {
	var words []string
	for _, k := range provider.Kinds() {
		if k.Word != "rfc2136" {
			words = append(words, k.Word)
		}
	}
	return words
}

// record is a domain and its account.
type record struct {
	provider.Account
	Domain string
}

func duckRecord() record {
	return record{provider.Account{Provider: "duckdns", Token: secret.New(token)}, name}
}

func cfRecord(domain string) record {
	return record{provider.Account{Provider: "cloudflare", Token: secret.New(cfToken)}, domain}
}

// set makes a real adaptor and writes once.
func (w *web) set(t *testing.T, rec record, addr netip.Addr) (netip.Addr, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), w.timeout)
	defer cancel()
	return w.adaptor(t, rec).Set(ctx, rec.Domain, addr)
}

// del makes a real adaptor and deletes once.
func (w *web) del(t *testing.T, rec record, addr netip.Addr) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), w.timeout)
	defer cancel()
	return w.adaptor(t, rec).Delete(ctx, rec.Domain, addr)
}

func (w *web) adaptor(t *testing.T, rec record) provider.Provider {
	t.Helper()
	p, err := provider.New(provider.Config{Dial: w.Dial, RootCAs: w.Roots, UserAgent: "edgeguard/1.2.3 (+https://example.org)"}, rec.Domain, rec.Account)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func noDial(context.Context, string, string) (net.Conn, error) { return nil, errDown }

func contains(text string, words ...string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// wantHidden checks that text holds the secret in no form, not even half.
func wantHidden(t *testing.T, text, hidden string) {
	t.Helper()
	text = strings.ToLower(text)
	for _, form := range []string{hidden, hidden[:len(hidden)/2], url.QueryEscape(hidden), url.PathEscape(hidden),
		base64.StdEncoding.EncodeToString([]byte(hidden)), fmt.Sprintf("%x", hidden)} {
		if strings.Contains(text, strings.ToLower(form)) {
			t.Errorf("the secret shows as %q in %q", form, text)
		}
	}
}

// wantFault checks an error's kind and that no form of the secret is in it or
// in anything it wraps.
func wantFault(t *testing.T, err error, kind provider.FaultKind, hidden string) *provider.Fault {
	t.Helper()
	var f *provider.Fault
	if !errors.As(err, &f) || f.Kind != kind || f.Text == "" {
		t.Fatalf("error is %#v, want a fault of kind %d", err, kind)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		wantHidden(t, e.Error()+f.Action, hidden)
	}
	if strings.ContainsAny(f.Text, "\n\r\x1b") {
		t.Errorf("control characters in %q", f.Text)
	}
	return f
}

func TestAPanicOfALibraryIsAnError(t *testing.T) {
	err := provider.Guard("Library", func() error { var page *struct{ n int }; page.n++; return nil })
	if f := wantFault(t, err, provider.Unclear, token); !contains(f.Text, "Library", "nil pointer") {
		t.Errorf("error is %v", err)
	}
}
