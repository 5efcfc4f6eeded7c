package upstream_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/fact"
)

func TestMain(m *testing.M) {
	// A proxy that is not there: net/http reads the variable once.
	os.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	goleak.VerifyTestMain(m)
}

// serve starts a server on loopback, UDP and TCP.
func serve(t *testing.T, handler dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	packets, stream := pair(t)
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: stream, Handler: handler}} {
		started, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { defer close(ended); _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	}
	return packets.LocalAddr().(*net.UDPAddr).AddrPort()
}

// pair binds UDP and TCP on one port of loopback that is free for both.
func pair(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for try := 1; ; try++ {
		packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		stream, err := net.Listen("tcp4", packets.LocalAddr().String())
		if err == nil {
			return packets, stream
		}
		packets.Close()
		if try == 16 {
			t.Fatal(err)
		}
	}
}

// reply answers with one A record; rcode and the rest may be changed.
func reply(r *dns.Msg, addr string) *dns.Msg {
	m := new(dns.Msg).SetReply(r)
	m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: 1, Ttl: 60}, A: net.ParseIP(addr)}}
	return m
}

func answering(addr string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, r *dns.Msg) { _ = w.WriteMsg(reply(r, addr)) }
}

// silent is a server that never answers; refusing one where nothing listens.
func silent(t *testing.T) netip.AddrPort {
	return serve(t, func(dns.ResponseWriter, *dns.Msg) {})
}

func refusing(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// made is a pool whose config is right.
func made(p *upstream.Pool, err error) *upstream.Pool {
	if err != nil {
		panic(err)
	}
	return p
}

func pool(timeout time.Duration, servers ...netip.AddrPort) *upstream.Pool {
	return made(upstream.New(upstream.Config{Servers: servers, Timeout: timeout}))
}

// hasty returns a pool that turns to the next server soon but gives up late.
func hasty(servers ...netip.AddrPort) *upstream.Pool {
	return made(upstream.New(upstream.Config{Servers: servers, Timeout: 30 * time.Second, Patience: 200 * time.Millisecond}))
}

func question(t *testing.T, change func(*dns.Msg)) *wire.Question {
	t.Helper()
	m := new(dns.Msg).SetQuestion("A.eXample.", dns.TypeA)
	if change != nil {
		change(m)
	}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	q := new(wire.Question)
	if wire.Parse(q, packed) != wire.Good {
		t.Fatal("the question does not parse")
	}
	return q
}

// exchange asks and returns what a client would get.
func exchange(t *testing.T, p *upstream.Pool, change func(*dns.Msg)) *dns.Msg {
	t.Helper()
	q := question(t, change)
	r, err := p.Exchange(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg)
	if err := m.Unpack(r.Append(nil, q, 0, wire.MaxMessage)); err != nil {
		t.Fatal(err)
	}
	return m
}

func wantAddr(t *testing.T, m *dns.Msg, want string) {
	t.Helper()
	if len(m.Answer) != 1 || m.Answer[0].(*dns.A).A.String() != want {
		t.Errorf("answer is %v, want %s", m, want)
	}
}

func TestDOAndCDAreForwardedButNoOptions(t *testing.T) {
	var asked atomic.Pointer[dns.Msg]
	p := pool(5*time.Second, serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
		asked.Store(r)
		m := reply(r, "1.2.3.4")
		m.AuthenticatedData = true
		m.SetEdns0(1232, true).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}}
		_ = w.WriteMsg(m)
	}))
	m := exchange(t, p, func(m *dns.Msg) {
		m.CheckingDisabled = true
		m.SetEdns0(4096, true).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0807060504030201"}}
	})
	got := asked.Load()
	if opt := got.IsEdns0(); opt == nil || !opt.Do() || opt.UDPSize() != 1232 || len(opt.Option) != 0 || !got.CheckingDisabled || !got.RecursionDesired {
		t.Errorf("upstream was asked %v", got)
	}
	if opt := m.IsEdns0(); opt == nil || len(opt.Option) != 0 || !m.AuthenticatedData || m.Answer[0].Header().Name != "A.eXample." {
		t.Errorf("the client gets %v", m)
	}
	if m := exchange(t, p, nil); m.AuthenticatedData || asked.Load().IsEdns0().Do() {
		t.Errorf("a client without DO gets %v", m)
	}
}

func TestTruncatedAnswersAreFetchedOverTCP(t *testing.T) {
	p := pool(5*time.Second, serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
		m := reply(r, "1.2.3.4")
		if _, udp := w.LocalAddr().(*net.UDPAddr); udp {
			m.Truncated, m.Answer = true, nil
		}
		_ = w.WriteMsg(m)
	}))
	wantAddr(t, exchange(t, p, nil), "1.2.3.4")
}

