package dnsserver_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
)

func TestDeadUpstreamAndFullPoolNeverDelayOverrides(t *testing.T) {
	const workers, hanging = 64, 4000
	dead := silent(t)
	h := start(t, dead, func(c *dnsserver.Config) { c.Workers, c.Upstream = workers, waiting(t, time.Minute, dead) })
	conn, err := net.Dial("udp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	refused := 0
	reply := make([]byte, 512)
	for i := range hanging {
		m := new(dns.Msg).SetQuestion(fmt.Sprintf("n%d.example.net.", i), dns.TypeA)
		if _, err := conn.Write(pack(t, m)); err != nil {
			t.Fatal(err)
		}
		if i >= workers { // the pool is full: each further one is told so at once
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			n, err := conn.Read(reply)
			if err != nil {
				t.Fatalf("question %d: %v", i, err)
			}
			if got := new(dns.Msg); got.Unpack(reply[:n]) != nil || got.Rcode != dns.RcodeServerFailure || got.Id != m.Id {
				t.Fatalf("question %d gets %v", i, got)
			}
			refused++
		}
		if i%500 == 499 {
			for _, network := range []string{"udp", "tcp"} {
				got := addresses(h.exchange(network, new(dns.Msg).SetQuestion("mqtt.example.org.", dns.TypeA)).Answer)
				if !slices.Equal(got, []string{"192.168.1.10"}) {
					t.Fatalf("the override over %s is %v after %d hanging questions", network, got, i)
				}
			}
		}
	}
	if q := h.Status().Queries; q.Dropped != uint64(refused) || q.Forwarded != 0 {
		t.Errorf("counts are %+v, want %d dropped", q, refused)
	}
	if err := h.end(); err != nil { // and Run ends though a minute is not over
		t.Errorf("Run = %v", err)
	}
}

func TestSecondAnswerComesFromTheCache(t *testing.T) {
	w := newWorld(t, "www.example.net. 300 IN A 11.22.33.44")
	h := start(t, w.addr, nil)
	for i, name := range []string{"www.example.net.", "WWW.Example.net.", "www.EXAMPLE.net."} {
		m := h.ask(name, dns.TypeA)
		if got := addresses(m.Answer); !slices.Equal(got, []string{"11.22.33.44"}) || m.Authoritative || m.Answer[0].Header().Name != name {
			t.Errorf("answer %d is %v", i, m)
		}
		if m := h.ask("none.example.net.", dns.TypeA); m.Rcode != dns.RcodeNameError {
			t.Errorf("denial %d is %v", i, m)
		}
	}
	if w.count("www.example.net.", dns.TypeA) != 1 || w.count("none.example.net.", dns.TypeA) != 1 {
		t.Error("upstream was asked again")
	}
	if st := h.Status(); st.Queries.Cached != 4 || st.Queries.Forwarded != 2 || st.Cache.Entries != 2 || st.Cache.Hits != 4 || st.Cache.Misses != 2 {
		t.Errorf("counts are %+v %+v", st.Queries, st.Cache)
	}
}

func TestLongAnswersAreTruncatedOverUDPAndWholeOverTCP(t *testing.T) {
	records := make([]string, 60)
	for i := range records {
		records[i] = fmt.Sprintf("big.example.net. 300 IN A 11.22.33.%d", i)
	}
	h := start(t, newWorld(t, records...).addr, nil)
	for range 2 { // from upstream, then from the cache
		if m := h.ask("big.example.net.", dns.TypeA); !m.Truncated || len(m.Answer) != 0 {
			t.Errorf("512 octets hold %v", m)
		}
		if m := h.exchange("udp", new(dns.Msg).SetQuestion("big.example.net.", dns.TypeA).SetEdns0(1232, false)); m.Truncated || len(m.Answer) != 60 {
			t.Errorf("1232 octets hold %v", m)
		}
		if m := h.exchange("tcp", new(dns.Msg).SetQuestion("big.example.net.", dns.TypeA)); m.Truncated || len(m.Answer) != 60 {
			t.Errorf("TCP holds %v", m)
		}
	}
}

func TestADPassesThroughForForwardedNames(t *testing.T) {
	h := start(t, newWorld(t, "www.example.net. 300 IN A 11.22.33.44").addr, nil)
	for range 2 {
		if m := h.exchange("udp", new(dns.Msg).SetQuestion("www.example.net.", dns.TypeA).SetEdns0(1232, true)); !m.AuthenticatedData || !m.IsEdns0().Do() {
			t.Errorf("with DO: %v", m)
		}
		if m := h.ask("www.example.net.", dns.TypeA); m.AuthenticatedData {
			t.Errorf("without DO and AD: %v", m)
		}
	}
}

func TestTCPPipelinesQuestions(t *testing.T) {
	dead := silent(t)
	h := start(t, dead, func(c *dnsserver.Config) { c.Upstream = waiting(t, time.Minute, dead) })
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var out []byte
	for i, name := range []string{"hangs.example.net.", "mqtt.example.org.", "localhost."} {
		m := new(dns.Msg).SetQuestion(name, dns.TypeA)
		m.Id = uint16(i)
		packed := pack(t, m)
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(packed))), packed...)
	}
	if _, err := conn.Write(out); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	for _, id := range []uint16{1, 2} { // the first hangs and holds up nobody
		m, err := (&dns.Conn{Conn: conn}).ReadMsg()
		if err != nil || m.Id != id || len(m.Answer) != 1 {
			t.Fatalf("reply is %v, %v, want the one to question %d", m, err, id)
		}
	}
}

func TestTCPClosesWhenIdleOrWithinAQuestion(t *testing.T) {
	s, _ := build(t, silent(t), nil)
	s.SetIdle(50 * time.Millisecond)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for _, octets := range []string{"", "\x00\x20abc"} {
		conn, err := net.Dial("tcp", s.Status().Listen[0].String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, octets)
		_ = conn.SetReadDeadline(time.Now().Add(8 * time.Second)) // less than the default
		if _, err := io.ReadAll(conn); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Errorf("after %q the connection is held open", octets)
			}
		}
		conn.Close()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
}

func TestUnspecifiedAddressRepliesFromTheAddressAsked(t *testing.T) {
	for listen, ask := range map[string][]string{"0.0.0.0:0": {"127.0.0.1", "127.0.0.9"}, "[::]:0": {"::1"}} {
		probe, err := net.ListenPacket("udp", net.JoinHostPort(ask[0], "0"))
		if err != nil {
			t.Logf("no %s on this host: %v", ask[0], err)
			continue
		}
		probe.Close()
		h := start(t, newWorld(t, "www.example.net. 300 IN A 11.22.33.44").addr, func(c *dnsserver.Config) {
			c.Listen = []netip.AddrPort{netip.MustParseAddrPort(listen)}
		})
		port := h.Status().Listen[0].Port()
		for _, addr := range ask {
			// A connected socket hears only replies from the address it asked.
			h.addr = netip.AddrPortFrom(netip.MustParseAddr(addr), port).String()
			if got := addresses(h.ask("mqtt.example.org.", dns.TypeA).Answer); len(got) != 1 {
				t.Errorf("%s: inline answer is %v", addr, got)
			}
			if got := addresses(h.ask("www.example.net.", dns.TypeA).Answer); len(got) != 1 {
				t.Errorf("%s: forwarded answer is %v", addr, got)
			}
		}
	}
}
