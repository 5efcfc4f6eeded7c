package ddns_test

// All of it together on loopback: the real adaptors over HTTPS, the real
// authority over DNS, and a manager between them.

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/watch"
	"github.com/miekg/dns"
)

// world is a DNS server that is both the recursive resolver and the one name
// server of every zone.
type world struct {
	mu      sync.Mutex
	records map[string]netip.Addr // by name, without final dot
}

func (w *world) set(domain string, addr netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records[domain] = addr
}

// ServeDNS implements dns.Handler.
func (w *world) ServeDNS(rw dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	m.Authoritative = true
	asked := q.Question[0]
	header := dns.RR_Header{Name: asked.Name, Rrtype: asked.Qtype, Class: dns.ClassINET, Ttl: 1}
	zone := "duckdns.org."
	if dns.IsSubDomain("example.org.", asked.Name) {
		zone = "example.org."
	}
	w.mu.Lock()
	addr, ok := w.records[asked.Name[:len(asked.Name)-1]]
	w.mu.Unlock()
	switch {
	case asked.Qtype == dns.TypeNS:
		m.Answer = []dns.RR{&dns.NS{Hdr: header, Ns: "ns1.duckdns.org."}}
	case asked.Qtype == dns.TypeA && asked.Name == "ns1.duckdns.org.":
		m.Answer = []dns.RR{&dns.A{Hdr: header, A: net.IPv4(11, 0, 0, 1)}}
	case asked.Qtype == dns.TypeA && ok:
		m.Answer = []dns.RR{&dns.A{Hdr: header, A: addr.AsSlice()}}
	default:
		header.Name, header.Rrtype = zone, dns.TypeSOA
		m.Ns = []dns.RR{&dns.SOA{Hdr: header, Ns: "ns1.duckdns.org.", Mbox: "h.duckdns.org."}}
	}
	_ = rw.WriteMsg(m)
}

// serveWorld starts the DNS server and returns an asker that leads to it.
func serveWorld(t *testing.T) (*world, *authority.Asker) {
	t.Helper()
	w := &world{records: map[string]netip.Addr{}}
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(conn.LocalAddr().String())
	up, done := make(chan struct{}), make(chan error, 1)
	s := &dns.Server{PacketConn: conn, Handler: w, NotifyStartedFunc: func() { close(up) }}
	go func() { done <- s.ActivateAndServe() }()
	<-up
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
		<-done
	})
	a, err := authority.New(authority.Config{Resolvers: []netip.AddrPort{at},
		Dial: func(ctx context.Context, network string, server netip.AddrPort) (net.Conn, error) {
			if server.String() == "192.0.2.53:53" { // where nobody is
				return nil, errDown
			}
			if server != at && server.String() != "11.0.0.1:53" {
				t.Errorf("a question would have gone to %s", server)
			}
			var d net.Dialer
			return d.DialContext(ctx, network, at.String())
		}})
	if err != nil {
		t.Fatal(err)
	}
	return w, a
}

func TestFromAddressToVerifiedRecordOnTheRealWire(t *testing.T) {
	w := newWeb(t)
	dnsWorld, asker := serveWorld(t)
	w.duck.OnChange(dnsWorld.set)
	w.cf.OnChange(dnsWorld.set)
	w.cf.Put(ddnstest.Record{Type: "A", Name: "mqtt.example.org", Content: "11.0.0.9", TTL: 300})
	w.cfg.StateFile = t.TempDir() + "/ddns.json"
	w.cfg.Records = []ddns.RecordConfig{duckRecord(), cfRecord("mqtt.example.org")}
	address := watch.New(known(addrA), func(a, b fact.Observation) bool { return a == b })

	runUntilVerified(t, w.cfg, address, asker, addrA)
	writes := len(w.duck.Requests()) + len(w.cf.Requests())
	if writes != 1+3 {
		t.Errorf("%d requests to the providers, want one to DuckDNS and three to Cloudflare", writes)
	}
	runUntilVerified(t, w.cfg, address, asker, addrA)
	if n := len(w.duck.Requests()) + len(w.cf.Requests()); n != writes {
		t.Errorf("a restart made %d requests, want none", n-writes)
	}
	address.Store(known(addrB))
	w.cfg.StateFile = t.TempDir() + "/ddns.json" // else the 30 s between two writes would have to pass
	runUntilVerified(t, w.cfg, address, asker, addrB)
	if got := w.cf.Records("mqtt.example.org", "A"); w.duck.Addr(name) != addrB || got[0].Content != addrB.String() || got[0].TTL != 300 {
		t.Errorf("the records are %v and %+v", w.duck.Addr(name), got)
	}
}

// runUntilVerified runs a manager until all records are verified as want.
func runUntilVerified(t *testing.T, cfg ddns.Config, address *watch.Value[fact.Observation], a ddns.Authority, want netip.Addr) {
	t.Helper()
	m, err := ddns.NewWith(cfg, ddns.Addresses{V4: address}, a, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	defer func() { cancel(); <-done }()
	timeout := time.After(3 * time.Minute)
	kicked := map[int]bool{}
	for {
		s, changed := m.Status().Get()
		if s.Link.Verdict == fact.VerdictPass && s.Records[0].Published.Addr == want {
			return
		}
		for i, r := range s.Records {
			if r.Phase == ddns.PhaseWritten && !kicked[i] {
				kicked[i] = true
				m.Kick() // rather than wait out the two seconds
			}
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("not verified: %+v", s)
		}
	}
}
