package lan_test

// Holders of real sockets on loopback: the tests' own process is the one that
// must be found.

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/lan"
)

// hold opens a socket on a free port of address and returns its address.
func hold(t *testing.T, network, address string) netip.AddrPort {
	t.Helper()
	if strings.HasPrefix(network, "udp") {
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			t.Skipf("this host has no %s on %s: %v", network, address, err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("this host has no %s on %s: %v", network, address, err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().(*net.TCPAddr).AddrPort()
}

func TestPortHolderFindsThisProcess(t *testing.T) {
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ network, held, wanted string }{
		{"udp", "127.0.0.1:0", "127.0.0.1"},
		{"tcp", "127.0.0.1:0", "127.0.0.1"},
		{"tcp4", "127.0.0.1:0", "0.0.0.0"}, // a wildcard meets the concrete
		{"udp", "127.0.0.1:0", "::"},
		{"udp4", "0.0.0.0:0", "127.0.0.1"}, // and the other way round
		{"tcp", "[::]:0", "127.0.0.1"},
		{"udp6", "[::1]:0", "::1"},
		{"tcp6", "[::1]:0", "::"},
	} {
		t.Run(c.network+" "+c.held+" "+c.wanted, func(t *testing.T) {
			held := hold(t, c.network, c.held)
			wanted := netip.AddrPortFrom(netip.MustParseAddr(c.wanted), held.Port())
			got, found := lan.PortHolder(c.network, wanted)
			if !found {
				t.Fatalf("nobody holds %v, though we do on %v", wanted, held)
			}
			if got.PID != os.Getpid() || got.Name != strings.TrimSpace(string(comm)) || got.Addr.Port() != held.Port() {
				t.Errorf("held by %v on %v, want %s (pid %d)", got, got.Addr, comm, os.Getpid())
			}
		})
	}
}

func TestPortHolderKnowsAFreePort(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	elsewhere := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), addr.Port())
	if got, found := lan.PortHolder("udp4", elsewhere); found && got.PID == os.Getpid() {
		t.Errorf("%v is held by %v on %v", elsewhere, got, got.Addr)
	}
	conn.Close()
	if got, found := lan.PortHolder("udp4", addr); found && got.PID == os.Getpid() {
		t.Errorf("%v is closed and yet held by %v", addr, got)
	}
}

// TestPortHolderLeavesConnectionsOut dials a server that then stops listening:
// the connection that is left keeps the port in the table, not in use.
func TestPortHolderLeavesConnectionsOut(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	addr := listener.Addr().(*net.TCPAddr).AddrPort()
	listener.Close()
	if got, found := lan.PortHolder("tcp", addr); found && got.PID == os.Getpid() {
		t.Errorf("a connection counts as a server: %v on %v", got, got.Addr)
	}
}

func TestClash(t *testing.T) {
	for _, c := range []struct {
		have, want string
		clash      bool
	}{
		{"192.168.1.10", "192.168.1.10", true},
		{"192.168.1.10", "192.168.1.11", false},
		{"127.0.0.53", "192.168.1.10", false},
		{"127.0.0.53", "0.0.0.0", true},
		{"0.0.0.0", "192.168.1.10", true},
		{"0.0.0.0", "fd00::1", false},
		{"0.0.0.0", "::", true},
		{"::", "192.168.1.10", true},
		{"fd00::1", "0.0.0.0", false},
		{"fd00::1", "::", true},
		{"fe80::1", "fe80::1%eth0", true},
		{"192.168.1.10", "", true},
	} {
		want, _ := netip.ParseAddr(c.want)
		if got := lan.Clash(netip.AddrPortFrom(netip.MustParseAddr(c.have), 53), want); got != c.clash {
			t.Errorf("%s against %q clashes: %v", c.have, c.want, got)
		}
	}
}

func FuzzSocketsIn(f *testing.F) {
	f.Add("  0: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22334 1\n")
	f.Add("  0: 00000000000000000000000001000000:0035 0:0 07 0 0 0 0 0 22334 2\n")
	f.Add("sl local_address\n0: :0035 a b c d e f g h\n")
	f.Fuzz(func(t *testing.T, table string) {
		for _, protocol := range []string{"tcp", "udp"} {
			for _, addr := range lan.SocketsIn(strings.NewReader(table), protocol, 53) {
				if !addr.IsValid() || addr.Port() != 53 {
					t.Errorf("a socket on %v", addr)
				}
			}
		}
	})
}

func FuzzParseEndpoint(f *testing.F) {
	f.Add("0100007F:0035")
	f.Add("0000000000000000FFFF00000100007F:1F90")
	f.Add(":")
	f.Fuzz(func(t *testing.T, text string) {
		if addr, ok := lan.ParseEndpoint(text); ok != addr.IsValid() || addr.Addr().Is4In6() {
			t.Errorf("%q is %v, %v", text, addr, ok)
		}
	})
}
