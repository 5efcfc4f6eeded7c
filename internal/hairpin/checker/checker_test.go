package checker

// What answers mean, over loopback; when is asked, in a bubble; and that no secret
// of the URL gets out.

import (
	"bufio"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/watch"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "0123abcd-0123-4567-89ab-0123456789ab"

var (
	wanAddr = netip.MustParseAddr("11.22.33.44")
	mqtt    = Port{Service: "mqtt", Host: "home.example.org", External: 8883}
)

func TestWhatAnAnswerMeans(t *testing.T) {
	for name, c := range map[string]struct {
		expect string
		status int
		body   string
		want   Verdict
		detail string
	}{
		"2xx":                        {"", 200, "whatever", Open, ""},
		"204":                        {"", 204, "", Open, ""},
		"503":                        {"", 503, "", Closed, "status 503"},
		"a fault of the checker":     {"", 500, "", Unknown, "status 500"},
		"a gateway before it":        {"", 502, "", Unknown, "status 502"},
		"not allowed":                {"", 403, "", Unknown, "status 403"},
		"limited":                    {"", 429, "", Unknown, "status 429"},
		"expected":                   {"True", 200, "a: True", Open, ""},
		"not expected":               {"True", 200, "a: False", Closed, "expect"},
		"empty":                      {"True", 200, "", Closed, "expect"},
		"expected, and a fault":      {"True", 500, "True", Unknown, "status 500"},
		"expected, and 503":          {"True", 503, "True", Unknown, "status 503"},
		"expected at the far end":    {"True", 200, strings.Repeat("x", maxAnswer-4) + "True", Open, ""},
		"expected beyond the bounds": {"True", 200, strings.Repeat("x", maxAnswer) + "True", Closed, "expect"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan *http.Request, 1)
			cfg := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked <- r
				w.WriteHeader(c.status)
				if c.status != 204 {
					fmt.Fprint(w, c.body)
				}
			})
			cfg.Expect = c.expect
			got, detail := newClient(cfg).ask(t.Context(), mqtt, wanAddr)
			if got != c.want || !strings.Contains(detail, c.detail) || c.detail == "" && detail != "" {
				t.Errorf("%s, %q", got, detail)
			}
			r := <-asked
			if q := r.URL.Query(); q.Get("host") != "home.example.org" || q.Get("port") != "8883" || q.Get("address") != "11.22.33.44" || q.Get("token") != token {
				t.Errorf("it was asked for %s", r.URL)
			}
		})
	}
}

// serve is a checker of loopback, and the config that asks it.
func serve(t *testing.T, handle http.HandlerFunc) Config {
	t.Helper()
	s := httptest.NewTLSServer(handle)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return Config{
		URL:     secret.New(s.URL + "/check/" + token + "?token=" + token + "&host={host}&port={port}&address={address}"),
		RootCAs: roots, Timeout: 2 * time.Minute, Dial: (&net.Dialer{}).DialContext,
	}
}

func TestFailuresAreUnknownAndTellNoSecret(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed to another host") }))
	defer other.Close()
	gone := serve(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	gone.URL = secret.New("https://" + l.Addr().String() + "/?port={port}&token=" + token)
	stranger := serve(t, func(http.ResponseWriter, *http.Request) {})
	stranger.RootCAs = x509.NewCertPool()
	slow := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	slow.Timeout = 100 * time.Millisecond
	loops := 0
	for name, c := range map[string]struct {
		cfg  Config
		says string
	}{
		"nobody there": {gone, "refused"},
		"a stranger's": {stranger, "certificate"},
		"too slow":     {slow, "did not answer in time"},
		"to another host": {serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/?"+token, http.StatusFound)
		}), "another host"},
		"round and round": {serve(t, func(w http.ResponseWriter, r *http.Request) {
			loops++
			http.Redirect(w, r, "/"+token, http.StatusFound)
		}), "from one page to the next"},
		"an answer that breaks": {serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "x")
		}), ""},
	} {
		verdict, detail := newClient(c.cfg).ask(t.Context(), mqtt, wanAddr)
		if verdict != Unknown || !strings.Contains(detail, c.says) || detail == "" {
			t.Errorf("%s: %s, %q", name, verdict, detail)
		}
		if strings.Contains(detail, token) {
			t.Errorf("%s: the secret got out: %q", name, detail)
		}
	}
	if loops > maxRedirects+1 {
		t.Errorf("%d redirects were followed", loops)
	}
}

// A redirect within the checker is followed, and is told nothing of the URL before.
func TestRedirectWithinTheChecker(t *testing.T) {
	cfg := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			if r.Referer() != "" {
				t.Errorf("the URL before was told: %s", r.Referer())
			}
			return
		}
		http.Redirect(w, r, "/there", http.StatusFound)
	})
	if got, detail := newClient(cfg).ask(t.Context(), mqtt, wanAddr); got != Open {
		t.Errorf("%s, %q", got, detail)
	}
}