func TestForgedRepliesAreIgnored(t *testing.T) {
	p := pool(5*time.Second, serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
		forged := func(change func(*dns.Msg)) {
			m := reply(r, "6.6.6.6")
			change(m)
			_ = w.WriteMsg(m)
		}
		forged(func(m *dns.Msg) { m.Id++ })
		forged(func(m *dns.Msg) { m.Question[0].Name = "b.example." })
		forged(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA })
		forged(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS })
		forged(func(m *dns.Msg) { m.Question = nil })
		forged(func(m *dns.Msg) { m.Response = false })
		_, _ = w.Write([]byte{byte(r.Id >> 8), byte(r.Id), 0x80})
		_ = w.WriteMsg(reply(r, "1.2.3.4"))
	}))
	wantAddr(t, exchange(t, p, nil), "1.2.3.4")
}

func TestAFloodOfForgedRepliesLeadsToTCP(t *testing.T) {
	p := pool(5*time.Second, serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
		if _, udp := w.LocalAddr().(*net.UDPAddr); !udp {
			_ = w.WriteMsg(reply(r, "1.2.3.4"))
			return
		}
		for range 100 {
			m := reply(r, "6.6.6.6")
			m.Id++
			_ = w.WriteMsg(m)
		}
	}))
	wantAddr(t, exchange(t, p, nil), "1.2.3.4")
}

func TestServerWithoutEDNSIsAskedWithout(t *testing.T) {
	p := pool(5*time.Second, serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
		m := reply(r, "1.2.3.4")
		if r.IsEdns0() != nil {
			m = new(dns.Msg).SetRcodeFormatError(r)
			m.Question = nil
		}
		_ = w.WriteMsg(m)
	}))
	wantAddr(t, exchange(t, p, nil), "1.2.3.4")
}

func TestFailoverToTheNextServer(t *testing.T) {
	rcode := func(code int) netip.AddrPort {
		return serve(t, func(w dns.ResponseWriter, r *dns.Msg) { _ = w.WriteMsg(new(dns.Msg).SetRcode(r, code)) })
	}
	for name, first := range map[string]netip.AddrPort{
		"silent": silent(t), "nothing listens": refusing(t), "SERVFAIL": rcode(dns.RcodeServerFailure), "REFUSED": rcode(dns.RcodeRefused),
	} {
		t.Run(name, func(t *testing.T) {
			p := hasty(first, serve(t, answering("1.2.3.4")))
			wantAddr(t, exchange(t, p, nil), "1.2.3.4")
		})
	}
	t.Run("all SERVFAIL", func(t *testing.T) {
		p := pool(5*time.Second, rcode(dns.RcodeServerFailure), rcode(dns.RcodeServerFailure))
		if m := exchange(t, p, nil); m.Rcode != dns.RcodeServerFailure {
			t.Errorf("the client gets %v", m)
		}
		if st := p.Status(); st[0].Queries != 1 || st[1].Queries != 1 {
			t.Errorf("servers that have spoken were asked again: %+v", st)
		}
	})
}

func TestDeadServerIsAskedLast(t *testing.T) {
	dead := silent(t)
	p := hasty(dead, serve(t, answering("1.2.3.4")))
	for range 2 {
		exchange(t, p, nil)
	}
	st := p.Status()
	if st[0].Healthy != fact.VerdictFail || st[0].Failures < 2 || !strings.Contains(st[0].LastError, "no answer within") {
		t.Fatalf("the dead server is %+v", st[0])
	}
	if st[1].Healthy != fact.VerdictPass || st[1].RTT <= 0 || st[1].LastError != "" {
		t.Errorf("the good server is %+v", st[1])
	}
	exchange(t, p, nil)
	if again := p.Status()[0].Queries; again != st[0].Queries {
		t.Errorf("the dead server was asked again before the good one")
	}
}

func TestDeadServerIsProbedUntilItIsBack(t *testing.T) {
	var up atomic.Bool
	var changes atomic.Int32
	asked := make(chan struct{}, 1000)
	at := serve(t, func(w dns.ResponseWriter, r *dns.Msg) {
		asked <- struct{}{}
		if up.Load() {
			_ = w.WriteMsg(reply(r, "1.2.3.4"))
		}
	})
	p := made(upstream.New(upstream.Config{Servers: []netip.AddrPort{at}, Timeout: 90 * time.Millisecond, Changed: func() { changes.Add(1) }}))
	for range 20 { // on a busy machine one exchange may not get to a second attempt
		if _, err := p.Exchange(t.Context(), question(t, nil)); err == nil || !strings.Contains(err.Error(), "no answer within") {
			t.Errorf("Exchange = %v", err)
		}
	}
	if st := p.Status()[0]; st.Healthy != fact.VerdictFail {
		t.Fatalf("the server is %+v", st)
	}
	if n := changes.Load(); n != 1 {
		t.Errorf("that the server does not answer was told %d times, want once", n)
	}
	up.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	for p.Status()[0].Healthy != fact.VerdictPass {
		<-asked // each probe, until one is answered
		for wait := 0; wait < 100 && p.Status()[0].Healthy != fact.VerdictPass; wait++ {
			time.Sleep(time.Millisecond)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
	if n := changes.Load(); n != 2 {
		t.Errorf("that the server failed and came back was told %d times, want twice", n)
	}
}

func TestExchangeEndsWithItsContext(t *testing.T) {
	p := pool(time.Hour, silent(t))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Exchange(ctx, question(t, nil)); err == nil {
		t.Error("a silent server answered")
	}
}
