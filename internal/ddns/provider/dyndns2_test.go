package provider_test

// The dyndns2 client by the letter of the return codes, on the real wire.

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

func TestDynSetsOneFamily(t *testing.T) {
	for word := range dynHosts {
		t.Run(word, func(t *testing.T) {
			kind, _ := provider.KindOf(word)
			w := newWeb(t)
			rec, _ := w.account(word)
			fake := w.dyn[word]
			fake.Set(dynName, addrB)
			if !kind.OneFamily {
				fake.Set(dynName, addr7)
			}
			shown, err := w.set(t, rec, addrA)
			v4, v6 := fake.Addrs(dynName)
			if err != nil || shown != addrA || v4 != addrA || !kind.OneFamily && v6 != addr7 {
				t.Fatalf("Set = %v, %v; the records are %v and %v", shown, err, v4, v6)
			}
			r := fake.Requests()[0]
			q, err := url.ParseQuery(r.Query)
			if err != nil || r.Method != http.MethodGet || r.Path != "/nic/update" || q.Get("hostname") != dynName || q.Get("myip") != addrA.String() {
				t.Errorf("the request is %+v, %v", r, err)
			}
			if contains(r.Query, "sk1") || !strings.HasPrefix(r.Header.Get("User-Agent"), "edgeguard/1.2.3 (") {
				t.Errorf("the query is %s, the agent %q", r.Query, r.Header.Get("User-Agent"))
			}
			shown, err = w.set(t, rec, addr6)
			v4, v6 = fake.Addrs(dynName)
			if !kind.AAAA {
				wantFault(t, err, provider.Final, apiToken)
				return
			}
			if err != nil || shown != addr6 || v6 != addr6 || !kind.OneFamily && v4 != addrA {
				t.Errorf("Set = %v, %v; the records are %v and %v", shown, err, v4, v6)
			}
			if f := wantFault(t, w.del(t, rec, addrA), provider.Final, apiToken); f.Action == "" {
				t.Error("no action")
			}
		})
	}
}

func TestDynServers(t *testing.T) {
	for server, path := range map[string]string{
		"ddns.example.com":                      "/nic/update",
		"https://ddns.example.com/":             "/nic/update",
		"ddns.example.com/v2/up?system=dyndns":  "/v2/up",
		"https://ddns.example.com/other/update": "/other/update",
	} {
		w := newWeb(t)
		rec, _ := w.account("dyndns2")
		rec.Server = server
		w.dyn["dyndns2"].Misbehave(ddnstest.Answer(200, "good"))
		if _, err := w.set(t, rec, addrA); err != nil {
			t.Errorf("%s: %v", server, err)
		}
		got := w.dyn["dyndns2"].Requests()
		if len(got) != 1 || got[0].Path != path || contains(server, "system") && !contains(got[0].Query, "system=dyndns", "hostname=") {
			t.Errorf("%s: the requests are %+v", server, got)
		}
	}
}

