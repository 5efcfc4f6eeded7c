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

	errDown = errors.New("the line is down")
)

// web is the providers on the wire.
type web struct {
	*ddnstest.Web
	duck    *ddnstest.DuckDNS
	cf      *ddnstest.Cloudflare
	timeout time.Duration // of one call
}

func newWeb(t *testing.T) *web {
	t.Helper()
	w := &web{
		duck:    ddnstest.NewDuckDNS(token, "myhome"),
		cf:      ddnstest.NewCloudflare(cfToken, "example.org", "example.co.uk"),
		timeout: 5 * time.Second,
	}
	w.Web = ddnstest.NewWeb(t, map[string]http.Handler{"www.duckdns.org": w.duck, "api.cloudflare.com": w.cf})
	return w
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
	p, err := provider.New(provider.Config{Dial: w.Dial, RootCAs: w.Roots}, rec.Domain, rec.Account)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), w.timeout)
	defer cancel()
	return p.Set(ctx, rec.Domain, addr)
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
