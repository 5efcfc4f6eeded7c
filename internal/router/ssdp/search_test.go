package ssdp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	self   = netip.MustParseAddr("127.0.0.1")
	fake   = netip.MustParseAddr("127.0.0.2")
	igd1   = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
	replyf = "HTTP/1.1 200 OK\r\nST: %s\r\nLOCATION: http://%s:%d/d.xml\r\n\r\n"
)

// answerer calls answer for each datagram that comes to a socket on fake.
func answerer(t *testing.T, answer func(conn *net.UDPConn, n int, packet string, from netip.AddrPort)) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(fake, 0)))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		buffer := make([]byte, 2048)
		for i := 0; ; i++ {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			answer(conn, i, string(buffer[:n]), from)
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestSearchAsksForEveryTargetAndStopsEarly(t *testing.T) {
	targets := make(chan string, 6)
	to := answerer(t, func(conn *net.UDPConn, i int, packet string, from netip.AddrPort) {
		_, st, _ := strings.Cut(packet, "\r\nST: ")
		targets <- strings.TrimSpace(st)
		if i == 5 {
			fmt.Fprintf(packetTo{conn, from}, replyf, "upnp:rootdevice", fake, 7000)
			fmt.Fprintf(packetTo{conn, from}, replyf, igd1, fake, 5000)
		}
	})
	// With an hour's window it can only end because a router answered.
	got, err := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, Window: time.Hour}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Replies) != 2 || got.Replies[0].Location.Port() != "5000" {
		t.Errorf("got %+v, want the gateway device first", got.Replies)
	}
	var asked []string
	for range 6 {
		asked = append(asked, <-targets)
	}
	if asked[0] != "urn:schemas-upnp-org:device:InternetGatewayDevice:2" || asked[5] != "ssdp:all" {
		t.Errorf("asked for %q", asked)
	}
}

func TestSearchSendsTwice(t *testing.T) {
	to := answerer(t, func(conn *net.UDPConn, i int, _ string, from netip.AddrPort) {
		if i >= 6 { // the first sending is lost
			fmt.Fprintf(packetTo{conn, from}, replyf, igd1, fake, 5000)
		}
	})
	got, err := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, Window: 600 * time.Millisecond}.Run(t.Context())
	if err != nil || len(got.Replies) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestSearchBelievesOnlyTheGateway(t *testing.T) {
	to := answerer(t, func(conn *net.UDPConn, _ int, _ string, from netip.AddrPort) {
		fmt.Fprintf(packetTo{conn, from}, replyf, igd1, fake, 5000)
	})
	s := ssdp.Search{Gateway: netip.MustParseAddr("127.0.0.3"), Local: self, To: []netip.AddrPort{to}, Window: 100 * time.Millisecond}
	got, err := s.Run(t.Context())
	if err != nil || len(got.Replies) != 0 {
		t.Errorf("got %+v, %v", got.Replies, err)
	}
	if len(got.Refused) != 1 || !strings.Contains(got.Refused[0], "127.0.0.2, which is not the gateway") {
		t.Errorf("reasons %q", got.Refused)
	}
}

func TestSearchReadsSixteenReplies(t *testing.T) {
	to := answerer(t, func(conn *net.UDPConn, i int, _ string, from netip.AddrPort) {
		for port := range 20 {
			fmt.Fprintf(packetTo{conn, from}, replyf, "upnp:rootdevice", fake, 5000+20*i+port)
		}
	})
	// No reply names a gateway device, so only the bound can end it.
	got, err := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, Window: time.Hour}.Run(t.Context())
	if err != nil || len(got.Replies) != 16 {
		t.Errorf("got %d replies, %v, want 16", len(got.Replies), err)
	}
}

func TestSearchRefusesALargeReply(t *testing.T) {
	to := answerer(t, func(conn *net.UDPConn, _ int, _ string, from netip.AddrPort) {
		fmt.Fprintf(packetTo{conn, from}, strings.Replace(replyf, "ST:", "X: "+strings.Repeat("x", 2100)+"\r\nST:", 1), igd1, fake, 5000)
	})
	got, err := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, Window: 100 * time.Millisecond}.Run(t.Context())
	if err != nil || len(got.Replies) != 0 || len(got.Refused) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestSearchSurvivesOneAddressThatCannotBeSentTo(t *testing.T) {
	to := answerer(t, func(conn *net.UDPConn, _ int, _ string, from netip.AddrPort) {
		fmt.Fprintf(packetTo{conn, from}, replyf, igd1, fake, 5000)
	})
	unreachable := netip.MustParseAddrPort("192.0.2.1:1900") // not from a socket on loopback
	got, err := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{unreachable, to}}.Run(t.Context())
	if err != nil || len(got.Replies) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := (ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{unreachable}}).Run(t.Context()); err == nil {
		t.Error("sending nothing at all was no error")
	}
}

func TestSearchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	to := answerer(t, func(*net.UDPConn, int, string, netip.AddrPort) { cancel() })
	_, err := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, Window: time.Hour}.Run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

// packetTo writes datagrams to one peer.
type packetTo struct {
	conn *net.UDPConn
	to   netip.AddrPort
}

func (p packetTo) Write(b []byte) (int, error) { return p.conn.WriteToUDPAddrPort(b, p.to) }
