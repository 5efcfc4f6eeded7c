package status_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/status"
)

// other is a server of another kind; it returns the address.
func other(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// nobody returns an address that nobody listens on, nor can until the test
// ends: our own end of a connection has it.
func nobody(t *testing.T) string {
	t.Helper()
	conn, err := net.Dial("tcp", other(t, func(http.ResponseWriter, *http.Request) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().String()
}

func TestFetchReturnsTheSnapshot(t *testing.T) {
	addr := serve(t, status.ServerConfig{})
	got, raw, err := status.Fetch(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	want, err := status.JSON(fullSnapshot())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, fullSnapshot()) || !bytes.Equal(raw, want) {
		t.Errorf("got %+v and %s", got, raw)
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, wildcard := range []string{":" + port, "0.0.0.0:" + port, "[::]:" + port} {
		if _, _, err := status.Fetch(t.Context(), wildcard); err != nil {
			t.Errorf("Fetch(%s): %v", wildcard, err)
		}
	}
}

func TestFetchInPlainWords(t *testing.T) {
	hung, stop := context.WithCancel(context.Background())
	defer stop()
	for name, c := range map[string]struct{ addr, want string }{
		"nobody there":  {nobody(t), "is it running?"},
		"no port":       {"127.0.0.1", "not an address such as"},
		"not edgeguard": {other(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }), "not edgeguard"},
		"other JSON":    {other(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) }), "not edgeguard"},
		"a redirect": {other(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}), "HTTP 302"},
		"a refusal": {other(t, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "not from\x1b[31m here", http.StatusForbidden)
		}), "(HTTP 403): not from[31m here"},
		"endless": {other(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Write(bytes.Repeat([]byte(" "), status.MaxAnswer+1))
		}), "more than 4 MiB"},
		"broken off": {other(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("{"))
		}), "broke off"},
		"hung": {other(t, func(http.ResponseWriter, *http.Request) { <-hung.Done() }), "in time"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if name == "hung" {
				ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
			}
			defer cancel()
			s, raw, err := status.Fetch(ctx, c.addr)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\x1b") || s != nil || raw != nil {
				t.Errorf("got %v, %q, %v, want %q", s, raw, err, c.want)
			}
		})
	}
}

func TestFetchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := status.Fetch(ctx, "127.0.0.1:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

// TestFetchedJSONIsSafeForATerminal sends characters that JSON allows in a
// string as they are and that a terminal would act on.
func TestFetchedJSONIsSafeForATerminal(t *testing.T) {
	const odd = "a\u009b31m\u202eb\u007fé\U0001f600"
	addr := other(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"chain":[{"id":"wan","summary":"` + odd + `","action":"` + odd + `"}]}`))
	})
	s, raw, err := status.Fetch(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := status.WriteText(&text, s, status.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{string(raw), text.String()} {
		if strings.ContainsAny(shown, "\u009b\u202e\u007f") || !strings.Contains(shown, "é\U0001f600") {
			t.Errorf("a terminal would see %q", shown)
		}
	}
	var again status.Snapshot
	if err := json.Unmarshal(raw, &again); err != nil || again.Chain[0].Summary != odd {
		t.Errorf("the JSON now says %q, %v", again.Chain[0].Summary, err)
	}
}

func TestCheckHealth(t *testing.T) {
	well := serve(t, status.ServerConfig{})
	if err := status.CheckHealth(t.Context(), well); err != nil {
		t.Error(err)
	}
	sick := serve(t, status.ServerConfig{Alive: func() error { return errors.New("the DNS listener died") }})
	if err := status.CheckHealth(t.Context(), sick); err == nil || !strings.Contains(err.Error(), "the DNS listener died") {
		t.Errorf("sick: %v", err)
	}
	if err := status.CheckHealth(t.Context(), "nowhere"); err == nil {
		t.Error("an address without a port is healthy")
	}
}

func FuzzFetch(f *testing.F) {
	good, err := status.JSON(fullSnapshot())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"chain":[{"id":"x","since":"0001-01-01T00:00:00Z"}]}`))
	f.Add([]byte("{\"chain\":[],\"version\":\"\xff\u009b\"}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }))
		defer server.Close()
		s, raw, err := status.Fetch(t.Context(), server.Listener.Addr().String())
		if err != nil {
			return
		}
		if strings.ContainsRune(string(raw), '\u009b') {
			t.Errorf("a control character in %q", raw)
		}
		var text bytes.Buffer
		if err := status.WriteText(&text, s, status.TextOptions{}); err != nil || strings.ContainsAny(text.String(), "\x1b\u009b\r") {
			t.Errorf("text %q, %v", text.String(), err)
		}
	})
}
