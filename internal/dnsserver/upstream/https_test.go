package upstream_test

// DNS over HTTPS.

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

const mediaType = "application/dns-message"

// serveHTTPS starts an HTTPS server on loopback; it speaks HTTP/2.
func serveHTTPS(t testing.TB, ca *authority, handler http.HandlerFunc) *listener {
	t.Helper()
	l := listen(t)
	server := &http.Server{Handler: handler, TLSConfig: ca.server(t, yesterday(), "127.0.0.1", "dns.example"), ErrorLog: log.New(io.Discard, "", 0)}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.ServeTLS(l, "", "") }()
	t.Cleanup(func() { server.Close(); <-ended })
	return l
}

// asked reads the question of a request.
func asked(r *http.Request) (*dns.Msg, error) {
	packed, err := io.ReadAll(r.Body)
	if r.Method == http.MethodGet {
		packed, err = base64.RawURLEncoding.DecodeString(r.URL.Query().Get("dns"))
	}
	if err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	return m, m.Unpack(packed)
}

// answerHTTPS is a good DoH server.
func answerHTTPS(w http.ResponseWriter, r *http.Request) {
	m, err := asked(r)
	if err != nil || r.URL.Path != "/dns-query" || r.Header.Get("Accept") != mediaType {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	packed, _ := reply(m, "1.2.3.4").Pack()
	w.Header().Set("Content-Type", mediaType)
	_, _ = w.Write(packed)
}

func httpsPool(t testing.TB, ca *authority, text string) *upstream.Pool {
	t.Helper()
	return opened(t, upstream.Config{Specs: []upstream.Spec{spec(t, text)}, RootCAs: ca.roots})
}

func TestHTTPSServerIsAsked(t *testing.T) {
	ca := newAuthority(t)
	var seen atomic.Pointer[http.Request]
	var odd atomic.Int32
	l := serveHTTPS(t, ca, func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r)
		if r.Method == http.MethodGet {
			packed, _ := base64.RawURLEncoding.DecodeString(r.URL.Query().Get("dns"))
			if len(packed)%128 != 0 || packed[0] != 0 || packed[1] != 0 {
				odd.Add(1)
			}
		}
		answerHTTPS(w, r)
	})
	for text, method := range map[string]string{
		"https://" + l.addr().String() + "/dns-query":                     "POST",
		"https+get://" + l.addr().String() + "/dns-query{?dns}":           "GET",
		"https+get://" + l.addr().String() + "/dns-query?a=b#dns.example": "GET",
	} {
		t.Run(text[:9], func(t *testing.T) {
			before := l.accepted.Load()
			p := httpsPool(t, ca, text)
			for range 10 {
				wantAddr(t, exchange(t, p, nil), "1.2.3.4")
			}
			r := seen.Load()
			if r.Method != method || r.ProtoMajor != 2 || r.UserAgent() != "" || r.Header.Get("Cookie") != "" {
				t.Errorf("the request is %s %s, headers %v", r.Method, r.Proto, r.Header)
			}
			if n := l.accepted.Load() - before; n != 1 {
				t.Errorf("%d connections for questions one after the other", n)
			}
			if strings.Contains(text, "#") && (!strings.HasPrefix(r.Host, "dns.example") || r.URL.Query().Get("a") != "b") {
				t.Errorf("asked for %s %s", r.Host, r.URL)
			}
			if st := p.Status()[0]; st.Protocol != "https" || st.Address != l.addr() || st.Name != text {
				t.Errorf("status %+v", st)
			}
		})
	}
	if odd.Load() != 0 {
		t.Error("questions over GET differ in ID or length")
	}
}

