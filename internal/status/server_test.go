package status_test

// The server over real sockets on loopback; who may ask is tested on the
// handler, as loopback has no strangers.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/status"
)

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

func fullSnapshot() *status.Snapshot { return status.NewBuilder(noSecrets).Build(full("x"), noon) }

// serve runs a server until the test ends and returns its address.
func serve(t *testing.T, cfg status.ServerConfig) string {
	t.Helper()
	if cfg.Snapshot == nil {
		cfg.Snapshot = fullSnapshot
	}
	cfg.Listen = loopback
	s := status.NewServer(cfg)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return s.Addr().String()
}

// ask sends one request on a connection of its own and reads the answer.
func ask(t *testing.T, method, addr, path string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestServerAnswers(t *testing.T) {
	addr := serve(t, status.ServerConfig{})
	for path, want := range map[string]struct {
		code              int
		contentType, text string
	}{
		"/":              {200, "text/html; charset=utf-8", `<article id="link-certificate"`},
		"/snippets":      {200, "text/html; charset=utf-8", "Other ways to the same answer"},
		"/page/main":     {200, "text/html; charset=utf-8", `<main id="main"`},
		"/page.js":       {200, "text/javascript; charset=utf-8", "If-None-Match"},
		"/icon.svg":      {200, "image/svg+xml", "<svg"},
		"/style.css":     {200, "text/css; charset=utf-8", ".fail"},
		"/api/v1/status": {200, "application/json", `"status": "fail"`},
		"/healthz":       {200, "text/plain; charset=utf-8", "ok\n"},
		"/nothing":       {404, "text/plain; charset=utf-8", "/api/v1/status"},
	} {
		got, body := ask(t, "GET", addr, path)
		if got.StatusCode != want.code || got.Header.Get("Content-Type") != want.contentType || !strings.Contains(body, want.text) {
			t.Errorf("GET %s: %s, %s, %q", path, got.Status, got.Header.Get("Content-Type"), body)
		}
		for header, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": "",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"} {
			if got.Header.Get(header) != value {
				t.Errorf("GET %s: %s is %q", path, header, got.Header.Get(header))
			}
		}
		head, nothing := ask(t, "HEAD", addr, path)
		if head.StatusCode != want.code || nothing != "" || head.ContentLength != int64(len(body)) {
			t.Errorf("HEAD %s: %s, %d bytes announced, %q", path, head.Status, head.ContentLength, nothing)
		}
	}
}

func TestServerIsReadOnly(t *testing.T) {
	addr := serve(t, status.ServerConfig{})
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		if got, body := ask(t, method, addr, "/api/v1/status"); got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD" || !strings.Contains(body, "GET or HEAD") {
			t.Errorf("%s: %s, Allow %q, %q", method, got.Status, got.Header.Get("Allow"), body)
		}
	}
}

func TestHealthIsTheDaemonsOwn(t *testing.T) {
	token := `to"ken<of>12`
	sick := make(chan error, 1)
	addr := serve(t, status.ServerConfig{
		Secrets: list(secret.New(token)),
		Alive: func() error {
			select {
			case err := <-sick:
				return err
			default:
				return nil
			}
		},
	})
	if got, body := ask(t, "GET", addr, "/healthz"); got.StatusCode != 200 || body != "ok\n" {
		t.Errorf("with a broken chain: %s, %q", got.Status, body)
	}
	sick <- fmt.Errorf("DNS listener died\n\x1b[31m: %s", token)
	if got, body := ask(t, "GET", addr, "/healthz"); got.StatusCode != 503 || body != "DNS listener died [31m: [redacted]\n" {
		t.Errorf("dead: %s, %q", got.Status, body)
	}
}

func TestServerRedactsWhatItServes(t *testing.T) {
	const token = `to"ken<of>12\chars`
	addr := serve(t, status.ServerConfig{
		Secrets:  list(secret.New(token)),
		Snapshot: func() *status.Snapshot { return status.NewBuilder(noSecrets).Build(full(token), noon) },
	})
	for _, path := range []string{"/", "/api/v1/status"} {
		_, body := ask(t, "GET", addr, path)
		for _, form := range written(token) {
			if strings.Contains(body, form) {
				t.Errorf("%s shows %q", path, form)
			}
		}
		if !strings.Contains(body, secret.Redacted) {
			t.Errorf("%s shows no %s", path, secret.Redacted)
		}
	}
}

func TestNoSnapshotYet(t *testing.T) {
	addr := serve(t, status.ServerConfig{Snapshot: func() *status.Snapshot { return nil }})
	for _, path := range []string{"/", "/api/v1/status"} {
		if got, body := ask(t, "GET", addr, path); got.StatusCode != 503 || !strings.Contains(body, "starting") {
			t.Errorf("%s: %s, %q", path, got.Status, body)
		}
	}
}

