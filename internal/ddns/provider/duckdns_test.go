package provider_test

// The DuckDNS adaptor on the real wire.

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/secret"
)

func TestDuckDNSSetsTheRecord(t *testing.T) {
	w := newWeb(t)
	changes := map[string]netip.Addr{}
	w.duck.OnChange(func(domain string, addr netip.Addr) { changes[domain] = addr })
	shown, err := w.set(t, duckRecord(), netip.MustParseAddr("::ffff:11.22.33.44"))
	if err != nil || shown != addrA || w.duck.Addr("myhome") != addrA || changes[name] != addrA {
		t.Fatalf("Set = %v, %v; the record is %v, the observer saw %v", shown, err, w.duck.Addr("myhome"), changes)
	}
	q, err := url.ParseQuery(w.duck.Requests()[0].Query)
	if err != nil || q.Get("domains") != name || q.Get("ip") != addrA.String() || q.Has("ipv6") || q.Has("clear") {
		t.Errorf("the query is %v, %v", q, err)
	}
	// A second time there is nothing to change, and that is a success too.
	if shown, err := w.set(t, duckRecord(), addrA); err != nil || shown != addrA {
		t.Errorf("Set = %v, %v", shown, err)
	}
}

func TestDuckDNSDeeperNamesSetTheirParent(t *testing.T) {
	w := newWeb(t)
	rec := duckRecord()
	rec.Domain = "mqtt." + name
	if _, err := w.set(t, rec, addrA); err != nil || w.duck.Addr("myhome") != addrA {
		t.Errorf("error is %v, the record is %v", err, w.duck.Addr("myhome"))
	}
}

func TestDuckDNSAnswers(t *testing.T) {
	big := strings.Repeat("x", 70<<10)
	for what, c := range map[string]struct {
		answer http.HandlerFunc
		kind   provider.FaultKind
		ok     bool
		shown  netip.Addr
	}{
		"OK with CRLF":      {answer: ddnstest.Answer(200, "OK\r\n"), ok: true},
		"verbose with CRLF": {answer: ddnstest.Answer(200, "OK\r\n11.22.33.44\r\n\r\nUPDATED\r\n"), ok: true, shown: addrA},
		"echo of another":   {answer: ddnstest.Answer(200, "OK\n11.22.33.55\n\nNOCHANGE"), ok: true, shown: addrB},
		"blank address":     {answer: ddnstest.Answer(200, "OK\n\n\nUPDATED"), ok: true},
		"no address":        {answer: ddnstest.Answer(200, "OK\nhello"), kind: provider.Unclear},
		"KO":                {answer: ddnstest.Answer(200, "KO"), kind: provider.Doubtful},
		"KO with CRLF":      {answer: ddnstest.Answer(200, "KO\r\n"), kind: provider.Doubtful},
		"500 with OK":       {answer: ddnstest.Answer(500, "OK"), kind: provider.Unclear},
		"404 page":          {answer: ddnstest.Echo(404), kind: provider.Failed},
		"403 page":          {answer: ddnstest.Echo(403), kind: provider.Doubtful},
		"429":               {answer: ddnstest.Answer(429, "", "Retry-After", "120"), kind: provider.Limited},
		"page with 200":     {answer: ddnstest.Echo(200), kind: provider.Unclear},
		"empty":             {answer: ddnstest.Answer(200, ""), kind: provider.Unclear},
		"too large":         {answer: ddnstest.Answer(200, big), kind: provider.Unclear},
		"redirect":          {answer: ddnstest.Redirect("https://elsewhere.example/"), kind: provider.Failed},
		"redirect to itself": {answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) },
			kind: provider.Failed},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWeb(t)
			w.duck.Misbehave(c.answer)
			shown, err := w.set(t, duckRecord(), addrA)
			if (err == nil) != c.ok || shown != c.shown {
				t.Fatalf("Set = %v, %v", shown, err)
			}
			if err != nil {
				wantFault(t, err, c.kind, token)
			}
			if n := len(w.duck.Requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestDuckDNSTokenOfAnotherLengthIsNotSent(t *testing.T) {
	w := newWeb(t)
	rec := duckRecord()
	rec.Token = secret.New("short-token")
	_, err := w.set(t, rec, addrA)
	wantFault(t, err, provider.Final, "short-token")
	if n := len(w.duck.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestDuckDNSTimesOut(t *testing.T) {
	w := newWeb(t)
	w.timeout = 300 * time.Millisecond
	w.duck.Misbehave(ddnstest.Hang)
	_, err := w.set(t, duckRecord(), addrA)
	wantFault(t, err, provider.Unclear, token)
}

// Whoever else uses http.DefaultClient gets what he would have got.
func TestDefaultClientStillServesOthers(t *testing.T) {
	newProviderMade(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/from" {
			http.Redirect(w, r, "/to", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte("here"))
	}))
	defer s.Close()
	resp, err := http.Get(s.URL + "/from")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Request.URL.Path != "/to" {
		t.Errorf("got %d from %s", resp.StatusCode, resp.Request.URL)
	}
	http.DefaultClient.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestNoTokenLeavesOnceDefaultClientIsReplaced(t *testing.T) {
	w := newWeb(t)
	newProviderMade(t)
	ours := http.DefaultClient
	defer func() { http.DefaultClient = ours }()
	http.DefaultClient = &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("a request went through a foreign client")
		return nil, errDown
	})}
	_, err := w.set(t, duckRecord(), addrA)
	wantFault(t, err, provider.Failed, token)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// newProviderMade makes sure that the default client has been taken over.
func newProviderMade(t *testing.T) {
	t.Helper()
	if _, err := provider.New(provider.Config{Dial: noDial}, name, duckRecord().Account); err != nil {
		t.Fatal(err)
	}
}
