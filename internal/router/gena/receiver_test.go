package gena_test

// The callback, and who knocks at it.

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/gena"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	us       = netip.MustParseAddr("127.0.0.1")
	gateway  = netip.MustParseAddr("127.0.0.2")
	stranger = netip.MustParseAddr("127.0.0.3")
	quiet    = slog.New(slog.DiscardHandler)
)

// receiver starts a Receiver, and counts what it hears.
func receiver(t *testing.T, change ...func(*gena.ReceiverConfig)) (*gena.Receiver, *atomic.Int32) {
	t.Helper()
	heard := new(atomic.Int32)
	cfg := gena.ReceiverConfig{Local: us, Gateway: gateway, Heard: func() { heard.Add(1) }, Log: quiet}
	for _, c := range change {
		c(&cfg)
	}
	r, err := gena.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, heard
}

// knock connects to the callback from an address.
func knock(t *testing.T, r *gena.Receiver, from netip.Addr) (net.Conn, *url.URL) {
	t.Helper()
	at, err := url.Parse(r.Callback())
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: 5 * time.Second}
	conn, err := dialer.Dial("tcp4", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(3 * time.Minute))
	return conn, at
}

// notification is what a router sends.
func notification(path, sid string, change ...string) string {
	text := "NOTIFY " + path + " HTTP/1.1\r\nHOST: x\r\nNT: upnp:event\r\nNTS: upnp:propchange\r\nSID: " + sid + "\r\nSEQ: 3\r\nContent-Length: 5\r\n\r\n<e/>\n"
	for i := 0; i+1 < len(change); i += 2 {
		text = strings.Replace(text, change[i], change[i+1], 1)
	}
	return text
}

// status returns the answer's HTTP status, or 0 where there is none.
func status(t *testing.T, conn net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestNotificationsThatCount(t *testing.T) {
	r, heard := receiver(t)
	// The first may come before the answer that tells the SID.
	for i, sid := range []string{"uuid:early", "uuid:1"} {
		conn, at := knock(t, r, gateway)
		if _, err := io.WriteString(conn, notification(at.Path, sid)); err != nil {
			t.Fatal(err)
		}
		if got := status(t, conn); got != 200 {
			t.Errorf("answered %d", got)
		}
		r.Confirm("uuid:1")
		// Closed by us, once it has been heard.
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF || heard.Load() != int32(i+1) {
			t.Errorf("%d notifications heard, then %v", heard.Load(), err)
		}
	}
}

func TestTheAnswerComesBeforeTheBody(t *testing.T) {
	r, heard := receiver(t)
	conn, at := knock(t, r, gateway)
	head, body, _ := strings.Cut(notification(at.Path, "uuid:1"), "\r\n\r\n")
	if _, err := io.WriteString(conn, head+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := status(t, conn); got != 200 {
		t.Errorf("answered %d", got)
	}
	if _, err := io.WriteString(conn, body); err != nil {
		t.Error(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF || heard.Load() != 1 {
		t.Errorf("heard %d, then %v", heard.Load(), err)
	}
}

func TestNotificationsThatDoNotCount(t *testing.T) {
	r, heard := receiver(t)
	r.Confirm("uuid:1")
	for name, c := range map[string]struct {
		change []string
		want   int
	}{
		"another path":         {[]string{" HTTP", "x HTTP"}, 404},
		"no path":              {[]string{"NOTIFY /", "NOTIFY //"}, 404},
		"another method":       {[]string{"NOTIFY", "POST"}, 405},
		"another subscription": {[]string{"uuid:1", "uuid:2"}, 412},
		"no subscription":      {[]string{"SID", "SIT"}, 412},
		"no NT":                {[]string{"NT:", "NX:"}, 400},
		"no NTS":               {[]string{"NTS:", "NXS:"}, 400},
		"no event":             {[]string{"upnp:event", "upnp:other"}, 412},
		"too long a body":      {[]string{"Content-Length: 5", "Content-Length: 32769"}, 413},
		"no HTTP":              {[]string{"NOTIFY", "\x16\x03\x01"}, 400},
		"an endless header":    {[]string{"HOST: x", "HOST: " + strings.Repeat("x", 9<<10)}, 400},
	} {
		conn, at := knock(t, r, gateway)
		_, _ = io.WriteString(conn, notification(at.Path, "uuid:1", c.change...))
		_ = conn.(*net.TCPConn).CloseWrite()
		if got := status(t, conn); got != c.want && (got != 0 || c.want != 400) {
			t.Errorf("%s: answered %d, want %d", name, got, c.want)
		}
	}
	if n := heard.Load(); n != 0 {
		t.Errorf("%d of them were heard", n)
	}
}

func TestStrangersAreNotRead(t *testing.T) {
	r, heard := receiver(t)
	conn, at := knock(t, r, stranger)
	_, _ = io.WriteString(conn, notification(at.Path, "uuid:1"))
	if got := status(t, conn); got != 0 || heard.Load() != 0 {
		t.Errorf("a stranger was answered %d, and heard %d times", got, heard.Load())
	}
}

func TestAnEndlessBodyEnds(t *testing.T) {
	r, heard := receiver(t)
	conn, at := knock(t, r, gateway)
	_, err := io.WriteString(conn, notification(at.Path, "uuid:1", "Content-Length: 5", "Transfer-Encoding: chunked"))
	for block := strings.Repeat("x", 64<<10); err == nil; {
		_, err = fmt.Fprintf(conn, "10000\r\n%s\r\n", block)
	}
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Error("it was taken to the end of our patience")
	}
	if heard.Load() != 1 {
		t.Errorf("heard %d", heard.Load())
	}
}

func TestConnectionsThatSayNothingKeepNobodyOut(t *testing.T) {
	r, heard := receiver(t)
	for range 10 {
		knock(t, r, stranger)
	}
	for range 3 { // the router's own, fewer than it may have
		knock(t, r, gateway)
	}
	conn, at := knock(t, r, gateway)
	_, _ = io.WriteString(conn, notification(at.Path, "uuid:1"))
	if got := status(t, conn); got != 200 {
		t.Errorf("answered %d", got)
	}
	r.Close() // with all of them open
	if heard.Load() != 1 {
		t.Errorf("heard %d", heard.Load())
	}
}

func TestCallbackSaysWhereTheRouterReachesUs(t *testing.T) {
	r, _ := receiver(t, func(c *gena.ReceiverConfig) { c.Advertise = netip.MustParseAddr("192.168.1.10") })
	other, _ := receiver(t)
	at, _ := url.Parse(r.Callback())
	if at.Hostname() != "192.168.1.10" || at.Port() == "0" || len(at.Path) < 20 {
		t.Errorf("callback %s", r.Callback())
	}
	if here, _ := url.Parse(other.Callback()); here.Hostname() != us.String() || here.Path == at.Path {
		t.Errorf("callback %s beside %s", other.Callback(), r.Callback())
	}
	port := netip.MustParseAddrPort(at.Host[strings.LastIndex(at.Host, "/")+1:]).Port()
	if _, err := gena.Listen(gena.ReceiverConfig{Local: us, Port: port, Gateway: gateway, Heard: func() {}, Log: quiet}); err == nil {
		t.Error("a port that is taken was taken again")
	}
}
