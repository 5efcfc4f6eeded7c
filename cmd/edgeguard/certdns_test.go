package main

// Which account writes which TXT record, at real providers' fakes over HTTPS.

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/secret"
)

var _ acme.Records = (*certRecords)(nil)

const (
	certToken = "Zk3vQ9xW7yLr2TnB5hGm8sPd1cFj4uEa0oXi6tRb"
	duckToken = "a7c4d0ad-114e-40ef-ba1d-d217904a50f2"
	certValue = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
)

func certAccountOf(word, domain, token string) certAccount {
	return certAccount{Account: provider.Account{Provider: word, Token: secret.New(token), User: "somebody"}, Domain: domain}
}

func TestCertRecordsChooseTheAccount(t *testing.T) {
	cf := ddnstest.NewCloudflare(certToken, "example.org")
	desec := ddnstest.NewDeSEC(certToken, "example.org", 60)
	duck := ddnstest.NewDuckDNS(duckToken, "myhome")
	web := ddnstest.NewWeb(t, map[string]http.Handler{"api.cloudflare.com": cf, "desec.io": desec, "www.duckdns.org": duck})
	r, err := newCertRecords(provider.Config{Dial: web.Dial, RootCAs: web.Roots}, []certAccount{
		certAccountOf("cloudflare", "home.example.org", certToken), certAccountOf("desec", "*.far.home.example.org", certToken),
		certAccountOf("duckdns", "myhome.duckdns.org", duckToken), certAccountOf("dynu", "home.example.net", certToken),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		single bool
		at     func(name string) string
	}{
		"_acme-challenge.home.example.org":          {false, recordsOf(cf)},
		"_acme-challenge.mqtt.home.example.org":     {false, recordsOf(cf)},
		"_acme-challenge.far.home.example.org":      {false, recordsOf(desec)},
		"_acme-challenge.x.far.home.example.org":    {false, recordsOf(desec)},
		"_acme-challenge.else.example.org":          {false, recordsOf(cf)}, // in the zone of both: the first
		"_acme-challenge.myhome.duckdns.org":        {true, func(string) string { return duck.TXT("myhome") }},
		"_acme-challenge.mqtt.myhome.duckdns.org":   {true, func(string) string { return duck.TXT("myhome") }},
		"_acme-challenge.notfar-home.example.org":   {false, recordsOf(cf)},
		"_acme-challenge.xfar.home.example.org":     {false, recordsOf(cf)},
		"_acme-challenge.a.b.c.d.home.example.org.": {}, // not canonical: nobody's
	} {
		single, err := r.Single(name)
		if c.at == nil {
			if err == nil {
				t.Errorf("Single(%s) = %v", name, single)
			}
			continue
		}
		if err != nil || single != c.single {
			t.Errorf("Single(%s) = %v, %v", name, single, err)
		}
		if err := r.Add(t.Context(), name, certValue); err != nil || c.at(name) != certValue {
			t.Errorf("adding %s: %v; there is %q", name, err, c.at(name))
		}
		if err := r.Remove(t.Context(), name, certValue); err != nil || c.at(name) != "" {
			t.Errorf("removing %s: %v; there is %q", name, err, c.at(name))
		}
	}
}

// recordsOf are the TXT records of a fake, without quotes.
func recordsOf(z interface {
	Records(name, rtype string) []ddnstest.Record
}) func(string) string {
	return func(name string) string {
		var list []string
		for _, r := range z.Records(name, "TXT") {
			list = append(list, strings.Trim(r.Content, `"`))
		}
		return strings.Join(list, " ")
	}
}

// A table that is there for TXT records alone goes before the records of names
// below it: the key of those may be good for addresses only.
func TestCertRecordsPreferTheTableForThem(t *testing.T) {
	cf := ddnstest.NewCloudflare(certToken, "example.org")
	desec := ddnstest.NewDeSEC(certToken, "example.org", 60)
	web := ddnstest.NewWeb(t, map[string]http.Handler{"api.cloudflare.com": cf, "desec.io": desec})
	only := certAccountOf("desec", "example.org", certToken)
	only.Only = true
	r, err := newCertRecords(provider.Config{Dial: web.Dial, RootCAs: web.Roots}, []certAccount{certAccountOf("cloudflare", "home.example.org", certToken), only})
	if err != nil {
		t.Fatal(err)
	}
	const name = "_acme-challenge.home.example.org"
	if err := r.Add(t.Context(), name, certValue); err != nil {
		t.Fatal(err)
	}
	if got, other := recordsOf(desec)(name), recordsOf(cf)(name); got != certValue || other != "" {
		t.Errorf("the table for TXT records wrote %q, the record's account %q", got, other)
	}
}

// Who cannot write a name says so, why, and what to do.
func TestCertRecordsThatNobodyCanWrite(t *testing.T) {
	none := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("the line is down") }
	cfg := provider.Config{Dial: none}
	r, err := newCertRecords(cfg, []certAccount{certAccountOf("desec", "home.example.org", certToken), certAccountOf("dynu", "home.example.net", certToken)})
	if err != nil {
		t.Fatal(err)
	}
	empty, err := newCertRecords(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r     *certRecords
		name  string
		words []string
	}{
		{r, "_acme-challenge.x.example.com", []string{"no [[ddns]] or [[certificate.acme.dns]] table can write the TXT record _acme-challenge.x.example.com",
			"home.example.org (desec), home.example.net (dynu)", "http-01"}},
		{r, "_acme-challenge.home.example.net", []string{"dynu of home.example.net keeps addresses only", "CNAME"}},
		{empty, "_acme-challenge.home.example.net", []string{"there is none"}},
	} {
		_, single := c.r.Single(c.name)
		for _, err := range []error{single, c.r.Add(t.Context(), c.name, certValue), c.r.Remove(t.Context(), c.name, certValue)} {
			var fault *acme.Fault
			if !errors.As(err, &fault) {
				t.Fatalf("the error is %v", err)
			}
			for _, word := range c.words {
				if !strings.Contains(fault.Text+fault.Action, word) {
					t.Errorf("the fault is %+v, without %q", fault, word)
				}
			}
		}
	}
	var fault *acme.Fault
	err = r.Add(t.Context(), "_acme-challenge.home.example.org", certValue)
	if !errors.As(err, &fault) || fault.Action == "" || strings.Contains(err.Error(), certToken) || !strings.Contains(fault.Text, "home.example.org (desec)") {
		t.Errorf("the error is %+v", err)
	}
	if _, err := newCertRecords(cfg, []certAccount{certAccountOf("desec", "home.example.org", "")}); err == nil || !strings.Contains(err.Error(), "needs a token") {
		t.Errorf("an account without a token: %v", err)
	}
}

// What the provider asks for reaches whoever would try again.
func TestCertRecordsWaitAsTheProviderSays(t *testing.T) {
	desec := ddnstest.NewDeSEC(certToken, "example.org", 60)
	web := ddnstest.NewWeb(t, map[string]http.Handler{"desec.io": desec})
	r, err := newCertRecords(provider.Config{Dial: web.Dial, RootCAs: web.Roots}, []certAccount{certAccountOf("desec", "example.org", certToken)})
	if err != nil {
		t.Fatal(err)
	}
	desec.Misbehave(ddnstest.Answer(http.StatusTooManyRequests, "", "Retry-After", "3600"))
	before := time.Now()
	var fault *acme.Fault
	err = r.Add(t.Context(), "_acme-challenge.example.org", certValue)
	if !errors.As(err, &fault) || fault.NotBefore.Before(before.Add(time.Hour)) || fault.NotBefore.After(time.Now().Add(time.Hour)) {
		t.Errorf("the error is %+v", err)
	}
}
