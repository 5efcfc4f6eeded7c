package authority_test

// Real DNS servers on loopback: one recursive resolver and the zone's name
// servers. The name servers' public addresses are mapped to loopback ports.

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen serves handler on a loopback port over UDP and TCP until the test
// ends.
func listen(t *testing.T, handler dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	for range 20 {
		tcp, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at := netip.MustParseAddrPort(tcp.Addr().String())
		udp, err := net.ListenPacket("udp4", at.String())
		if err != nil {
			tcp.Close()
			continue
		}
		serve(t, &dns.Server{Listener: tcp, Handler: handler})
		serve(t, &dns.Server{PacketConn: udp, Handler: handler})
		return at
	}
	t.Fatal("no port is free over both UDP and TCP")
	return netip.AddrPort{}
}

func serve(t *testing.T, s *dns.Server) {
	t.Helper()
	up, done := make(chan struct{}), make(chan error, 1)
	s.NotifyStartedFunc = func() { close(up) }
	go func() { done <- s.ActivateAndServe() }()
	<-up
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Errorf("shutting down: %v", err)
		}
		<-done
	})
}

// lab is a little internet: what the resolver knows, and name servers.
type lab struct {
	resolvers []netip.AddrPort
	timeout   time.Duration
	servers   map[netip.Addr]netip.AddrPort // public address to loopback
	records   []dns.RR                      // what the resolver knows
}

func newLab(t *testing.T, records ...string) *lab {
	t.Helper()
	l := &lab{servers: map[netip.Addr]netip.AddrPort{}}
	for _, text := range records {
		l.records = append(l.records, rr(t, text))
	}
	l.resolvers = []netip.AddrPort{listen(t, l.recurse)}
	return l
}

// recurse answers like a recursive resolver: the records, or the SOA of the
// nearest zone it knows in the authority section.
func (l *lab) recurse(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(l.reply(q)) }

func (l *lab) reply(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	for _, rr := range l.records {
		h := rr.Header()
		if h.Name == q.Question[0].Name && (h.Rrtype == q.Question[0].Qtype || h.Rrtype == dns.TypeCNAME) {
			m.Answer = append(m.Answer, dns.Copy(rr))
		} else if h.Rrtype == dns.TypeSOA && dns.IsSubDomain(h.Name, q.Question[0].Name) {
			m.Ns = append(m.Ns, dns.Copy(rr))
		}
	}
	return m
}

// nameServer adds a name server at a public address.
func (l *lab) nameServer(t *testing.T, public string, handler dns.HandlerFunc) {
	t.Helper()
	l.servers[netip.MustParseAddr(public)] = listen(t, handler)
}

func (l *lab) asker(t *testing.T) *authority.Asker {
	t.Helper()
	a, err := authority.New(authority.Config{
		Resolvers: l.resolvers,
		Timeout:   l.timeout,
		Dial: func(ctx context.Context, network string, server netip.AddrPort) (net.Conn, error) {
			if server.Port() == 53 {
				to, ok := l.servers[server.Addr()]
				if !ok {
					return nil, net.UnknownNetworkError("no such server in the lab")
				}
				server = to
			}
			if !server.Addr().IsLoopback() {
				t.Errorf("a question would have left the machine for %s", server)
			}
			var d net.Dialer
			return d.DialContext(ctx, network, server.String())
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func rr(t *testing.T, text string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

// says answers with authority: the records whose name and type were asked.
func says(t *testing.T, records ...string) dns.HandlerFunc {
	t.Helper()
	var list []dns.RR
	for _, text := range records {
		list = append(list, rr(t, text))
	}
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		if q.RecursionDesired {
			if q.Question[0].Name != "." {
				t.Error("a name server was asked with RD=1")
			}
			w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeRefused))
			return
		}
		for _, rr := range list {
			switch h := rr.Header(); {
			case h.Name != q.Question[0].Name:
			case h.Rrtype == q.Question[0].Qtype || h.Rrtype == dns.TypeCNAME:
				m.Answer = append(m.Answer, dns.Copy(rr))
			}
		}
		if len(m.Answer) == 0 {
			m.Rcode = dns.RcodeNameError
		}
		w.WriteMsg(m)
	}
}
