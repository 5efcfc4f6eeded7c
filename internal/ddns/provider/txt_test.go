package provider_test

// TXT records on the real wire of every provider that keeps them.

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/secret"
)

const (
	challenge = "_acme-challenge." + dynName
	valueA    = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
	valueB    = "gfj9Xq-Rg7Ag_5T1pnYvAjqZ8RkbnQGcs4Xx7dFw2k0"
)

// txt makes a real adaptor for TXT records.
func (w *web) txt(t *testing.T, rec record) provider.TXTWriter {
	t.Helper()
	p, err := provider.NewTXT(provider.Config{Dial: w.Dial, RootCAs: w.Roots}, rec.Domain, rec.Account)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// texts are what the TXT records of a name say, without the quotes that some
// providers keep.
func texts(z zoneFake, name string) string {
	return strings.ReplaceAll(contents(z, name, "TXT"), `"`, "")
}

// A value comes beside those of others, once, and goes alone.
func TestZoneTXTLeavesOthersAlone(t *testing.T) {
	eachZone(t, func(t *testing.T, w *web, rec record, z zoneFake) {
		z.Put(ddnstest.Record{Name: challenge, Type: "TXT", Content: `"another's"`, TTL: 4321})
		z.Put(ddnstest.Record{Name: dynName, Type: "TXT", Content: `"` + valueA + `"`, TTL: 4321})
		put(z, challenge, addrA.String(), 4321)
		p := w.txt(t, rec)
		if p.SingleTXT() || p.TXTZone() != "example.org" {
			t.Errorf("single is %v, the zone is %s", p.SingleTXT(), p.TXTZone())
		}
		for _, c := range []struct {
			do    func(context.Context, string, string) error
			value string
			want  string
		}{
			{p.AddTXT, valueA, "another's " + valueA}, {p.AddTXT, valueA, "another's " + valueA},
			{p.AddTXT, valueB, "another's " + valueA + " " + valueB}, {p.RemoveTXT, valueA, "another's " + valueB},
			{p.RemoveTXT, valueA, "another's " + valueB}, {p.RemoveTXT, valueB, "another's"}, {p.RemoveTXT, "another", "another's"},
		} {
			if err := c.do(t.Context(), challenge, c.value); err != nil || texts(z, challenge) != c.want {
				t.Fatalf("error is %v, the records are %s, want %s", err, texts(z, challenge), c.want)
			}
		}
		if texts(z, dynName) != valueA || contents(z, challenge, "A") != addrA.String() {
			t.Errorf("other records are %q and %q", texts(z, dynName), contents(z, challenge, "A"))
		}
		if o, ok := z.(*ddnstest.OVH); ok && len(o.Published(challenge, "TXT")) != 1 {
			t.Errorf("published are %v", o.Published(challenge, "TXT"))
		}
	})
}

func TestZoneTXTNames(t *testing.T) {
	for _, name := range []string{"example.org", "_acme-challenge.example.org", "a.b.c.example.org"} {
		eachZone(t, func(t *testing.T, w *web, rec record, z zoneFake) {
			rec.Domain = "*." + dynName
			p := w.txt(t, rec)
			if err := p.AddTXT(t.Context(), name, valueA); err != nil || texts(z, name) != valueA || z.Records(name, "TXT")[0].TTL == 0 {
				t.Fatalf("error is %v, the records of %s are %v", err, name, z.Records(name, "TXT"))
			}
			if err := p.RemoveTXT(t.Context(), name, valueA); err != nil || texts(z, name) != "" {
				t.Errorf("error is %v, the records of %s are %v", err, name, z.Records(name, "TXT"))
			}
		})
	}
}

// What TXTWriter does not speak of is not sent.
func TestTXTOddNamesAndValues(t *testing.T) {
	for _, word := range []string{"cloudflare", "desec", "porkbun", "ovh", "netcup", "ionos", "duckdns"} {
		w := newWeb(t)
		rec, f := w.account(word)
		p := w.txt(t, rec)
		for _, c := range [][2]string{{"_acme-challenge.example.net", valueA}, {"xexample.org", valueA}, {"xmyhome.duckdns.org", valueA},
			{"x." + p.TXTZone(), ""}, {"x." + p.TXTZone(), `a"b`}, {"x." + p.TXTZone(), `a\b`}, {"x." + p.TXTZone(), "a\nb"},
			{"x." + p.TXTZone(), "ä"}, {"x." + p.TXTZone(), strings.Repeat("a", 256)}} {
			wantFault(t, p.AddTXT(t.Context(), c[0], c[1]), provider.Final, rec.Token.Reveal())
			wantFault(t, p.RemoveTXT(t.Context(), c[0], c[1]), provider.Final, rec.Token.Reveal())
		}
		if n := len(f.Requests()); n != 0 {
			t.Errorf("%s: %d requests", word, n)
		}
	}
}

// Answers to the change, and to the look before it, as for addresses.
func TestZoneTXTAnswers(t *testing.T) {
	for what, c := range map[string]struct {
		answer       http.HandlerFunc
		change, look provider.FaultKind
	}{
		"page with 200": {ddnstest.Echo(200), provider.Unclear, provider.Failed},
		"page with 502": {ddnstest.Echo(502), provider.Unclear, provider.Failed},
		"429":           {ddnstest.Answer(429, "", "Retry-After", "60"), provider.Limited, provider.Limited},
		"redirect":      {ddnstest.Redirect("https://elsewhere.example/"), provider.Failed, provider.Failed},
		"too large":     {ddnstest.Answer(200, strings.Repeat("x", 2<<20)), provider.Unclear, provider.Failed},
	} {
		t.Run(what, func(t *testing.T) {
			eachZone(t, func(t *testing.T, w *web, rec record, z zoneFake) {
				z.MisbehaveWhen(changesRecord(rec.Provider), c.answer)
				p := w.txt(t, rec)
				wantFault(t, p.AddTXT(t.Context(), challenge, valueA), c.change, rec.Token.Reveal())
				z.Put(ddnstest.Record{Name: challenge, Type: "TXT", Content: `"` + valueA + `"`, TTL: 600})
				wantFault(t, p.RemoveTXT(t.Context(), challenge, valueA), c.change, rec.Token.Reveal())
				looks := func(r ddnstest.Request) bool { return !changesRecord(rec.Provider)(r) }
				if rec.Provider == "cloudflare" { // of which the library passes over a failure
					looks = func(r ddnstest.Request) bool { return strings.Contains(r.Query, "content.contains") }
				}
				z.MisbehaveWhen(looks, c.answer)
				wantFault(t, p.RemoveTXT(t.Context(), challenge, valueA), c.look, rec.Token.Reveal())
				if got := texts(z, challenge); got != valueA {
					t.Errorf("the records are %s", got)
				}
			})
		})
	}
}

// A heap of old records is not read through.
func TestZoneTXTManyRecords(t *testing.T) {
	eachZone(t, func(t *testing.T, w *web, rec record, z zoneFake) {
		for i := range 33 {
			z.Put(ddnstest.Record{Name: challenge, Type: "TXT", Content: fmt.Sprintf(`"old%d"`, i), TTL: 600})
		}
		err := w.txt(t, rec).AddTXT(t.Context(), challenge, valueA)
		if rec.Provider == "cloudflare" { // which is not asked what there is
			if err != nil {
				t.Error(err)
			}
			return
		}
		if f := wantFault(t, err, provider.Failed, rec.Token.Reveal()); !contains(f.Text, "33 TXT records") || f.Action == "" {
			t.Errorf("fault is %+v", f)
		}
	})
}

func TestZoneTXTOfAnotherAccount(t *testing.T) {
	eachZone(t, func(t *testing.T, w *web, rec record, _ zoneFake) {
		rec.Domain = "home.example.net"
		err := w.txt(t, rec).AddTXT(t.Context(), "_acme-challenge.home.example.net", valueA)
		kind := provider.Failed
		if rec.Provider == "porkbun" {
			kind = provider.Doubtful
		}
		wantFault(t, err, kind, rec.Token.Reveal())
	})
}

func TestNetcupTXTLogsOutAndHidesItsSession(t *testing.T) {
	w := newWeb(t)
	rec, _ := w.account("netcup")
	w.netcup.MisbehaveWhen(changesRecord("netcup"), ddnstest.Answer(200,
		fmt.Sprintf(`{"action":"updateDnsRecords","status":"error","statuscode":4001,"shortmessage":"Session","longmessage":"%s expired"}`, ddnstest.NetcupSession)))
	wantFault(t, w.txt(t, rec).AddTXT(t.Context(), challenge, valueA), provider.Failed, ddnstest.NetcupSession)
	if w.netcup.LoggedIn() {
		t.Error("the session was left open")
	}
	rec.Token = secret.New("not-the-password-of-this-account")
	wantFault(t, w.txt(t, rec).AddTXT(t.Context(), challenge, valueA), provider.Doubtful, rec.Token.Reveal())
}

// One record serves every name of the account's domain; the addresses stay.
func TestDuckDNSTXT(t *testing.T) {
	w := newWeb(t)
	w.duck.Set("myhome", addrA)
	rec := duckRecord()
	rec.Domain = "mqtt." + name
	p := w.txt(t, rec)
	if !p.SingleTXT() || p.TXTZone() != name {
		t.Errorf("single is %v, the zone is %s", p.SingleTXT(), p.TXTZone())
	}
	for _, c := range [][2]string{{"_acme-challenge." + name, valueA}, {"_acme-challenge.mqtt." + name, valueB}} {
		if err := p.AddTXT(t.Context(), c[0], c[1]); err != nil || w.duck.TXT("myhome") != c[1] {
			t.Errorf("error is %v, the record is %q", err, w.duck.TXT("myhome"))
		}
	}
	for range 2 {
		if err := p.RemoveTXT(t.Context(), "_acme-challenge."+name, valueB); err != nil || w.duck.TXT("myhome") != "" {
			t.Errorf("error is %v, the record is %q", err, w.duck.TXT("myhome"))
		}
	}
	if w.duck.Addr("myhome") != addrA {
		t.Errorf("the address is %s", w.duck.Addr("myhome"))
	}
}

func TestDuckDNSTXTAnswers(t *testing.T) {
	for what, c := range map[string]struct {
		answer http.HandlerFunc
		kind   provider.FaultKind
	}{
		"KO":            {ddnstest.Answer(200, "KO"), provider.Doubtful},
		"500 with OK":   {ddnstest.Answer(500, "OK"), provider.Unclear},
		"429":           {ddnstest.Answer(429, "", "Retry-After", "120"), provider.Limited},
		"page with 200": {ddnstest.Echo(200), provider.Unclear},
		"too large":     {ddnstest.Answer(200, strings.Repeat("x", 70<<10)), provider.Unclear},
		"redirect":      {ddnstest.Redirect("https://elsewhere.example/"), provider.Failed},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWeb(t)
			w.duck.Misbehave(c.answer)
			p := w.txt(t, duckRecord())
			wantFault(t, p.AddTXT(t.Context(), "_acme-challenge."+name, valueA), c.kind, token)
			wantFault(t, p.RemoveTXT(t.Context(), "_acme-challenge."+name, valueA), c.kind, token)
		})
	}
	w := newWeb(t)
	rec := duckRecord()
	rec.Token = secret.New("short-token")
	wantFault(t, w.txt(t, rec).AddTXT(t.Context(), "_acme-challenge."+name, valueA), provider.Final, "short-token")
}

// Who keeps addresses only says so, and who else does not. Kinds say the same.
func TestTXTByKind(t *testing.T) {
	w := newWeb(t)
	for _, k := range provider.Kinds() {
		if k.Word == "rfc2136" {
			continue // see TestRFC2136TXT
		}
		rec, _ := w.account(k.Word)
		_, err := provider.NewTXT(provider.Config{Dial: noDial}, rec.Domain, rec.Account)
		if k.TXT {
			if err != nil {
				t.Errorf("%s: %v", k.Word, err)
			}
			continue
		}
		if f := wantFault(t, err, provider.Final, apiToken); !contains(f.Text, k.Word, "addresses only") ||
			!contains(f.Action, "cloudflare, duckdns, rfc2136, desec, porkbun, ovh, netcup, ionos") {
			t.Errorf("fault is %+v", f)
		}
	}
}
