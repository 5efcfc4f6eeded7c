package dnsserver_test

// The test house: a server of ours, and a miekg/dns server as its upstream.

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an upstream server that answers from records in text.
type world struct {
	addr netip.AddrPort

	mu      sync.Mutex
	records []dns.RR             // guarded by mu
	rcodes  map[string]int       // guarded by mu; for names without records
	asked   map[dns.Question]int // guarded by mu
	options int                  // guarded by mu; EDNS options that came
	hanging string               // guarded by mu; names below it are never answered
}

// newWorld starts an upstream on loopback, UDP and TCP.
func newWorld(t testing.TB, records ...string) *world {
	t.Helper()
	w := &world{rcodes: map[string]int{}, asked: map[dns.Question]int{}}
	w.add(t, records...)
	packets, stream := pair(t)
	w.addr = packets.LocalAddr().(*net.UDPAddr).AddrPort()
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: w}, {Listener: stream, Handler: w}} {
		started, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { defer close(ended); _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	}
	return w
}

// pair binds UDP and TCP on one port of loopback that is free for both.
func pair(t testing.TB) (net.PacketConn, net.Listener) {
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

func (w *world) add(t testing.TB, records ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		w.records = append(w.records, rr)
	}
}

// hang makes names below zone wait for ever.
func (w *world) hang(zone string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hanging = zone
}

// count returns how often a question was asked.
func (w *world) count(name string, qtype uint16) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[dns.Question{Name: name, Qtype: qtype, Qclass: dns.ClassINET}]
}

