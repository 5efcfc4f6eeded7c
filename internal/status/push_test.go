package status_test

// The push, over a real socket as a router does it, and its limits.

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/wan"
)

const (
	pushUser     = "fritz box"
	pushPassword = "pässword of the router"
)

// pushable returns a config that takes pushes, and how many it took. The public
// address that it knows is 203.0.113.7.
func pushable() (status.ServerConfig, *atomic.Int32) {
	pushes := new(atomic.Int32)
	known := status.NewBuilder(noSecrets).Build(status.Inputs{WAN: wan.Status{
		IPv4: fact.KnownAddr(netip.MustParseAddr("203.0.113.7"), "igd", noon), Link: fact.Link{Verdict: fact.VerdictPass, Summary: "x"},
	}}, noon)
	return status.ServerConfig{
		Snapshot: func() *status.Snapshot { return known },
		PushAccess: func() (status.PushAccess, bool) {
			return status.PushAccess{User: pushUser, Password: secret.New(pushPassword), Names: []string{"home.example.org", "*.example.org"}}, true
		},
		Push: func(kind string) {
			if kind != "push" {
				panic(kind)
			}
			pushes.Add(1)
		},
	}, pushes
}

// from asks the handler as a client of the LAN.
func from(h http.Handler, peer, target string, change func(*http.Request)) (int, string, http.Header) {
	r := httptest.NewRequest("GET", target, nil)
	r.RemoteAddr, r.Host = peer, "192.168.1.2:8053"
	r.SetBasicAuth(pushUser, pushPassword)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func TestPushSpeaksDyndns2(t *testing.T) {
	for query, want := range map[string]struct {
		answer string
		pushes int32
	}{
		"?myip=203.0.113.7":                                   {"nochg 203.0.113.7", 0},
		"?myip=203.0.113.8":                                   {"good 203.0.113.8", 1},
		"?hostname=home.example.org&myip=203.0.113.8":         {"good 203.0.113.8", 1},
		"?hostname=HOME.example.org.&myip=::ffff:203.0.113.8": {"good 203.0.113.8", 1},
		"?hostname=*.example.org&myip=203.0.113.8":            {"good 203.0.113.8", 1},
		"?myip=203.0.113.8,2001:db8::1":                       {"good 203.0.113.8", 1},
		"?myip=2001:db8::1":                                   {"good 2001:db8::1", 1},
		"":                                                    {"good 203.0.113.7", 1},
		"?myip=":                                              {"good 203.0.113.7", 1},
		"?myip=<ipaddr>":                                      {"good 203.0.113.7", 1},
		"?myip=fe80::1%25eth0":                                {"good 203.0.113.7", 1},
		"?hostname=other.example.net":                         {"nohost", 0},
		"?hostname=home":                                      {"notfqdn", 0},
		"?hostname=a..b":                                      {"notfqdn", 0},
		"?hostname=home.example.org,other.example.net,x&myip=203.0.113.8": {"good 203.0.113.8\nnohost\nnotfqdn", 1},
		"?hostname=" + strings.Repeat("a.example.org,", 20) + "b":         {"numhost", 0},
		"?hostname=" + strings.Repeat("a", 5000) + ".example.org":         {"notfqdn", 0},
	} {
		cfg, pushes := pushable()
		code, body, _ := from(status.Handler(status.NewServer(cfg)), "192.168.1.1:40000", "/nic/update"+query, nil)
		if code != 200 || body != want.answer+"\n" || pushes.Load() != want.pushes {
			t.Errorf("%.60s: %d %q, %d pushes, want %+v", query, code, body, pushes.Load(), want)
		}
	}
}

func TestPushIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		peer   string
		change func(*http.Request)
		config func(*status.ServerConfig)
		code   int
		answer string
	}{
		"no password":      {change: func(r *http.Request) { r.Header.Del("Authorization") }, code: 401, answer: "badauth\n"},
		"a wrong password": {change: func(r *http.Request) { r.SetBasicAuth(pushUser, pushPassword+"x") }, code: 401, answer: "badauth\n"},
		"a wrong user":     {change: func(r *http.Request) { r.SetBasicAuth("", pushPassword) }, code: 401, answer: "badauth\n"},
		"no base64":        {change: func(r *http.Request) { r.Header.Set("Authorization", "Basic !!!") }, code: 401, answer: "badauth\n"},
		"HEAD":             {change: func(r *http.Request) { r.Method = "HEAD" }, code: 405, answer: "badagent\n"},
		"POST":             {change: func(r *http.Request) { r.Method = "POST" }, code: 405, answer: "The status"},
		"another page":     {change: func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, code: 403, answer: "badagent\n"},
		"another origin":   {change: func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }, code: 403, answer: "badagent\n"},
		"another name":     {change: func(r *http.Request) { r.Host = "evil.example" }, code: 403, answer: "This host"},
		"the internet":     {peer: "198.51.100.1:1", code: 403, answer: "The status"},
		"off":              {config: func(c *status.ServerConfig) { c.PushAccess = nil }, code: 404, answer: "Pushing is off"},
		"off now": {config: func(c *status.ServerConfig) {
			c.PushAccess = func() (status.PushAccess, bool) { return status.PushAccess{}, false }
		}, code: 404, answer: "Pushing is off"},
		"an empty password": {change: func(r *http.Request) { r.SetBasicAuth("", "") }, config: func(c *status.ServerConfig) {
			c.PushAccess = func() (status.PushAccess, bool) { return status.PushAccess{}, true }
		}, code: 404, answer: "Pushing is off"},
		"not ready":        {config: func(c *status.ServerConfig) { c.Snapshot = func() *status.Snapshot { return nil } }, code: 503, answer: "911\n"},
		"nothing is known": {config: func(c *status.ServerConfig) { c.Snapshot = func() *status.Snapshot { return new(status.Snapshot) } }, code: 200, answer: "911\n"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, pushes := pushable()
			if test.config != nil {
				test.config(&cfg)
			}
			if test.peer == "" {
				test.peer = "192.168.1.1:40000"
			}
			code, body, header := from(status.Handler(status.NewServer(cfg)), test.peer, "/nic/update", test.change)
			if code != test.code || !strings.HasPrefix(body, test.answer) {
				t.Errorf("%d %q", code, body)
			}
			if (code == 401) != (header.Get("WWW-Authenticate") == `Basic realm="edgeguard", charset="UTF-8"`) {
				t.Errorf("WWW-Authenticate is %q", header.Get("WWW-Authenticate"))
			}
			if n := pushes.Load(); n != 0 && name != "nothing is known" {
				t.Errorf("%d pushes", n)
			}
		})
	}
}

func TestPushIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, pushes := pushable()
		server := status.NewServer(cfg)
		h := status.Handler(server)
		wrong := func(r *http.Request) { r.SetBasicAuth(pushUser, "guess") }
		say := func(peer string, change func(*http.Request)) string {
			_, body, _ := from(h, peer, "/nic/update?myip=203.0.113.8", change)
			return strings.TrimSpace(body)
		}
		for i := range 12 {
			want := "good 203.0.113.8"
			if i >= 10 {
				want = "abuse"
			}
			if got := say("192.168.1.1:1", nil); got != want {
				t.Errorf("request %d: %s", i, got)
			}
		}
		if pushes.Load() != 10 {
			t.Errorf("%d pushes", pushes.Load())
		}
		if got := say("192.168.1.9:1", nil); got != "good 203.0.113.8" {
			t.Errorf("another client: %s", got)
		}
		time.Sleep(time.Minute)
		if got := say("192.168.1.1:1", nil); got != "good 203.0.113.8" {
			t.Errorf("after a minute: %s", got)
		}

		// After five wrong passwords even the right one is of no use for a while.
		for range 5 {
			if got := say("192.168.1.66:1", wrong); got != "badauth" {
				t.Error(got)
			}
		}
		for _, wait := range []time.Duration{0, time.Minute, 3 * time.Minute} {
			time.Sleep(wait)
			if got := say("192.168.1.66:2", nil); got != "abuse" {
				t.Error(got)
			}
		}
		time.Sleep(time.Minute)
		if got := say("192.168.1.66:1", nil); got != "good 203.0.113.8" {
			t.Errorf("after five minutes: %s", got)
		}

		// A device that changes its IPv6 address stays the same one.
		for i := range 6 {
			want := "badauth"
			if i == 5 {
				want = "abuse"
			}
			if got := say(fmt.Sprintf("[fd00::%d]:1", i), wrong); got != want {
				t.Errorf("guess %d: %s", i, got)
			}
		}

		// Thousands of addresses grow no table, and free nobody who guessed.
		for i := range 5000 {
			say(fmt.Sprintf("10.%d.%d.1:1", i/250, i%250), nil)
		}
		if n := status.Pushers(server); n > 256 {
			t.Errorf("%d clients are remembered", n)
		}
		if got := say("[fd00::1]:1", nil); got != "abuse" {
			t.Errorf("who guessed: %s", got)
		}
	})
}

