package provider_test

// What holds for every provider over HTTPS, whatever it answers: the kind of
// the fault, and that no secret is in it.

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// loud answers with everything that a careless server might print: the whole
// request, in the forms that the APIs have for their words.
func loud(status int, form string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		text := strings.Join([]string{r.URL.String(), r.Header.Get("Authorization"), r.Header.Get("X-API-Key"), r.Header.Get("X-Ovh-Consumer"),
			user, password, apiToken, apiKey, cfToken, token}, " ")
		ddnstest.Answer(status, strings.ReplaceAll(form, "%", strings.ReplaceAll(text, `"`, `'`)))(w, r)
	}
}

func TestNoSecretInAnyErrorOfAnyProvider(t *testing.T) {
	forms := []string{
		`%`, `<html>%</html>`, "% %\r\n%", `"%"`, `{"detail":"%"}`, `{"status":"ERROR","message":"%"}`, `{"message":"%","errorCode":"%"}`,
		`[{"code":"%","message":"%"}]`, `{"success":false,"errors":[{"code":1,"message":"%","error_chain":[{"code":2,"message":"%"}]}]}`,
		`{"action":"%","status":"error","statuscode":1,"shortmessage":"%","longmessage":"%"}`, "good %", "badauth %", "OK\n%\n%",
	}
	for _, word := range httpWords() {
		t.Run(word, func(t *testing.T) {
			w := newWeb(t)
			rec, f := w.account(word)
			for _, form := range forms {
				for _, status := range []int{200, 401, 500} {
					f.Misbehave(loud(status, form))
					_, err := w.set(t, rec, addrA)
					for _, err := range []error{err, w.del(t, rec, addrA)} {
						if err == nil {
							continue // a success that shows nothing
						}
						var kind provider.FaultKind
						if f, ok := err.(*provider.Fault); ok {
							kind = f.Kind
						}
						for _, hidden := range rec.Secrets() {
							wantFault(t, err, kind, hidden.Reveal())
						}
						wantHidden(t, err.Error(), rec.User+":"+rec.Token.Reveal())
					}
				}
			}
		})
	}
}

func TestAnswersOfEveryProvider(t *testing.T) {
	for what, c := range map[string]struct {
		answer http.HandlerFunc
		kind   provider.FaultKind
		write  provider.FaultKind // where the first request is the change already
		wait   time.Duration
	}{
		"page with 200":   {answer: ddnstest.Echo(200), kind: provider.Failed, write: provider.Unclear},
		"page with 404":   {answer: ddnstest.Echo(404), kind: provider.Failed, write: provider.Failed},
		"page with 401":   {answer: ddnstest.Echo(401), kind: provider.Doubtful, write: provider.Doubtful},
		"page with 403":   {answer: ddnstest.Echo(403), kind: provider.Doubtful, write: provider.Doubtful},
		"page with 502":   {answer: ddnstest.Echo(502), kind: provider.Failed, write: provider.Unclear},
		"429 with a wait": {answer: ddnstest.Answer(429, "", "Retry-After", "77"), kind: provider.Limited, write: provider.Limited, wait: 77 * time.Second},
		"429 for ever":    {answer: ddnstest.Answer(429, `{"detail":"throttled"}`, "Retry-After", "2000000000"), kind: provider.Limited, write: provider.Limited, wait: provider.MaxRetryAfter},
		"503 with a wait": {answer: ddnstest.Answer(503, "", "Retry-After", "90"), kind: provider.Failed, write: provider.Unclear, wait: 90 * time.Second},
		"redirect":        {answer: ddnstest.Redirect("https://elsewhere.example/"), kind: provider.Failed, write: provider.Failed},
		"redirect home": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.String(), http.StatusTemporaryRedirect)
		}, kind: provider.Failed, write: provider.Failed},
		"too large":  {answer: ddnstest.Answer(200, strings.Repeat(" ", 2<<20)), kind: provider.Failed, write: provider.Unclear},
		"empty":      {answer: ddnstest.Answer(200, ""), kind: provider.Failed, write: provider.Unclear},
		"JSON null":  {answer: ddnstest.Answer(200, "null"), kind: provider.Failed, write: provider.Unclear},
		"other JSON": {answer: ddnstest.Answer(200, `"what"`), kind: provider.Failed, write: provider.Unclear},
	} {
		t.Run(what, func(t *testing.T) {
			for _, word := range httpWords() {
				t.Run(word, func(t *testing.T) {
					w := newWeb(t)
					rec, f := w.account(word)
					f.Misbehave(c.answer)
					_, err := w.set(t, rec, addrA)
					kind := c.kind
					if strings.HasPrefix(word, "d") && word != "desec" || slices.Contains([]string{"he", "noip", "strato", "inwx"}, word) {
						kind = c.write
					}
					if word == "ionos" && strings.Contains(what, "null") {
						kind = provider.Failed
					}
					if got := wantFault(t, err, kind, rec.Token.Reveal()); got.Wait != c.wait {
						t.Errorf("wait is %v, want %v", got.Wait, c.wait)
					}
					n := len(f.Requests())
					if n > 2 || n > 1 && what != "JSON null" {
						t.Errorf("%d requests, want 1", n)
					}
				})
			}
		})
	}
}