func TestDynAnswers(t *testing.T) {
	const half = 30 * time.Minute
	type want struct {
		status int
		body   string
		kind   provider.FaultKind
		wait   time.Duration
		ok     bool
		shown  netip.Addr
	}
	cases := map[string]want{
		"good":                   {200, "good 11.22.33.44", 0, 0, true, addrA},
		"good with CRLF":         {200, "good 11.22.33.44\r\n", 0, 0, true, addrA},
		"good in capitals":       {200, " GOOD\t11.22.33.44\n\n", 0, 0, true, addrA},
		"good alone":             {200, "good", 0, 0, true, netip.Addr{}},
		"good with BOM":          {200, "\ufeffgood 11.22.33.44", 0, 0, true, addrA},
		"both families":          {200, "good 2001:db8::1,11.22.33.44", 0, 0, true, addrA},
		"both with a blank":      {200, "good 2001:db8::1 11.22.33.44 more text", 0, 0, true, addrA},
		"only the other family":  {200, "good 2001:db8::1", 0, 0, true, netip.Addr{}},
		"another address":        {200, "nochg 11.22.33.55", 0, 0, true, addrB},
		"nochg":                  {200, "nochg 11.22.33.44", 0, 0, true, addrA},
		"ignored":                {200, "good 127.0.0.1", provider.Final, 0, false, netip.Addr{}},
		"ignored with a comma":   {200, "good 127.0.0.1,::1", provider.Final, 0, false, netip.Addr{}},
		"two lines, one bad":     {200, "good 11.22.33.44\nabuse\n", provider.Final, 0, false, netip.Addr{}},
		"bad with 401":           {401, "badauth", provider.Final, 0, false, netip.Addr{}},
		"bad in capitals":        {200, "BadAuth\r\n", provider.Final, 0, false, netip.Addr{}},
		"bad with text":          {403, "nohost no such host here", provider.Final, 0, false, netip.Addr{}},
		"911 with 500":           {500, "911", provider.Failed, half, false, netip.Addr{}},
		"dnserr":                 {200, "dnserr", provider.Failed, half, false, netip.Addr{}},
		"interval":               {200, "interval", provider.Limited, 5 * time.Minute, false, netip.Addr{}},
		"good with 500":          {500, "good 11.22.33.44", provider.Unclear, 0, false, netip.Addr{}},
		"unknown word":           {200, "maybe", provider.Unclear, 0, false, netip.Addr{}},
		"page with good in it":   {200, "<html>good 11.22.33.44</html>", provider.Unclear, 0, false, netip.Addr{}},
		"page with badauth":      {200, "<html>\nbadauth\n</html>", provider.Unclear, 0, false, netip.Addr{}},
		"word that begins alike": {200, "goodbye", provider.Unclear, 0, false, netip.Addr{}},
	}
	for _, code := range []string{"badauth", "badagent", "notfqdn", "nohost", "abuse", "badsys", "!donator", "!yours", "numhost"} {
		cases[code] = want{200, code, provider.Final, 0, false, netip.Addr{}}
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			w := newWeb(t)
			rec, f := w.account("dyndns2")
			f.Misbehave(ddnstest.Answer(c.status, c.body))
			shown, err := w.set(t, rec, addrA)
			if (err == nil) != c.ok || shown != c.shown {
				t.Fatalf("Set = %v, %v", shown, err)
			}
			if err != nil {
				got := wantFault(t, err, c.kind, apiToken)
				if got.Wait != c.wait || c.kind == provider.Final && got.Action == "" {
					t.Errorf("fault is %+v", got)
				}
			}
			if n := len(f.Requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

// A hint to who reads the fakes: a client that repeats what is unchanged is
// blocked.
func TestDynServiceBlocksWhoRepeats(t *testing.T) {
	w := newWeb(t)
	rec, _ := w.account("noip")
	var last error
	for i := range 4 {
		if _, last = w.set(t, rec, addrA); last != nil && i < 3 {
			t.Fatal(last)
		}
	}
	if f := wantFault(t, last, provider.Final, apiToken); !contains(f.Text, "abuse") {
		t.Errorf("fault is %v", f)
	}
}

func FuzzDynAnswer(f *testing.F) {
	for _, seed := range []string{"good 1.2.3.4", "nochg 1.2.3.4,::1\r\n", "badauth", "911", "<html>", "good 127.0.0.1", "good fe80::1%eth0", "\ufeffgood", "\n\n good"} {
		f.Add(200, seed)
		f.Add(500, seed)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		shown, err := provider.DynAnswer(&http.Response{StatusCode: status, Header: http.Header{}}, []byte(body), "ddns.example.com", addrA)
		if err == nil {
			word := strings.ToLower(strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(body), "\ufeff"), " \t\r\n"))
			if status != http.StatusOK || !strings.HasPrefix(word, "good") && !strings.HasPrefix(word, "nochg") || shown.IsLoopback() || shown.Zone() != "" {
				t.Errorf("%d %q is a success with %v", status, body, shown)
			}
			return
		}
		if f, ok := err.(*provider.Fault); !ok || f.Text == "" || f.Wait < 0 || f.Wait > provider.MaxRetryAfter {
			t.Errorf("%d %q is %#v", status, body, err)
		} else if got := fmt.Sprint(f); got != f.Text {
			t.Errorf("the error reads %q", got)
		}
	})
}