func TestWhoMayAsk(t *testing.T) {
	h := status.Handler(status.NewServer(status.ServerConfig{
		Snapshot: fullSnapshot,
		OwnPrefixes: func() []netip.Prefix {
			return []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/64"), netip.MustParsePrefix("198.51.100.0/24")}
		},
		Names: func() []string { return []string{"myhome.duckdns.org"} },
	}))
	answer := func(peer, host string) (int, string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Host = peer, host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for peer, want := range map[string]int{
		"127.0.0.1:1": 200, "[::1]:1": 200, "192.168.1.20:1": 200, "10.0.0.1:1": 200, "172.17.0.1:1": 200,
		"[::ffff:192.168.1.20]:1": 200, "[fe80::1%eth0]:1": 200, "[fd00::1]:1": 200, "[2001:db8:1::5]:1": 200, "169.254.1.1:1": 200,
		"198.51.100.5:1": 200, "[::ffff:198.51.100.5]:1": 200,
		"203.0.113.9:1": 403, "[2001:db8:2::5]:1": 403, "[::ffff:203.0.113.9]:1": 403, "100.64.0.1:1": 403, "": 403, "@": 403,
	} {
		if got, body := answer(peer, "192.168.1.10:8053"); got != want || got == 403 && !strings.Contains(body, "home network") {
			t.Errorf("from %q: %d, %q, want %d", peer, got, body, want)
		}
	}
	for host, want := range map[string]int{
		"192.168.1.10": 200, "192.168.1.10:8053": 200, "[fd00::10]:8053": 200, "[fd00::10]": 200,
		"localhost:8053": 200, "nas": 200, "NAS:8053": 200, "nas.local": 200, "nas.lan:8053": 200, "x.home.arpa.": 200,
		"MyHome.duckdns.org:8053": 200,
		"":                        403, "evil.example": 403, "evil.example:8053": 403, "192.168.1.10.evil.example": 403, "local": 200,
		"evil.notlocal": 403, ".local": 403, "other.duckdns.org": 403, "a b": 403, "nas.lan.evil.example": 403, "myhome.duckdns.org.evil.example": 403,
	} {
		if got, body := answer("192.168.1.20:1", host); got != want || got == 403 && !strings.Contains(body, "IP address") {
			t.Errorf("host %q: %d, %q, want %d", host, got, body, want)
		}
	}
}

// TestAFullServerMakesRoom opens more connections than may stand, all kept
// open after a first answer, and then wants to be answered once more.
func TestAFullServerMakesRoom(t *testing.T) {
	addr := serve(t, status.ServerConfig{})
	for i := range 70 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil { // half of the idle timeout
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: nas\r\n\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		answer.Body.Close()
	}
	if err := status.CheckHealth(t.Context(), addr); err != nil {
		t.Error(err)
	}
}

// TestStopLetsARequestEnd stops the server in the middle of a request, with
// one connection idle and one that never asked.
func TestStopLetsARequestEnd(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	s := status.NewServer(status.ServerConfig{Listen: loopback, Snapshot: func() *status.Snapshot {
		close(begun)
		<-release
		return fullSnapshot()
	}})
	if s.Addr().IsValid() {
		t.Errorf("before Listen Addr is %v", s.Addr())
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	silent, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	answer := make(chan error, 1)
	go func() {
		_, _, err := status.Fetch(context.Background(), s.Addr().String())
		answer <- err
	}()
	<-begun
	cancel()
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the silent connection reads %v, want its end", err)
	}
	select {
	case err := <-ended:
		t.Errorf("Run = %v while a request was under way", err)
	default:
	}
	close(release)
	if err := <-answer; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
	if conn, err := net.Dial("tcp", s.Addr().String()); err == nil {
		conn.Close()
		t.Error("the server still listens after Run")
	}
}

// TestRunAfterTheEndFreesTheAddress is the way to give up a socket that has
// been bound and is not going to be served.
func TestRunAfterTheEndFreesTheAddress(t *testing.T) {
	s := status.NewServer(status.ServerConfig{Listen: loopback, Snapshot: fullSnapshot})
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := s.Run(ended); err != nil {
		t.Errorf("Run = %v", err)
	}
	again, err := net.Listen("tcp", s.Addr().String())
	if err != nil {
		t.Fatalf("the address is still held: %v", err)
	}
	again.Close()
}

func TestListenSaysWhatTheSystemSaid(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := status.NewServer(status.ServerConfig{Listen: taken.Addr().(*net.TCPAddr).AddrPort(), Snapshot: fullSnapshot})
	if err := s.Run(t.Context()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Run on a taken port = %v", err)
	}
}

// TestListenOnEveryAddress tells the wildcards apart: 0.0.0.0 means IPv4 only.
func TestListenOnEveryAddress(t *testing.T) {
	for text, want := range map[string]bool{"0.0.0.0:0": true, "[::]:0": false, "": false} {
		listen, _ := netip.ParseAddrPort(text)
		s := status.NewServer(status.ServerConfig{Listen: listen, Snapshot: fullSnapshot})
		if err := s.Listen(); err != nil {
			t.Fatal(err)
		}
		if got := s.Addr().Addr().Is4(); got != want && !(text != "0.0.0.0:0" && got) {
			t.Errorf("%q listens on %v", text, s.Addr())
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		if err := status.CheckHealth(t.Context(), s.Addr().String()); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%q: Run = %v", text, err)
		}
	}
}
