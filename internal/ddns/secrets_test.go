package ddns_test

// No form of a token in status, error, log or state file, whatever goes wrong.

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// wantHidden checks that text holds the secret in no form, not even half.
func wantHidden(t *testing.T, text, hidden string) {
	t.Helper()
	text = strings.ToLower(text)
	for _, form := range []string{hidden, hidden[:len(hidden)/2], url.QueryEscape(hidden), url.PathEscape(hidden),
		base64.StdEncoding.EncodeToString([]byte(hidden)), fmt.Sprintf("%x", hidden)} {
		if strings.Contains(text, strings.ToLower(form)) {
			t.Errorf("the token shows as %q in %q", form, text)
		}
	}
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// failures are the ways in which a provider lets us down.
func failures() map[string]func(w *web) {
	misbehave := func(h http.HandlerFunc) func(w *web) {
		return func(w *web) { w.duck.Misbehave(h); w.cf.Misbehave(h) }
	}
	return map[string]func(w *web){
		"500":     misbehave(ddnstest.Echo(500)),
		"429":     misbehave(ddnstest.Echo(429)),
		"403":     misbehave(ddnstest.Echo(403)),
		"HTML":    misbehave(ddnstest.Echo(200)),
		"KO":      misbehave(ddnstest.Answer(200, "KO")),
		"garbage": misbehave(ddnstest.Answer(200, "\x00\x1b[2J\xff\xfe"+token+cfToken)),
		"redirect": misbehave(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://e.example/"+r.URL.RawQuery, http.StatusFound)
		}),
		"bad redirect": misbehave(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://%zz"+r.URL.RawQuery)
			w.WriteHeader(http.StatusFound)
		}),
		"header of junk": misbehave(ddnstest.Answer(200, "OK", "Content-Encoding", "gzip", "X-Token", token+cfToken)),
		"hang up":        misbehave(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
		"timeout": func(w *web) {
			w.cfg.Timeout = 300 * time.Millisecond
			misbehave(ddnstest.Hang)(w)
		},
		"refused connection": func(w *web) {
			w.cfg.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
				l, err := net.Listen("tcp4", "127.0.0.1:0")
				if err != nil {
					return nil, err
				}
				l.Close()
				var d net.Dialer
				return d.DialContext(ctx, network, l.Addr().String())
			}
		},
		"no TLS trust": func(w *web) { w.cfg.RootCAs = nil },
		"not TLS": func(w *web) {
			w.cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go func() {
					defer server.Close()
					buf := make([]byte, 4096)
					_, _ = server.Read(buf)
					_, _ = server.Write([]byte("HTTP/1.1 400 Bad\r\n\r\n"))
				}()
				return client, nil
			}
		},
		"broken HTTP": func(w *web) {
			w.cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go func() {
					s := tls.Server(server, &tls.Config{Certificates: []tls.Certificate{w.Cert}})
					defer s.Close()
					buf := make([]byte, 8192)
					n, _ := s.Read(buf)
					_, _ = s.Write(buf[:n]) // the request, as if it were an answer
					_, _ = io.Copy(io.Discard, s)
				}()
				return client, nil
			}
		},
	}
}

func TestNoFailureShowsAToken(t *testing.T) {
	for what, arrange := range failures() {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t)
			arrange(w)
			var log lockedBuffer
			w.cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			w.cfg.StateFile = filepath.Join(t.TempDir(), "ddns.json")
			w.cfg.Records = []ddns.RecordConfig{duckRecord(), cfRecord("mqtt.example.org"),
				record("duckdns", "other.duckdns.org", "wrong-length-token-"+token)}
			shown := runUntilFailed(t, w.cfg)
			raw, err := os.ReadFile(w.cfg.StateFile)
			if err != nil {
				t.Error(err)
			}
			for _, hidden := range []string{token, cfToken, "wrong-length-token-"} {
				wantHidden(t, shown+log.String()+string(raw), hidden)
			}
		})
	}
}

// runUntilFailed runs a manager until every record has failed, and returns all
// that its status then says.
func runUntilFailed(t *testing.T, cfg ddns.Config) string {
	t.Helper()
	address := watch.New(known(addrA), func(a, b fact.Observation) bool { return a == b })
	none := asker{OnAsk: func(context.Context, authority.Question) (authority.Answer, error) { return said(), nil }}
	m, err := ddns.NewWith(cfg, ddns.Addresses{V4: address}, none, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	defer func() { cancel(); <-done }()
	for {
		s, changed := m.Status().Get()
		failed := 0
		for _, r := range s.Records {
			if r.LastError != "" {
				failed++
			}
		}
		if failed == len(s.Records) {
			asJSON, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			return string(asJSON) + fmt.Sprintf("%+v %#v", s, s)
		}
		select {
		case <-changed:
		case <-time.After(3 * time.Minute):
			t.Fatalf("records have not failed: %+v", s)
		}
	}
}
