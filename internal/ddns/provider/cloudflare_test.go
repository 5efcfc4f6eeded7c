package provider_test

// The Cloudflare adaptor on the real wire.

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/secret"
)

func TestCloudflareKeepsTTLAndProxySwitch(t *testing.T) {
	w := newWeb(t)
	w.cf.Put(ddnstest.Record{Type: "A", Name: "mqtt.example.org", Content: addrB.String(), TTL: 300, Proxied: true})
	w.cf.Put(ddnstest.Record{Type: "AAAA", Name: "mqtt.example.org", Content: "2001:db8::1", TTL: 300})
	shown, err := w.set(t, cfRecord("mqtt.example.org"), netip.MustParseAddr("::ffff:11.22.33.44"))
	if err != nil || shown != addrA {
		t.Fatalf("Set = %v, %v", shown, err)
	}
	got := w.cf.Records("mqtt.example.org", "A")
	if len(got) != 1 || got[0].Content != addrA.String() || got[0].TTL != 300 || !got[0].Proxied {
		t.Errorf("the record is %+v", got)
	}
	if six := w.cf.Records("mqtt.example.org", "AAAA"); len(six) != 1 || six[0].Content != "2001:db8::1" {
		t.Errorf("the AAAA record is %+v", six)
	}
	if last := w.cf.Requests()[2]; last.Method != http.MethodPatch || contains(last.Body, "ttl") || contains(last.Body, "proxied") {
		t.Errorf("the change is %+v", last)
	}
}

func TestCloudflareCreatesWithAutomaticTTL(t *testing.T) {
	for domain, zone := range map[string]string{"mqtt.example.org": "", "example.org": "", "a.b.example.co.uk": "example.co.uk."} {
		w := newWeb(t)
		rec := cfRecord(domain)
		rec.Zone = zone
		shown, err := w.set(t, rec, addrA)
		if err != nil || shown != addrA {
			t.Fatalf("%s: Set = %v, %v", domain, shown, err)
		}
		got := w.cf.Records(domain, "A")
		if len(got) != 1 || got[0].Content != addrA.String() || got[0].TTL != 1 || got[0].Proxied {
			t.Errorf("the record is %+v", got)
		}
		reqs := w.cf.Requests()
		if last := reqs[len(reqs)-1]; last.Method != http.MethodPost || !contains(last.Body, `"ttl":1`) {
			t.Errorf("the change is %+v", last)
		}
	}
}

func TestCloudflareSeveralRecords(t *testing.T) {
	w := newWeb(t)
	w.cf.Put(ddnstest.Record{Type: "A", Name: "mqtt.example.org", Content: "11.0.0.1"})
	w.cf.Put(ddnstest.Record{Type: "A", Name: "mqtt.example.org", Content: "11.0.0.2"})
	_, err := w.set(t, cfRecord("mqtt.example.org"), addrA)
	if f := wantFault(t, err, provider.Failed, cfToken); !contains(f.Text, "2 A records") || !contains(f.Action, "Delete") {
		t.Errorf("fault is %+v", f)
	}
}

func TestCloudflareTokens(t *testing.T) {
	for what, bad := range map[string]string{"malformed": "abc-def", "invalid": "Aa3vQ9xW7yLr2TnB5hGm8sPd1cFj4uEa0oXi6tRb"} {
		t.Run(what, func(t *testing.T) {
			w := newWeb(t)
			rec := cfRecord("mqtt.example.org")
			rec.Token = secret.New(bad)
			_, err := w.set(t, rec, addrA)
			if f := wantFault(t, err, provider.Final, bad); f.Action == "" {
				t.Error("no action")
			}
		})
	}
	t.Run("another zone", func(t *testing.T) {
		w := newWeb(t)
		_, err := w.set(t, cfRecord("mqtt.example.net"), addrA)
		wantFault(t, err, provider.Failed, cfToken)
	})
}

