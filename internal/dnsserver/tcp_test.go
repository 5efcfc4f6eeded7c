package dnsserver_test

// Connections: who is let in, who goes, and what clients may do to us.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
)

// patient is how long a test waits for what must come.
const patient = 30 * time.Second

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patient))
	return conn
}

// framed packs messages as a stream carries them.
func framed(t testing.TB, list ...*dns.Msg) (out []byte) {
	t.Helper()
	for _, m := range list {
		packed := pack(t, m)
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(packed))), packed...)
	}
	return out
}

func question(name string) *dns.Msg { return new(dns.Msg).SetQuestion(name, dns.TypeA) }

// talk asks for an override on a connection.
func talk(t testing.TB, conn net.Conn) {
	t.Helper()
	co := &dns.Conn{Conn: conn}
	if err := co.WriteMsg(question("mqtt.example.org.")); err != nil {
		t.Fatalf("asking: %v", err)
	}
	if m, err := co.ReadMsg(); err != nil || len(m.Answer) != 1 {
		t.Fatalf("answer is %v, %v", m, err)
	}
}

// wantClosed waits until the server has closed a connection.
func wantClosed(t testing.TB, conn net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is held open")
	}
}

// limited is a server to which loopback is a client like any other.
func limited(t testing.TB, change func(*dnsserver.Config)) *house {
	t.Helper()
	return startWith(t, silent(t), change, (*dnsserver.Server).LimitLoopback)
}

func Test300IdleConnectionsDoNotKeepANewClientOut(t *testing.T) {
	h := start(t, silent(t), nil)
	first := dial(t, h.addr)
	talk(t, first)
	for range 300 {
		talk(t, dial(t, h.addr))
	}
	for range 5 {
		talk(t, dial(t, h.addr))
	}
	wantClosed(t, first) // the idlest went
	if n := h.Conns(); n != dnsserver.MaxConns {
		t.Errorf("%d connections are held, want %d", n, dnsserver.MaxConns)
	}
}

func TestOneClientsConnectionsAreBoundedAndItsIdlestGoes(t *testing.T) {
	h := limited(t, nil)
	var conns []net.Conn
	for range dnsserver.MaxConnsClient {
		c := dial(t, h.addr)
		talk(t, c)
		conns = append(conns, c)
	}
	talk(t, conns[0]) // so the second is the idlest
	talk(t, dial(t, h.addr))
	wantClosed(t, conns[1])
	talk(t, conns[0])
	talk(t, conns[2])
	if n := h.Conns(); n != dnsserver.MaxConnsClient {
		t.Errorf("%d connections are held, want %d", n, dnsserver.MaxConnsClient)
	}
}

func TestGreedyClientLosesItsConnectionAndNotAModestOne(t *testing.T) {
	h := limited(t, nil)
	from := func(local string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}}
		c, err := d.Dial("tcp4", h.addr)
		if err != nil {
			t.Skipf("this host has no %s: %v", local, err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(patient))
		talk(t, c)
		return c
	}
	modest := from("127.0.0.9") // the idlest of all
	var greedy []net.Conn
	for client := range dnsserver.MaxConns / dnsserver.MaxConnsClient {
		for range dnsserver.MaxConnsClient - min(client, 1) {
			greedy = append(greedy, from(fmt.Sprintf("127.0.0.%d", 10+client)))
		}
	}
	for range 3 {
		from("127.0.0.8")
	}
	talk(t, modest)
	wantClosed(t, greedy[0])
}

func TestOneOctetASecondIsCutOff(t *testing.T) {
	h := startWith(t, silent(t), nil, func(s *dnsserver.Server) { s.SetIdle(300 * time.Millisecond) })
	conn := dial(t, h.addr)
	closed := make(chan struct{})
	go func() { defer close(closed); _, _ = io.Copy(io.Discard, conn) }()
	stream := framed(t, question("mqtt.example.org."))
	for i, end := 0, time.After(patient); ; i++ {
		select {
		case <-closed:
			if i >= len(stream) {
				t.Error("the whole question was waited for")
			}
			return
		case <-end:
			t.Fatal("the connection is held open")
		case <-time.After(100 * time.Millisecond):
			_, _ = conn.Write(stream[i%len(stream) : i%len(stream)+1])
		}
	}
}

func TestClientThatNeverReadsIsCutOffWithinABound(t *testing.T) {
	text := strings.Repeat("x", 250)
	var records []string
	for i := range 200 {
		records = append(records, fmt.Sprintf("big.example.net. 300 IN TXT \"%d%s\"", i, text))
	}
	h := start(t, newWorld(t, records...).addr, nil)
	big := new(dns.Msg).SetQuestion("big.example.net.", dns.TypeTXT)
	if m := h.exchange("tcp", big); len(m.Answer) != 200 { // 50 kB, and in the cache now
		t.Fatalf("the long answer has %d records", len(m.Answer))
	}
	conn := dial(t, h.addr)
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	stream := framed(t, big)
	for sent := 0; ; sent++ {
		if _, err := conn.Write(stream); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the connection is held open")
			}
			break
		}
		if q := h.Queued(); q > 1<<20 {
			t.Fatalf("%d octets wait for one client that does not read", q)
		}
	}
	talk(t, dial(t, h.addr))
}

