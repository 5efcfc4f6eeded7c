package ssdp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	self   = netip.MustParseAddr("127.0.0.1")
	count  = 10 // search targets
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
	targets := make(chan string, count)
	to := answerer(t, func(conn *net.UDPConn, i int, packet string, from netip.AddrPort) {
		_, st, _ := strings.Cut(packet, "\r\nST: ")
		targets <- strings.TrimSpace(st)
		if i == count-1 {
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
	for range count {
		asked = append(asked, <-targets)
	}
	if asked[0] != "urn:schemas-upnp-org:device:InternetGatewayDevice:2" || asked[count-1] != "ssdp:all" || !slices.Contains(asked, "urn:dslforum-org:service:WANPPPConnection:1") {
		t.Errorf("asked for %q", asked)
	}
}

func TestSearchEndsWithTheRouterThatIsKnown(t *testing.T) {
	to := answerer(t, func(conn *net.UDPConn, _ int, _ string, from netip.AddrPort) {
		fmt.Fprintf(packetTo{conn, from}, replyf, "upnp:rootdevice", fake, 5000)
	})
	s := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, Targets: []string{"ssdp:all"}, Window: time.Hour, Known: "http://127.0.0.2:5000/d.xml"}
	if got, err := s.Run(t.Context()); err != nil || len(got.Replies) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestSearchSendsTwice(t *testing.T) {
	to := answerer(t, func(conn *net.UDPConn, i int, _ string, from netip.AddrPort) {
		if i >= count { // the first sending is lost
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

// Of the places that the gateway names by one way 8 are kept, a gateway
// device's among them even where it comes late.
func TestSearchIsBoundedInReplies(t *testing.T) {
	to := answerer(t, func(conn *net.UDPConn, i int, _ string, from netip.AddrPort) {
		for port := range 12 {
			fmt.Fprintf(packetTo{conn, from}, replyf, "upnp:rootdevice", fake, 5000+12*i+port)
		}
		if i >= 3 {
			fmt.Fprintf(packetTo{conn, from}, replyf, strings.ToLower(igd1), fake, 4000)
		}
	})
	// Within an hour's window only that device can end it.
	got, err := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, Window: time.Hour, Settle: time.Second}.Run(t.Context())
	if err != nil || len(got.Replies) != 8 || got.Whole {
		t.Fatalf("got %d replies, %v, whole %t, want 8", len(got.Replies), err, got.Whole)
	}
	if got.Replies[0].Location.Port() != "4000" {
		t.Errorf("the first is %v, want the gateway device", got.Replies[0])
	}
}

// Each way is read so often and no more, and neither uses up the other's.
func TestWhatIsReadIsBounded(t *testing.T) {
	good, bad := fmt.Sprintf(replyf, igd1, fake, 5000), fmt.Sprintf(replyf, igd1, "8.8.8.8", 80)
	for text, want := range map[string]int{good: 256, bad: 1024} {
		for _, group := range []bool{false, true} {
			if n, other := ssdp.ReadOfLane(group, fake, []byte(text)); n != want || other != 0 {
				t.Errorf("%d were read and %d on the other lane, want %d and none", n, other, want)
			}
		}
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
