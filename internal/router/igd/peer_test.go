package igd

// Internal: two of the walls stand behind others, and are tried on their own.

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestDialIsPinned(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	here := netip.MustParseAddr("127.0.0.1")
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	p := Peer{Gateway: here, Local: netip.MustParseAddr("127.0.0.5")}
	conn, err := p.Dial(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if from := conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr(); from != p.Local {
		t.Errorf("dialed from %s, want %s", from, p.Local)
	}
	p.Gateway = netip.MustParseAddr("192.168.1.1")
	for _, address := range []string{listener.Addr().String(), "localhost:" + port, "[::1]:" + port} {
		if conn, err := p.Dial(t.Context(), "tcp", address); err == nil {
			conn.Close()
			t.Errorf("dialed %s", address)
		}
	}
}

// net/http never uses a proxy for loopback, so a test over the network would
// pass with any setting.
func TestNoProxy(t *testing.T) {
	client := newHTTP(Peer{Pace: new(Pace)}, maxSOAP)
	if client.Transport.(*transport).base.(*http.Transport).Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
}

func TestParseDescriptionChecksURLBaseItself(t *testing.T) {
	gateway := netip.MustParseAddr("192.168.1.1")
	location, _ := url.Parse("http://192.168.1.1:5000/d.xml")
	const good = "http://192.168.1.1:5000"
	description := func(base string) []byte {
		return []byte("<root><URLBase>" + base + "</URLBase><device><serviceList><service><controlURL>" + good + "/c</controlURL><eventSubURL>" +
			good + "/e</eventSubURL><SCPDURL>" + good + "/s</SCPDURL></service></serviceList></device></root>")
	}
	if _, err := parseDescription(description("http://192.168.1.1:80/"), location, gateway); err != nil {
		t.Error(err)
	}
	for _, base := range []string{"http://192.168.1.2:5000/", "https://192.168.1.1/", "http://router/", ":", "http://127.0.0.1/"} {
		if _, err := parseDescription(description(base), location, gateway); err == nil || !strings.Contains(err.Error(), "URLBase") {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestPaceEndsWithItsContext(t *testing.T) {
	p := &Pace{Gap: time.Hour}
	p.done()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p.wait(ctx) == nil {
		t.Error("waited no hour and no error")
	}
}
