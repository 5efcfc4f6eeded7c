package wan_test

// Echo services: real HTTP and TLS servers on loopback.

import (
	"context"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// service is an echo service under test, and what reaches it.
type service struct {
	*httptest.Server
	conns   atomic.Int32
	dialled chan string
}

func serve(t *testing.T, secure bool, handler http.HandlerFunc) *service {
	t.Helper()
	s := &service{Server: httptest.NewUnstartedServer(handler), dialled: make(chan string, 16)}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.conns.Add(1)
		}
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are the test
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// dial leads every name to the server, as an upstream resolver would.
func (s *service) dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.dialled <- network + " " + address
	var d net.Dialer
	return d.DialContext(ctx, network, s.Listener.Addr().String())
}

func (s *service) source(t *testing.T, url string) wan.Source {
	t.Helper()
	spec, err := wan.ParseSource(url)
	if err != nil {
		t.Fatal(err)
	}
	var options []wan.EchoOption
	if s.TLS != nil {
		roots := x509.NewCertPool()
		roots.AddCert(s.Certificate())
		options = append(options, wan.WithRoots(roots))
	}
	source, err := wan.NewEcho(spec, s.dial, options...)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}

func TestEchoAsks(t *testing.T) {
	for _, secure := range []bool{true, false} {
		s := serve(t, secure, text("11.22.33.44\n"))
		url, want := "http://example.com/", "tcp4 example.com:80"
		if secure {
			url, want = "https://example.com/", "tcp4 example.com:443"
		}
		source := s.source(t, url)
		for range 3 {
			o, err := source.Observe(t.Context())
			if err != nil || o.String() != "11.22.33.44" || o.Source != url || o.At.IsZero() {
				t.Fatalf("%s: got %#v, %v", url, o, err)
			}
		}
		if got := s.conns.Load(); got != 3 || len(s.dialled) != 3 {
			t.Fatalf("%s: 3 questions used %d connections, want one each", url, got)
		}
		if got := <-s.dialled; got != want {
			t.Errorf("%s: dialled %s, want %s", url, got, want)
		}
		if source.Name() != url || source.Kind() != wan.Outside {
			t.Errorf("name %q kind %d", source.Name(), source.Kind())
		}
	}
}

func TestEchoRefuses(t *testing.T) {
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/end" {
				io.WriteString(w, "11.22.33.44")
				return
			}
			http.Redirect(w, r, to, http.StatusFound)
		}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		http    bool
		want    string
	}{
		{"error status", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "11.22.33.44", http.StatusServiceUnavailable)
		}, false, "status 503"},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, false, "status 204"},
		{"web page", text("<!doctype html><p>11.22.33.44"), false, "web page"},
		{"endless", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		}, false, "longer than"},
		{"huge header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("a", 64<<10)) }, false, "header"},
		{"redirect loop", redirect("/again"), false, "more than 2 times"},
		{"redirect to another host", redirect("https://elsewhere.example/end"), false, "another host"},
		{"redirect out of TLS", redirect("http://example.com/end"), false, "only from https to https"},
		{"redirect from http", redirect("/end"), true, "only from https to https"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, !tt.http, tt.handler)
			url := "https://example.com/"
			if tt.http {
				url = "http://example.com/"
			}
			o, err := s.source(t, url).Observe(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if o.State != fact.Unknown {
				t.Errorf("an error came with %#v", o)
			}
		})
	}
}

func TestEchoFollowsOwnRedirects(t *testing.T) {
	s := serve(t, true, func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.Path) < 3 {
			http.Redirect(w, r, r.URL.Path+"a", http.StatusMovedPermanently)
			return
		}
		io.WriteString(w, "11.22.33.44")
	})
	if o, err := s.source(t, "https://example.com/").Observe(t.Context()); err != nil || o.State != fact.Known {
		t.Fatalf("got %#v, %v", o, err)
	}
}

func TestEchoVerifiesTheServer(t *testing.T) {
	s := serve(t, true, text("11.22.33.44"))

	for _, options := range [][]wan.EchoOption{nil, {wan.WithRoots(x509.NewCertPool())}} {
		source, err := wan.NewEcho(wan.SourceSpec{Type: "https", URL: "https://example.com/"}, s.dial, options...)
		if err != nil {
			t.Fatal(err)
		}
		if o, err := source.Observe(t.Context()); err == nil || o.State != fact.Unknown {
			t.Errorf("a certificate of nobody's was believed: %#v", o)
		}
	}
	if o, err := s.source(t, "https://other.test/").Observe(t.Context()); err == nil {
		t.Errorf("a certificate of another name was believed: %#v", o)
	}
}

func TestEchoEndsWithItsContext(t *testing.T) {
	arrived := make(chan struct{})
	s := serve(t, true, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if o, err := s.source(t, "https://example.com/").Observe(ctx); err == nil || o.State != fact.Unknown {
		t.Fatalf("got %#v, %v", o, err)
	}
}

func TestNewEchoWantsAnEchoSpec(t *testing.T) {
	for _, spec := range []wan.SourceSpec{{}, {Type: "igd"}, {Type: "http", URL: "https://a.test/"}, {Type: "https", URL: "https://u:p@a.test/"}} {
		if _, err := wan.NewEcho(spec, (&net.Dialer{}).DialContext); err == nil {
			t.Errorf("%+v was accepted", spec)
		}
	}
}
