package dnsserver_test

// What a question costs that has to be forwarded.

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
)

// echo is a server on loopback that answers every question with one address,
// without allocating.
func echo(tb testing.TB) netip.AddrPort {
	tb.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for buffer := make([]byte, 4096); ; {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			end := 12
			for end < n && buffer[end] != 0 {
				end += 1 + int(buffer[end])
			}
			end += 5
			buffer[2], buffer[3], buffer[7], buffer[11] = 0x81, 0x80, 1, 0
			answer := append(buffer[:end], 0xC0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1)
			_, _ = conn.WriteToUDPAddrPort(answer, from)
		}
	}()
	tb.Cleanup(func() { conn.Close(); <-ended })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// A worker is given a question at the moment at which it would end.
func TestAWorkerThatEndsStillAnswersWhatItWasGiven(t *testing.T) {
	s, _ := build(t, echo(t), nil)
	for n := range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		ask := func(ctx context.Context, which string) {
			name := fmt.Sprintf("%s%d.miss.example.", which, n)
			if out := s.Ask(ctx, pack(t, new(dns.Msg).SetQuestion(name, dns.TypeA)), lanHost); len(out) < 12 || out[7] != 1 {
				t.Errorf("the answer is %x", out)
			}
		}
		ask(ctx, "a") // its worker waits for more until ctx ends
		go cancel()
		ask(t.Context(), "b")
	}
}

// Waking a worker takes longer than answering a question, so what can be answered
// must not wait for it.
func TestWhatHasToWaitHoldsUpNobody(t *testing.T) {
	s, _ := build(t, echo(t), nil)
	question := func(name string) []byte { return pack(t, new(dns.Msg).SetQuestion(name, dns.TypeA)) }
	atOnce, kept, late := s.AskTogether(t.Context(), lanHost, question("a.miss.example."), question("mqtt.example.org."),
		question("b.miss.example."), question("mqtt.example.org."))
	if len(atOnce) != 2 || kept != 2 {
		t.Errorf("%d of 4 questions were answered at once and %d kept for later, not 2 and 2", len(atOnce), kept)
	}
	for _, out := range late {
		if len(out) < 12 || out[7] != 1 {
			t.Errorf("the late answer is %x", out)
		}
	}
}

// BenchmarkMiss is one question over loopback that a real upstream pool has to
// ask of a server, with the client's and the server's part.
func BenchmarkMiss(b *testing.B) {
	s, _ := build(b, echo(b), func(c *dnsserver.Config) { c.RateLimit = -1 })
	if err := s.Listen(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	conn, err := net.Dial("udp", s.Status().Listen[0].String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	packet, reply, n := pack(b, new(dns.Msg).SetQuestion("aaaaaaaaaaaaaaaa.miss.example.", dns.TypeA)), make([]byte, 4096), uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		for i, left := 0, n; i < 16; i, left = i+1, left/16 {
			packet[13+i] = 'a' + byte(left%16)
		}
		binary.BigEndian.PutUint16(packet, uint16(n))
		if _, err := conn.Write(packet); err != nil {
			b.Fatal(err)
		}
		if size, err := conn.Read(reply); err != nil || size < 12 || reply[7] != 1 {
			b.Fatalf("the answer is %x, %v", reply[:size], err)
		}
	}
}
