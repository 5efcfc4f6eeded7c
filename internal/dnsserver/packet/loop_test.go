package packet_test

// What every kind of loop does, over real sockets of loopback.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patient is longer than anything takes that works.
const patient = 30 * time.Second

// each runs a test for every kind of loop.
func each(t *testing.T, test func(*testing.T, func(netip.AddrPort) (packet.Loop, error))) {
	for name, listen := range packet.Kinds {
		t.Run(name, func(t *testing.T) { test(t, listen) })
	}
}

// echo sends back what came, and counts.
type echo struct {
	batches, packets, ended atomic.Int32

	sent func() // may be nil
}

func (e *echo) Begin() { e.batches.Add(1) }

func (e *echo) End() { e.ended.Add(1) }

func (e *echo) Sent() {
	if e.sent != nil {
		e.sent()
	}
}

func (e *echo) Packet(dst, got []byte, _ packet.Peer) []byte {
	e.packets.Add(1)
	return append(dst, got...)
}

// handler is an echo with a word of its own.
type handler struct {
	echo
	do func(dst, got []byte, from packet.Peer) []byte
}

func (h *handler) Packet(dst, got []byte, from packet.Peer) []byte {
	h.packets.Add(1)
	return h.do(dst, got, from)
}

// serve runs a loop until the test ends.
func serve(t *testing.T, listen func(netip.AddrPort) (packet.Loop, error), addr string, h packet.Handler) packet.Loop {
	t.Helper()
	l, err := listen(netip.MustParseAddrPort(addr))
	if err != nil {
		t.Skipf("this host has no %s: %v", addr, err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- l.Run(ctx, h) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return l
}

// client is a socket that hears nobody but addr.
func client(t testing.TB, addr netip.AddrPort) *net.UDPConn {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patient))
	return conn
}

// ask sends a datagram and returns the reply.
func ask(t testing.TB, conn net.Conn, message []byte) []byte {
	t.Helper()
	if _, err := conn.Write(message); err != nil {
		t.Fatal(err)
	}
	return hear(t, conn)
}

func hear(t testing.TB, conn net.Conn) []byte {
	t.Helper()
	buffer := make([]byte, 1<<16)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return buffer[:n]
}

// loopback is another address with the port of l.
func loopback(addr string, l packet.Loop) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(addr), l.Addr().Port())
}

func TestRepliesLeaveFromTheAddressThatWasAsked(t *testing.T) {
	each(t, func(t *testing.T, listen func(netip.AddrPort) (packet.Loop, error)) {
		for bind, asked := range map[string][]string{
			"0.0.0.0:0":   {"127.0.0.1", "127.0.0.2", "127.0.0.3"},
			"127.0.0.4:0": {"127.0.0.4"},
			"[::]:0":      {"::1"},
			"[::1]:0":     {"::1"},
		} {
			t.Run(bind, func(t *testing.T) {
				late := make(chan packet.Peer, 1)
				l := serve(t, listen, bind, &handler{do: func(dst, got []byte, from packet.Peer) []byte {
					if string(got) == "later" {
						late <- from
						return nil
					}
					return append(dst, got...)
				}})
				for _, addr := range asked {
					conn := client(t, loopback(addr, l))
					for range 20 { // through idle and busy
						if got := ask(t, conn, []byte("now")); string(got) != "now" {
							t.Errorf("%s: %q", addr, got)
						}
					}
					if _, err := conn.Write([]byte("later")); err != nil {
						t.Fatal(err)
					}
					l.Send(<-late, []byte("here it is"))
					if got := hear(t, conn); string(got) != "here it is" {
						t.Errorf("%s: late reply %q", addr, got)
					}
				}
			})
		}
	})
}

func TestABurstIsAnsweredWhole(t *testing.T) {
	const burst = 100
	each(t, func(t *testing.T, listen func(netip.AddrPort) (packet.Loop, error)) {
		entered, goOn := make(chan struct{}, 1), make(chan struct{})
		h := &handler{do: func(dst, got []byte, _ packet.Peer) []byte {
			switch string(got) {
			case "wait":
				entered <- struct{}{}
				<-goOn
			case "7": // which no datagram can carry
				return append(dst, make([]byte, 70_000)...)
			case "8":
				return dst
			case "9": // which has no room in the loop's own buffer
				return append(dst, bytes.Repeat([]byte("9"), 3*packet.ReplySize)...)
			}
			return append(dst, got...)
		}}
		l := serve(t, listen, "127.0.0.1:0", h)
		conn := client(t, l.Addr())
		if _, err := conn.Write([]byte("wait")); err != nil {
			t.Fatal(err)
		}
		<-entered
		want := map[string]bool{"wait": true}
		for i := range burst {
			if _, err := fmt.Fprint(conn, i); err != nil {
				t.Fatal(err)
			}
			want[fmt.Sprint(i)] = true
		}
		close(goOn)
		delete(want, "7")
		delete(want, "8")
		delete(want, "9")
		want[string(bytes.Repeat([]byte("9"), 3*packet.ReplySize))] = true
		for len(want) > 0 {
			got := string(hear(t, conn))
			if !want[got] {
				t.Fatalf("got %.20q, which was not asked or came twice", got)
			}
			delete(want, got)
		}
		batches := int32(burst + 1)
		if packet.Batches(l) {
			batches = 1 + (burst+packet.BatchSize-1)/packet.BatchSize
		}
		if got := h.batches.Load(); got != batches || h.ended.Load() != batches || h.packets.Load() != burst+1 {
			t.Errorf("%d datagrams in %d batches, of which %d ended, want %d in %d", h.packets.Load(), got, h.ended.Load(), burst+1, batches)
		}
	})
}

func TestLongDatagramsAreCut(t *testing.T) {
	each(t, func(t *testing.T, listen func(netip.AddrPort) (packet.Loop, error)) {
		for _, bind := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
			l := serve(t, listen, bind, &echo{})
			conn := client(t, loopback("127.0.0.1", l))
			for _, size := range []int{1, packet.ReplySize + 1, packet.MaxPacket, packet.MaxPacket + 1, 60_000, 2} {
				message := bytes.Repeat([]byte("x"), size)
				if got := ask(t, conn, message); !bytes.Equal(got, message[:min(size, packet.MaxPacket)]) {
					t.Errorf("of %d octets %d came back", size, len(got))
				}
			}
		}
	})
}

func TestNobodyElseGetsTheAddress(t *testing.T) {
	each(t, func(t *testing.T, listen func(netip.AddrPort) (packet.Loop, error)) {
		l := serve(t, listen, "127.0.0.1:0", &echo{})
		for name, other := range packet.Kinds {
			for _, addr := range []netip.AddrPort{l.Addr(), loopback("0.0.0.0", l)} {
				if second, err := other(addr); !errors.Is(err, inUse) {
					t.Errorf("%s binds %s as well: %v, %v", name, addr, second, err)
				}
			}
		}
		if _, err := listen(netip.MustParseAddrPort("192.0.2.1:0")); !errors.Is(err, notOurs) {
			t.Errorf("an address of others: %v", err)
		}
	})
}

func TestUnknownLoopIsAnError(t *testing.T) {
	if l, err := packet.Listen(packet.Config{Mode: "turbo"}, netip.MustParseAddrPort("127.0.0.1:0")); err == nil {
		l.Close()
		t.Error("it is taken")
	}
}