// Over a socket, as a Fritz!Box does it; and nothing of the password is logged.
func TestPushOverTheWire(t *testing.T) {
	cfg, pushes := pushable()
	logged := new(lockedText)
	cfg.Log = slog.New(slog.NewTextHandler(logged, nil))
	addr := serve(t, cfg)
	for _, password := range []string{pushPassword, "wrong-password-77"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		credentials := base64.StdEncoding.EncodeToString([]byte(pushUser + ":" + password))
		fmt.Fprintf(conn, "GET /nic/update?hostname=home.example.org&myip=203.0.113.8 HTTP/1.0\r\nHost: %s\r\nAuthorization: Basic %s\r\nUser-Agent: Fritz!Box DDNS/1.0.1\r\n\r\n", addr, credentials)
		raw := new(strings.Builder)
		buf := make([]byte, 4096)
		for n := 0; err == nil; n, err = conn.Read(buf) {
			raw.Write(buf[:n])
		}
		conn.Close()
		good := strings.HasPrefix(raw.String(), "HTTP/1.0 200 OK\r\n") && strings.HasSuffix(raw.String(), "\r\n\r\ngood 203.0.113.8\n")
		refused := strings.HasPrefix(raw.String(), "HTTP/1.0 401 ") && strings.HasSuffix(raw.String(), "\r\n\r\nbadauth\n")
		if good != (password == pushPassword) || refused == good {
			t.Errorf("answered %s", raw)
		}
		for _, text := range []string{raw.String(), logged.String()} {
			if strings.Contains(text, password) || strings.Contains(text, credentials) {
				t.Errorf("the password is in %s", text)
			}
		}
	}
	if pushes.Load() != 1 || !strings.Contains(logged.String(), "wrong user or password") {
		t.Errorf("%d pushes, log %s", pushes.Load(), logged)
	}
}

// lockedText is a text that a server writes and a test reads.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func FuzzPush(f *testing.F) {
	cfg, _ := pushable()
	f.Add("hostname=home.example.org&myip=203.0.113.8")
	f.Add("hostname=,*.,a..b&myip=1.2.3.4,::1%25a")
	f.Fuzz(func(t *testing.T, query string) {
		h := status.Handler(status.NewServer(cfg))
		code, body, _ := from(h, "192.168.1.1:1", "/nic/update", func(r *http.Request) { r.URL.RawQuery = query })
		for line := range strings.Lines(body) {
			word, address, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			_, err := netip.ParseAddr(address)
			if ok := word == "good" || word == "nochg"; code != 200 || ok != (err == nil) ||
				!ok && word != "nohost" && word != "notfqdn" && word != "numhost" {
				t.Errorf("%q: %d %q", query, code, body)
			}
		}
	})
}
