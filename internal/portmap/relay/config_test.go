package relay_test

// What Listen refuses.

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/edgeguard/edgeguard/internal/portmap/relay"
)

func TestTargetsThatAreRefused(t *testing.T) {
	own := ownAddress(t)
	taken := serve(t, func(*net.TCPConn) {})
	for _, c := range []struct {
		listen, target string
		own            string
		loopback       bool
		want           string
	}{
		{"127.0.0.1:0", "", "", false, "is not an address and a port"},
		{"127.0.0.1:0", "192.168.77.11:0", "", false, "is not an address and a port"},
		{"127.0.0.1:0", "0.0.0.0:8883", "", false, "is not one host"},
		{"127.0.0.1:0", "[::]:8883", "", false, "is not one host"},
		{"127.0.0.1:0", "224.0.0.1:8883", "", false, "is not one host"},
		{"127.0.0.1:0", "[ff02::1]:8883", "", false, "is not one host"},
		{"127.0.0.1:0", "255.255.255.255:8883", "", false, "is not one host"},
		{"127.0.0.1:0", "[fe80::1]:8883", "", false, "has no zone"},
		{"127.0.0.1:0", "127.0.0.1:8883", "", false, "needs no relay"},
		{"127.0.0.1:0", "127.9.9.9:8883", "", false, "needs no relay"},
		{"127.0.0.1:0", "[::1]:8883", "", false, "needs no relay"},
		{"127.0.0.1:0", "[::ffff:127.0.0.1]:8883", "", false, "needs no relay"},
		{"127.0.0.1:0", own + ":8883", "", false, "needs no relay"},
		{"127.0.0.1:18883", "127.0.0.1:18883", "", true, "is the relay itself"},
		{"0.0.0.0:18883", own + ":18883", "", true, "is the relay itself"},
		{"0.0.0.0:18883", "127.0.0.5:18883", "", true, "is the relay itself"},
		{"0.0.0.0:18883", "192.168.77.10:18883", "192.168.77.10", false, "is the relay itself"},
		{"", "192.168.77.11:8883", "", false, "no address to listen on"},
		{taken.String(), "192.168.77.11:8883", "", false, "another program on this host holds the port"},
		{"192.0.2.77:0", "192.168.77.11:8883", "", false, "does not have that address"},
	} {
		cfg := relay.Config{AllowLoopback: c.loopback}
		cfg.Listen, _ = netip.ParseAddrPort(c.listen)
		cfg.Target, _ = netip.ParseAddrPort(c.target)
		if c.own != "" {
			cfg.Own = []netip.Addr{netip.MustParseAddr(c.own)}
		}
		r, err := relay.Listen(cfg)
		if err == nil {
			r.Close()
			t.Errorf("from %s to %s: no error", c.listen, c.target)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("from %s to %s: %v, and nothing of %q", c.listen, c.target, err, c.want)
		}
	}
}

func TestTargetsThatAreTaken(t *testing.T) {
	for _, c := range []struct{ listen, target, own string }{
		{"127.0.0.1:0", "192.168.77.11:8883", ""},
		{"0.0.0.0:0", "192.168.77.11:8883", ""},
		{"[::1]:0", "[2001:db8::5]:8883", ""},
		{"127.0.0.1:0", "[fe80::1%lo]:8883", ""},
		// The host of a container on a bridge, at another port.
		{"127.0.0.1:0", "192.168.77.10:1883", "192.168.77.10"},
	} {
		cfg := relay.Config{Listen: netip.MustParseAddrPort(c.listen), Target: netip.MustParseAddrPort(c.target)}
		if c.own != "" {
			cfg.Own = []netip.Addr{netip.MustParseAddr(c.own)}
		}
		r, err := relay.Listen(cfg)
		if err != nil {
			t.Errorf("from %s to %s: %v", c.listen, c.target, err)
			continue
		}
		if r.Addr().Port() == 0 {
			t.Errorf("it listens on %s", r.Addr())
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNegativeLimitsAreRefused(t *testing.T) {
	for _, cfg := range []relay.Config{{MaxConnections: -1}, {MaxPerSource: -1}, {Idle: -1}, {ConnectTimeout: -1}} {
		cfg.Listen, cfg.Target = loopback, netip.MustParseAddrPort("192.168.77.11:8883")
		if r, err := relay.Listen(cfg); err == nil {
			r.Close()
			t.Errorf("%+v is taken", cfg)
		}
	}
}

// A bound address stays in the error, for errors.Is.
func TestBindErrorsUnwrap(t *testing.T) {
	taken := serve(t, func(*net.TCPConn) {})
	_, err := relay.Listen(relay.Config{Listen: taken, Target: netip.MustParseAddrPort("192.168.77.11:8883")})
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("%v", err)
	}
}

// ownAddress is one of this host's that is not loopback, or loopback where
// there is none.
func ownAddress(t *testing.T) string {
	t.Helper()
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			return p.Addr().String()
		}
	}
	return "127.0.0.1"
}