func TestHalfClosedConnectionStillGetsItsAnswers(t *testing.T) {
	w := newWorld(t, "www.example.net. 300 IN A 11.22.33.44")
	h := start(t, w.addr, nil)
	conn := dial(t, h.addr)
	if _, err := conn.Write(framed(t, question("www.example.net."), question("mqtt.example.org."))); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	answers := 0
	for len(got) > 2 {
		n := int(binary.BigEndian.Uint16(got))
		m := new(dns.Msg)
		if err := m.Unpack(got[2 : 2+n]); err != nil || len(m.Answer) != 1 {
			t.Errorf("answer is %v, %v", m, err)
		}
		got = got[2+n:]
		answers++
	}
	if answers != 2 {
		t.Errorf("%d answers came", answers)
	}
}

func TestLiesAboutTheLengthAreSurvived(t *testing.T) {
	h := startWith(t, silent(t), nil, func(s *dnsserver.Server) { s.SetIdle(200 * time.Millisecond) })
	whole := framed(t, question("mqtt.example.org."))
	for name, octets := range map[string]string{
		"zero":                 "\x00\x00",
		"less than a header":   "\x00\x01x",
		"shorter than it is":   "\x00\x10" + string(whole[2:]),
		"longer than it is":    "\x00\xff" + string(whole[2:]),
		"as long as there is":  "\xff\xff",
		"half of the length":   "\x00",
		"HTTP":                 "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"a TLS hello":          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"an answer, and again": string(answered(t)),
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, h.addr)
			if _, err := io.WriteString(conn, octets); err != nil {
				t.Fatal(err)
			}
			wantClosed(t, conn)
			talk(t, dial(t, h.addr))
		})
	}
}

// answered is a response where a question should be.
func answered(t testing.TB) []byte {
	return framed(t, new(dns.Msg).SetReply(question("mqtt.example.org.")))
}

func TestMessagesOf64KiB(t *testing.T) {
	var records []string
	for i := range 240 {
		records = append(records, fmt.Sprintf("big.example.net. 300 IN TXT \"%d%s\"", i, strings.Repeat("x", 250)))
	}
	h := start(t, newWorld(t, records...).addr, nil)
	for range 2 { // from upstream, then from the cache
		if m := h.exchange("tcp", new(dns.Msg).SetQuestion("big.example.net.", dns.TypeTXT)); len(m.Answer) != 240 || m.Len() < 60000 {
			t.Fatalf("%d records, %d octets", len(m.Answer), m.Len())
		}
	}
	// A question of 64 KiB is read whole, answered, and the next one too.
	conn := dial(t, h.addr)
	long := append(pack(t, question("mqtt.example.org.")), make([]byte, 65000)...)
	stream := append(binary.BigEndian.AppendUint16(nil, uint16(len(long))), long...)
	if _, err := conn.Write(append(stream, framed(t, question("both.example.org."))...)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 2} {
		if m, err := (&dns.Conn{Conn: conn}).ReadMsg(); err != nil || len(m.Answer) != want {
			t.Fatalf("answer is %v, %v", m, err)
		}
	}
}

func TestTruncatedAnswerComesWholeOverTCP(t *testing.T) {
	var records []string
	for i := range 100 {
		records = append(records, fmt.Sprintf("many.example.net. 300 IN A 11.22.33.%d", i))
	}
	h := start(t, newWorld(t, records...).addr, nil)
	ask := new(dns.Msg).SetQuestion("many.example.net.", dns.TypeA).SetEdns0(4096, false)
	if m := h.exchange("udp", ask); !m.Truncated || len(m.Answer) != 0 || m.Len() > 1232 {
		t.Errorf("over UDP: %v", m)
	}
	if m := h.exchange("tcp", ask); m.Truncated || len(m.Answer) != 100 {
		t.Errorf("over TCP: %v", m)
	}
}

func TestKeepaliveIsAnsweredOverTCPOnly(t *testing.T) {
	h := start(t, silent(t), nil)
	ask := question("mqtt.example.org.").SetEdns0(1232, false)
	ask.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE}}
	find := func(m *dns.Msg) *dns.EDNS0_TCP_KEEPALIVE {
		for _, o := range m.IsEdns0().Option {
			if k, ok := o.(*dns.EDNS0_TCP_KEEPALIVE); ok {
				return k
			}
		}
		return nil
	}
	if k := find(h.exchange("udp", ask)); k != nil {
		t.Errorf("over UDP it says %v", k)
	}
	if k := find(h.exchange("tcp", ask)); k == nil || k.Timeout != 300 {
		t.Errorf("over TCP it says %v, want 30 s", k)
	}
	if k := find(h.exchange("tcp", question("mqtt.example.org.").SetEdns0(1232, false))); k != nil {
		t.Errorf("unasked it says %v", k)
	}
	for range dnsserver.MaxConns {
		talk(t, dial(t, h.addr))
	}
	if k := find(h.exchange("tcp", ask)); k == nil || k.Timeout != 0 {
		t.Errorf("with all connections taken it says %v, want 0", k)
	}
}