func TestPortWithoutAName(t *testing.T) {
	if got := fill("https://x/{host}/{port}/{address}", Port{External: 80}, wanAddr); got != "https://x/11.22.33.44/80/11.22.33.44" {
		t.Error(got)
	}
}

func TestSecretsOfTheURL(t *testing.T) {
	for text, want := range map[string][]string{
		"https://c.example/?port={port}":                                        nil,
		"https://c.example/check/?port={port}&kind=tcp-connection&token=A1b2C3": nil, // too short to be one
		"https://user:pass1234@c.example/?port={port}":                          {"pass1234"},
		"https://c.example/a1b2c3d4e5/?port={port}&k=" + token:                  {"a1b2c3d4e5", token},
	} {
		var got []string
		for _, s := range Secrets(secret.New(text)) {
			if s.Reveal() != text {
				got = append(got, s.Reveal())
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// pipeChecker is a checker at the end of pipes, for bubbles.
type pipeChecker struct {
	mu     sync.Mutex
	status int         // guarded by mu
	asked  []time.Time // guarded by mu
}

func (c *pipeChecker) set(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
}

func (c *pipeChecker) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.asked)
}

func (c *pipeChecker) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		if _, err := http.ReadRequest(bufio.NewReader(theirs)); err != nil {
			return
		}
		c.mu.Lock()
		status := c.status
		c.asked = append(c.asked, time.Now())
		c.mu.Unlock()
		fmt.Fprintf(theirs, "HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status)
	}()
	return ours, nil
}

func TestWhenItIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outside := &pipeChecker{status: 200}
		wan := watch.New(fact.Observation{}, func(a, b fact.Observation) bool { return a == b })
		c := New(Config{URL: secret.New("http://c.example/?port={port}"), Ports: []Port{mqtt}, Dial: outside.dial}, wan)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		after := func(d time.Duration) { t.Helper(); time.Sleep(d); synctest.Wait() }
		wants := func(what string, count int, verdict Verdict) {
			t.Helper()
			s := c.Status().Load()
			if got := outside.count(); got != count || s.Checks[0].Verdict != verdict {
				t.Fatalf("%s: asked %d times, %+v; want %d, %s", what, got, s.Checks[0], count, verdict)
			}
		}
		after(24 * time.Hour)
		wants("without an address", 0, Unknown)
		wan.Store(fact.KnownAddr(wanAddr, "test", time.Now()))
		after(time.Second)
		wants("with one", 1, Open)
		after(time.Hour)
		wants("an hour later", 2, Open)
		for range 10 {
			c.Kick()
			after(time.Second)
		}
		wants("many forwards at once", 2, Open)
		after(time.Minute)
		wants("and then", 3, Open)
		// One closed is a doubt, two are a verdict.
		outside.set(503)
		c.Kick()
		after(61 * time.Second)
		wants("closed once", 4, Open)
		after(time.Minute)
		wants("closed twice", 5, Closed)
		after(time.Hour)
		wants("closed for an hour", 6, Closed)
		// A checker that is out of order says nothing.
		outside.set(500)
		after(time.Hour)
		wants("a fault of the checker's", 7, Closed)
		if d := c.Status().Load().Checks[0].Detail; !strings.Contains(d, "so it said last") || !strings.Contains(d, "status 500") {
			t.Errorf("detail %q", d)
		}
		after(10 * time.Minute)
		wants("it is tried again soon", 8, Closed)
		// Another address is another question.
		outside.set(200)
		wan.Store(fact.KnownAddr(netip.MustParseAddr("11.22.33.55"), "test", time.Now()))
		after(time.Minute)
		wants("another address", 9, Open)
		outside.set(500)
		wan.Store(fact.KnownAddr(netip.MustParseAddr("11.22.33.66"), "test", time.Now()))
		after(time.Minute)
		wants("another one of which nothing was said", 10, Unknown)
		wan.Store(fact.UnknownAddr("test", time.Now()))
		after(48 * time.Hour)
		wants("without an address again", 10, Unknown)
	})
}

func FuzzCheckURL(f *testing.F) {
	for _, text := range []string{"https://c.example/?port={port}", "http://{host}:{port}/", "https://u:p@c/{address}/{port}#x", "https://c/%zz{port}", "ftp://c/{port}", "https://c:{port}/", "https://[::1]:8/{port}{"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		template := secret.New(text)
		if err := CheckURL(template); err != nil {
			return
		}
		filled, err := url.Parse(fill(template.Reveal(), mqtt, wanAddr))
		if err != nil {
			t.Fatalf("%q was taken and cannot be read: %v", text, err)
		}
		other, err := url.Parse(fill(template.Reveal(), Port{External: 1}, netip.IPv4Unspecified()))
		if err != nil || filled.Host == "" || filled.Host != other.Host {
			t.Errorf("%q leads to %q and %q", text, filled.Host, other.Host)
		}
		if Host(template) == "" || len(Secrets(template)) == 0 {
			t.Errorf("%q: host %q", text, Host(template))
		}
	})
}