func TestManyHTTPSQuestionsShareFewConnections(t *testing.T) {
	ca := newAuthority(t)
	l := serveHTTPS(t, ca, answerHTTPS)
	p := httpsPool(t, ca, "https://"+l.addr().String()+"/dns-query")
	var asking sync.WaitGroup
	for i := range 300 {
		asking.Go(func() {
			if _, err := p.ExchangeMsg(t.Context(), new(dns.Msg).SetQuestion(fmt.Sprintf("%d.example.", i), dns.TypeA)); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	if n := l.accepted.Load(); n > 4 {
		t.Errorf("%d connections", n)
	}
}

func TestADeadHTTPSConnectionIsReplaced(t *testing.T) {
	ca := newAuthority(t)
	l := serveHTTPS(t, ca, answerHTTPS)
	p := httpsPool(t, ca, "https://"+l.addr().String()+"/dns-query")
	for range 5 {
		wantAddr(t, exchange(t, p, nil), "1.2.3.4")
		l.cut()
	}
	if st := p.Status()[0]; st.Failures != 0 {
		t.Errorf("after lost connections: %+v", st)
	}
}

func TestTTLsCountDownInHTTPCaches(t *testing.T) {
	ca := newAuthority(t)
	l := serveHTTPS(t, ca, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Age", "45")
		answerHTTPS(w, r)
	})
	m := exchange(t, httpsPool(t, ca, "https+get://"+l.addr().String()+"/dns-query"), nil)
	if ttl := m.Answer[0].Header().Ttl; ttl != 15 {
		t.Errorf("TTL %d, want 60 less 45", ttl)
	}
}

func TestHTTPSAnswersThatAreNoneLeadToTheNextServer(t *testing.T) {
	ca := newAuthority(t)
	var elsewhere atomic.Int32
	other := serveHTTPS(t, ca, func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		answerHTTPS(w, r)
	})
	good := serve(t, answering("1.2.3.4"))
	write := func(kind string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body)
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		words   string
	}{
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+other.addr().String()+"/dns-query", http.StatusTemporaryRedirect)
		}, "being sent elsewhere is refused"},
		"not found":    {http.NotFound, "check the path"},
		"a login page": {write("text/html", []byte("<html>")), "check the path"},
		"no type":      {write("", make([]byte, 100)), "check the path"},
		"garbage":      {write(mediaType, []byte(strings.Repeat("garbage", 9))), "cannot be read"},
		"empty":        {write(mediaType, nil), "cannot be read"},
		"too long":     {write(mediaType, make([]byte, 1<<17)), "longer than a DNS message"},
		"another question": {func(w http.ResponseWriter, r *http.Request) {
			m, _ := asked(r)
			m.Question[0].Name = "b.example."
			packed, _ := reply(m, "6.6.6.6").Pack()
			write(mediaType, packed)(w, r)
		}, "does not answer"},
		"a byte a second": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte{0})
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(50 * time.Millisecond):
				}
			}
		}, "no answer within"},
	} {
		t.Run(name, func(t *testing.T) {
			l := serveHTTPS(t, ca, c.handler)
			bad := spec(t, "https://"+l.addr().String()+"/dns-query")
			p := opened(t, upstream.Config{Specs: []upstream.Spec{bad, upstream.Plain(good)}, RootCAs: ca.roots, Timeout: 30 * time.Second, Patience: 200 * time.Millisecond})
			wantAddr(t, exchange(t, p, nil), "1.2.3.4")
			alone := opened(t, upstream.Config{Specs: []upstream.Spec{bad}, RootCAs: ca.roots, Timeout: time.Second})
			_, err := alone.Exchange(t.Context(), question(t, nil))
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("alone it gives %v, want %q", err, c.words)
			}
		})
	}
	if elsewhere.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// The name in the URL is one for which the proxy of TestMain would be taken.
func TestNoProxyIsUsed(t *testing.T) {
	ca := newAuthority(t)
	l := serveHTTPS(t, ca, answerHTTPS)
	wantAddr(t, exchange(t, httpsPool(t, ca, "https://"+l.addr().String()+"/dns-query#dns.example"), nil), "1.2.3.4")
}

func TestRunEndsWithKeptHTTPSConnections(t *testing.T) {
	ca := newAuthority(t)
	l := serveHTTPS(t, ca, answerHTTPS)
	p := httpsPool(t, ca, "https://"+l.addr().String()+"/dns-query")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	wantAddr(t, exchange(t, p, nil), "1.2.3.4")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	wantAddr(t, exchange(t, p, nil), "1.2.3.4") // a late question, on a connection of its own
}
