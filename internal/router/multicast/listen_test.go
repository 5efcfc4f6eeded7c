//go:build linux || darwin

package multicast_test

// Two programs on one port, as a NAS has them.

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/multicast"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// group is of those that no network hands on (RFC 5771, section 9): a test has
// it to itself.
var group = netip.MustParseAddrPort("239.255.77.77:17771")

var loopback = netip.MustParseAddr("127.0.0.1")

func TestTheGroupIsHeardBesideOthers(t *testing.T) {
	var ears []*net.UDPConn
	for range 2 {
		conn, err := multicast.Listen(group, loopback)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ears = append(ears, conn)
	}
	// Bound to the group alone, they leave the port to others for their own
	// addresses.
	other, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, group.Port())))
	if err != nil {
		t.Fatalf("the port is taken away from others: %v", err)
	}
	defer other.Close()
	// Sent from loopback, it stays there.
	sender, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)), net.UDPAddrFromAddrPort(group))
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	if _, err := sender.Write([]byte("news")); err != nil {
		t.Skipf("this host sends no multicast on loopback: %v", err)
	}
	for i, conn := range ears {
		buffer := make([]byte, 100)
		_ = conn.SetReadDeadline(time.Now().Add(3 * time.Minute))
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil || string(buffer[:n]) != "news" || from.Addr().Unmap() != loopback {
			t.Errorf("ear %d: %q from %v, %v", i, buffer[:n], from, err)
		}
	}
}

func TestWhatCannotBeListenedToIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		group netip.AddrPort
		local netip.Addr
	}{
		"no group":       {netip.MustParseAddrPort("127.0.0.1:17771"), loopback},
		"IPv6":           {netip.MustParseAddrPort("[ff02::1]:17771"), loopback},
		"no such host":   {group, netip.MustParseAddr("192.0.2.1")},
		"nothing at all": {},
	} {
		if conn, err := multicast.Listen(c.group, c.local); err == nil {
			conn.Close()
			t.Errorf("%s: no error", name)
		}
	}
	// Whoever has the port for himself keeps it, and that is said.
	alone, err := net.ListenUDP("udp4", &net.UDPAddr{Port: int(group.Port())})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	if conn, err := multicast.Listen(group, loopback); err == nil {
		conn.Close()
		t.Error("a port was taken that is another's")
	}
}