func TestCloudflareAnswers(t *testing.T) {
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for what, c := range map[string]struct {
		answer http.HandlerFunc
		kind   provider.FaultKind
		wait   time.Duration
	}{
		"200 without success":  {answer: ddnstest.Answer(200, `{"success":false,"errors":[],"result":null}`), kind: provider.Failed},
		"200 with errors":      {answer: ddnstest.Answer(200, `{"success":true,"errors":[{"code":1,"message":"x"}],"result":null}`), kind: provider.Failed},
		"200 without envelope": {answer: ddnstest.Answer(200, `{}`), kind: provider.Failed},
		"page with 200":        {answer: ddnstest.Echo(200), kind: provider.Failed},
		"page with 502":        {answer: ddnstest.Echo(502), kind: provider.Failed},
		"page with 403":        {answer: ddnstest.Echo(403), kind: provider.Doubtful},
		"API 403":              {answer: ddnstest.Answer(403, `{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}`), kind: provider.Final},
		"429":                  {answer: ddnstest.Answer(429, `{"success":false,"errors":[{"code":971,"message":"slow down"}]}`, "Retry-After", "77"), kind: provider.Limited, wait: 77 * time.Second},
		"429 with a date":      {answer: ddnstest.Answer(429, "", "Retry-After", date), kind: provider.Limited, wait: time.Hour},
		"429 for ever":         {answer: ddnstest.Answer(429, "", "Retry-After", "2000000000"), kind: provider.Limited, wait: 24 * time.Hour},
		"redirect":             {answer: ddnstest.Redirect("https://elsewhere.example/"), kind: provider.Failed},
		"too large":            {answer: ddnstest.Answer(200, strings.Repeat(" ", 2<<20)), kind: provider.Failed},
		"empty":                {answer: ddnstest.Answer(200, ""), kind: provider.Failed},
		"result of no list":    {answer: ddnstest.Answer(200, `{"success":true,"result":"what"}`), kind: provider.Failed},
		"control characters":   {answer: ddnstest.Answer(400, `{"success":false,"errors":[{"code":1,"message":"a\u001b[31m\r\nb"}]}`), kind: provider.Failed},
		"token in a message":   {answer: ddnstest.Answer(400, `{"success":false,"errors":[{"code":1,"message":"`+strings.Repeat("x", 160)+cfToken+`"}]}`), kind: provider.Failed},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWeb(t)
			w.cf.Misbehave(c.answer)
			_, err := w.set(t, cfRecord("mqtt.example.org"), addrA)
			f := wantFault(t, err, c.kind, cfToken)
			if f.Wait < c.wait-2*time.Minute || f.Wait > c.wait {
				t.Errorf("wait is %v, want %v", f.Wait, c.wait)
			}
			if n := len(w.cf.Requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

// What goes wrong once the change has been sent leaves its outcome open.
func TestCloudflareAnswersToTheChange(t *testing.T) {
	for what, c := range map[string]struct {
		answer http.HandlerFunc
		kind   provider.FaultKind
		shown  netip.Addr
	}{
		"page with 502":  {answer: ddnstest.Echo(502), kind: provider.Unclear},
		"page with 200":  {answer: ddnstest.Echo(200), kind: provider.Unclear},
		"not successful": {answer: ddnstest.Answer(200, `{"success":false,"errors":[]}`), kind: provider.Failed},
		"empty record":   {answer: ddnstest.Answer(200, `{"success":true,"result":{}}`), kind: provider.Unclear},
		"null record":    {answer: ddnstest.Answer(200, `{"success":true,"result":null}`), kind: provider.Unclear},
		"list":           {answer: ddnstest.Answer(200, `{"success":true,"result":[]}`), kind: provider.Unclear},
		"other name":     {answer: ddnstest.Answer(200, `{"success":true,"result":{"type":"A","name":"x.example.org","content":"11.22.33.44"}}`), kind: provider.Unclear},
		"other address":  {answer: ddnstest.Answer(200, `{"success":true,"result":{"type":"A","name":"mqtt.example.org","content":"11.22.33.55"}}`), shown: addrB},
		"TTL range":      {answer: ddnstest.Answer(400, `{"success":false,"errors":[{"code":9021,"message":"Invalid TTL"}]}`), kind: provider.Failed},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWeb(t)
			w.cf.Put(ddnstest.Record{Type: "A", Name: "mqtt.example.org", Content: addrB.String(), TTL: 300})
			shim := ddnstest.NewCloudflare(cfToken, "example.org")
			shim.Put(w.cf.Records("mqtt.example.org", "A")[0])
			w.cf.Misbehave(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPatch {
					c.answer(rw, r)
					return
				}
				shim.ServeHTTP(rw, r)
			})
			shown, err := w.set(t, cfRecord("mqtt.example.org"), addrA)
			if c.shown.IsValid() {
				if err != nil || shown != c.shown {
					t.Errorf("Set = %v, %v; want the address that the API shows", shown, err)
				}
				return
			}
			wantFault(t, err, c.kind, cfToken)
		})
	}
}