// A provider that takes the request and stays silent, one that hangs up, and a
// line that is down.
func TestSilenceOfEveryProvider(t *testing.T) {
	for _, word := range httpWords() {
		t.Run(word, func(t *testing.T) {
			w := newWeb(t)
			rec, f := w.account(word)
			f.Misbehave(func(rw http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
			if _, err := w.set(t, rec, addrA); err == nil {
				t.Error("no error")
			}
			w.timeout = 200 * time.Millisecond
			f.Misbehave(ddnstest.Hang)
			_, err := w.set(t, rec, addrA)
			if err == nil || !contains(err.Error(), "in time") {
				t.Errorf("error is %v", err)
			}
			p, err := provider.New(provider.Config{Dial: noDial}, rec.Domain, rec.Account)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Set(t.Context(), rec.Domain, addrA)
			wantFault(t, err, provider.Failed, rec.Token.Reveal())
		})
	}
}

// No proxy of the environment is used: it would see secrets.
func TestNoProviderUsesTheEnvironmentsProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy was used") }))
	defer proxy.Close()
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("OVH_ENDPOINT", proxy.URL)
	for _, word := range httpWords() {
		w := newWeb(t)
		rec, _ := w.account(word)
		if _, err := w.set(t, rec, addrA); err != nil {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestWrongSecretsOfEveryProvider(t *testing.T) {
	const bad = "sk9.Yy8Xx7Ww6Vv5Uu4Tt3Ss2Rr1Qq0Pp/OoNn+=="
	for _, word := range httpWords() {
		t.Run(word, func(t *testing.T) {
			w := newWeb(t)
			rec, _ := w.account(word)
			rec.Token = secret.New(bad)
			kind := provider.Final
			switch word {
			case "duckdns": // KO may also mean the name
				rec.Token, kind = secret.New(strings.Repeat("b7", 18)), provider.Doubtful
			case "netcup": // says the same of too many requests
				kind = provider.Doubtful
			}
			_, err := w.set(t, rec, addrA)
			if f := wantFault(t, err, kind, rec.Token.Reveal()); f.Action == "" {
				t.Errorf("no action: %+v", f)
			}
		})
	}
}

func TestDuckDNSKeepsTheFamiliesApart(t *testing.T) {
	w := newWeb(t)
	w.duck.Set("myhome", addrB)
	w.duck.Set6("myhome", addr7)
	if shown, err := w.set(t, duckRecord(), addrA); err != nil || shown != addrA || w.duck.Addr6("myhome") != addr7 {
		t.Errorf("Set = %v, %v; AAAA is %v", shown, err, w.duck.Addr6("myhome"))
	}
	if shown, err := w.set(t, duckRecord(), addr6); err != nil || shown != addr6 || w.duck.Addr("myhome") != addrA || w.duck.Addr6("myhome") != addr6 {
		t.Errorf("Set = %v, %v; A is %v, AAAA %v", shown, err, w.duck.Addr("myhome"), w.duck.Addr6("myhome"))
	}
	for _, r := range w.duck.Requests() {
		if contains(r.Query, "clear") {
			t.Errorf("the query is %s", r.Query)
		}
	}
	before := len(w.duck.Requests())
	if f := wantFault(t, w.del(t, duckRecord(), addrA), provider.Final, token); f.Action == "" {
		t.Error("no action")
	}
	if len(w.duck.Requests()) != before {
		t.Error("deleting sent a request")
	}
	w.duck.Misbehave(ddnstest.Answer(200, "OK\n11.22.33.44\n2001:db8:2::7\nNOCHANGE"))
	if shown, err := w.set(t, duckRecord(), addr6); err != nil || shown != addr7 {
		t.Errorf("Set = %v, %v; want the address that it shows", shown, err)
	}
	w.duck.Misbehave(ddnstest.Answer(200, "OK\n11.22.33.44\n11.22.33.44\nNOCHANGE"))
	_, err := w.set(t, duckRecord(), addr6)
	wantFault(t, err, provider.Unclear, token)
}

func TestNewRefusesHalfAccounts(t *testing.T) {
	whole := provider.Account{Server: "ns.example.org", User: "key", Token: secret.New("c2VjcmV0"), Key: secret.New("key")}
	for _, k := range provider.Kinds() {
		domain := "home.example.org"
		if k.Suffix != "" {
			domain = "home" + k.Suffix
		}
		a := whole
		a.Provider = k.Word
		if k.Word == "ovh" {
			a.Server = ""
		}
		cfg := provider.Config{Dial: noDial}
		if _, err := provider.New(cfg, domain, a); err != nil {
			t.Errorf("%s: %v", k.Word, err)
		}
		for part, cut := range map[string]func(*provider.Account){
			"token":  func(a *provider.Account) { a.Token = secret.Value{} },
			"server": func(a *provider.Account) { a.Server = "" },
			"user":   func(a *provider.Account) { a.User = "" },
			"key":    func(a *provider.Account) { a.Key = secret.Value{} },
		} {
			need := map[string]provider.Need{"token": provider.Must, "server": k.Server, "user": k.User, "key": k.Key}[part]
			is := map[string]string{"token": k.TokenIs, "server": k.ServerIs, "user": k.UserIs, "key": k.KeyIs}[part]
			if (need == provider.Not) != (is == "") {
				t.Errorf("%s: the %s is needed %d and called %q", k.Word, part, need, is)
			}
			half := a
			cut(&half)
			if _, err := provider.New(cfg, domain, half); (err != nil) != (need == provider.Must) {
				t.Errorf("%s without %s: %v", k.Word, part, err)
			}
		}
		if _, err := provider.New(cfg, "*."+domain, a); (err == nil) != k.Wildcard {
			t.Errorf("%s with a wildcard: %v", k.Word, err)
		}
	}
	for what, a := range map[string]provider.Account{
		"no such provider": {Provider: "nobody", Token: whole.Token},
		"http":             {Provider: "dyndns2", Token: whole.Token, User: "u", Server: "http://ddns.example.com/nic/update"},
		"secret in URL":    {Provider: "dyndns2", Token: whole.Token, User: "u", Server: "https://u:" + apiToken + "@ddns.example.com/"},
		"no host":          {Provider: "dyndns2", Token: whole.Token, User: "u", Server: "https:///nic"},
		"colon":            {Provider: "dyndns2", Token: whole.Token, User: "u:v", Server: "ddns.example.com"},
		"endpoint":         {Provider: "ovh", Token: whole.Token, User: "u", Key: whole.Key, Server: "ovh-mars"},
		"algorithm":        {Provider: "rfc2136", Token: whole.Token, User: "u", Server: "ns", Algorithm: "hmac-md5"},
		"base64":           {Provider: "rfc2136", Token: secret.New(apiToken), User: "u", Server: "ns"},
		"server":           {Provider: "rfc2136", Token: whole.Token, User: "u", Server: ":53"},
		"another zone":     {Provider: "desec", Token: whole.Token, Zone: "example.net"},
	} {
		_, err := provider.New(provider.Config{Dial: noDial}, "home.example.org", a)
		if err == nil {
			t.Errorf("%s: no error", what)
			continue
		}
		wantHidden(t, err.Error(), apiToken)
	}
	if _, ok := provider.KindOf("nobody"); ok {
		t.Error("KindOf knows nobody")
	}
}