// ServeDNS follows CNAMEs as a recursive server does; a name it does not know
// is denied.
func (w *world) ServeDNS(rw dns.ResponseWriter, r *dns.Msg) {
	w.mu.Lock()
	defer w.mu.Unlock()
	question := r.Question[0]
	question.Name = dns.CanonicalName(question.Name) // our case is mixed
	w.asked[question]++
	if opt := r.IsEdns0(); opt != nil {
		w.options += len(opt.Option)
	}
	if w.hanging != "" && dns.IsSubDomain(w.hanging, question.Name) {
		return
	}
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable, m.AuthenticatedData, m.Compress = true, true, true
	name, known := question.Name, false
	for range 8 {
		next := ""
		for _, rr := range w.records {
			if rr.Header().Name != name {
				continue
			}
			known = true
			if c, ok := rr.(*dns.CNAME); ok && question.Qtype != dns.TypeCNAME {
				m.Answer, next = append(m.Answer, rr), c.Target
			} else if rr.Header().Rrtype == question.Qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
		if next == "" {
			break
		}
		name, known = next, false
	}
	if rcode, ok := w.rcodes[question.Name]; ok {
		m.Rcode = rcode
	} else if !known && name != "." {
		m.Rcode = dns.RcodeNameError
	}
	if len(m.Answer) == 0 || m.Rcode == dns.RcodeNameError {
		soa, _ := dns.NewRR(". 900 IN SOA ns.invalid. x.invalid. 1 2 3 4 300")
		m.Ns = []dns.RR{soa}
	}
	if opt := r.IsEdns0(); opt != nil {
		m.SetEdns0(1232, opt.Do())
	}
	if _, udp := rw.LocalAddr().(*net.UDPAddr); udp && m.Len() > 1232 {
		m.Truncated, m.Answer = true, nil
	}
	_ = rw.WriteMsg(m)
}

// silent returns an upstream that takes questions and never answers.
func silent(t testing.TB) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// house is a running server.
type house struct {
	*dnsserver.Server
	t    testing.TB
	zone *watch.Value[*zone.Zone]
	addr string
	end  func() error
}

func mustZone(t testing.TB, overrides ...zone.Override) *zone.Zone {
	t.Helper()
	z, err := zone.New(overrides, 0)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// mqtt is the override that most tests use; v6 has both families.
var (
	mqtt = zone.Override{Name: "mqtt.example.org", V4: []netip.Addr{netip.MustParseAddr("192.168.1.10")}, Reason: "configured"}
	both = zone.Override{Name: "both.example.org", V4: []netip.Addr{netip.MustParseAddr("192.168.1.11"), netip.MustParseAddr("10.0.0.11")},
		V6: []netip.Addr{netip.MustParseAddr("fd00::11")}}
	six = zone.Override{Name: "six.example.org", V6: []netip.Addr{netip.MustParseAddr("fd00::12")}}
)

// build returns a server that is not running; change may be nil.
func build(t testing.TB, server netip.AddrPort, change func(*dnsserver.Config)) (*dnsserver.Server, *watch.Value[*zone.Zone]) {
	t.Helper()
	local := watch.New(mustZone(t, mqtt, both, six), (*zone.Zone).Equal)
	cfg := dnsserver.Config{
		Listen:   []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")},
		Upstream: pool(t, server),
		// The whole suite with one kind of packet loop; empty is the default.
		PacketLoop: packet.Mode(os.Getenv("EDGEGUARD_TEST_PACKET_LOOP")),
	}
	if change != nil {
		change(&cfg)
	}
	s, err := dnsserver.New(cfg, local)
	if err != nil {
		t.Fatal(err)
	}
	return s, local
}

// pool returns a pool of servers, which nobody runs.
func pool(t testing.TB, servers ...netip.AddrPort) *upstream.Pool {
	t.Helper()
	return waiting(t, 0, servers...)
}

// waiting is a pool that waits that long for answers.
func waiting(t testing.TB, timeout time.Duration, servers ...netip.AddrPort) *upstream.Pool {
	t.Helper()
	p, err := upstream.New(upstream.Config{Servers: servers, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// runWith runs a server and its upstream.
func runWith(ctx context.Context, s *dnsserver.Server, up *upstream.Pool) error {
	group, ctx := errgroup.WithContext(ctx)
	if up != nil {
		group.Go(func() error { return up.Run(ctx) })
	}
	group.Go(func() error { return s.Run(ctx) })
	return group.Wait()
}

// start returns a running server.
func start(t testing.TB, server netip.AddrPort, change func(*dnsserver.Config)) *house {
	t.Helper()
	return startWith(t, server, change, func(*dnsserver.Server) {})
}

// startWith returns a running server, prepared before it is bound.
func startWith(t testing.TB, server netip.AddrPort, change func(*dnsserver.Config), prepare func(*dnsserver.Server)) *house {
	t.Helper()
	var up *upstream.Pool
	s, local := build(t, server, func(cfg *dnsserver.Config) {
		if change != nil {
			change(cfg)
		}
		up, _ = cfg.Upstream.(*upstream.Pool)
	})
	prepare(s)
	return serve(t, s, local, up)
}

// serve runs a server with its upstream.
func serve(t testing.TB, s *dnsserver.Server, local *watch.Value[*zone.Zone], up *upstream.Pool) *house {
	t.Helper()
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- runWith(ctx, s, up) }()
	end := sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	addr := ""
	if bound := s.Status().Listen; len(bound) > 0 {
		addr = bound[0].String()
	}
	return &house{s, t, local, addr, end}
}

// exchange asks over a network and checks what every reply must have.
func (h *house) exchange(network string, m *dns.Msg) *dns.Msg {
	h.t.Helper()
	client := &dns.Client{Net: network, Timeout: 10 * time.Second}
	reply, _, err := client.Exchange(m, h.addr)
	if err != nil {
		h.t.Fatalf("asking %v over %s: %v", m.Question, network, err)
	}
	if !reply.Response || !reply.RecursionAvailable || reply.RecursionDesired != m.RecursionDesired {
		h.t.Errorf("header of the reply is %+v", reply.MsgHdr)
	}
	if len(reply.Question) == 1 && reply.Question[0] != m.Question[0] {
		h.t.Errorf("question %v came back as %v", m.Question[0], reply.Question[0])
	}
	if (m.IsEdns0() != nil) != (reply.IsEdns0() != nil) {
		h.t.Errorf("OPT asked %v, given %v", m.IsEdns0(), reply.IsEdns0())
	}
	return reply
}

// ask asks over UDP.
func (h *house) ask(name string, qtype uint16) *dns.Msg {
	h.t.Helper()
	return h.exchange("udp", new(dns.Msg).SetQuestion(name, qtype))
}

// addresses lists the addresses in a section.
func addresses(list []dns.RR) (found []string) {
	for _, rr := range list {
		switch v := rr.(type) {
		case *dns.A:
			found = append(found, v.A.String())
		case *dns.AAAA:
			found = append(found, v.AAAA.String())
		}
	}
	return found
}

// wantNoData checks for NODATA with an SOA record owned by owner.
func wantNoData(t testing.TB, m *dns.Msg, owner string) {
	t.Helper()
	if m.Rcode != dns.RcodeSuccess || len(m.Answer) != 0 || len(m.Ns) != 1 {
		t.Fatalf("want NODATA, got %v", m)
	}
	soa, ok := m.Ns[0].(*dns.SOA)
	if !ok || soa.Hdr.Name != owner || soa.Minttl != soa.Hdr.Ttl || soa.Minttl != 60 {
		t.Errorf("SOA is %v, want one of %s with 60 s", m.Ns[0], owner)
	}
}
