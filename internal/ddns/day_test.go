package ddns_test

// An undisturbed day with the real authority, its questions counted on the
// wire.

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/miekg/dns"
)

// counter is a zone with four servers; it counts what it is asked.
type counter struct {
	mu               sync.Mutex
	finding, looking int
	nobody           int
}

func (c *counter) recurse(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finding++
	m := new(dns.Msg).SetReply(q)
	header := dns.RR_Header{Name: q.Question[0].Name, Rrtype: q.Question[0].Qtype, Class: dns.ClassINET, Ttl: 300}
	switch q.Question[0].Qtype {
	case dns.TypeSOA:
		header.Name = "duckdns.org."
		m.Ns = []dns.RR{&dns.SOA{Hdr: header, Ns: "ns1.duckdns.org.", Mbox: "h.duckdns.org."}}
	case dns.TypeNS:
		for _, n := range "1234" {
			m.Answer = append(m.Answer, &dns.NS{Hdr: header, Ns: "ns" + string(n) + ".duckdns.org."})
		}
	case dns.TypeA:
		m.Answer = []dns.RR{&dns.A{Hdr: header, A: net.IPv4(11, 0, 0, q.Question[0].Name[2])}}
	}
	return m, nil
}

func (c *counter) dial(_ context.Context, _ string, server netip.AddrPort) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		buf := make([]byte, 4096)
		n, err := far.Read(buf)
		q := new(dns.Msg)
		if err != nil || q.Unpack(buf[:n]) != nil {
			return
		}
		c.mu.Lock()
		if server.Addr().String() == "192.0.2.53" {
			c.nobody++
			c.mu.Unlock()
			_, _ = far.Read(buf)
			return
		}
		c.looking++
		c.mu.Unlock()
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: addrA.AsSlice()}}
		if raw, err := m.Pack(); err == nil {
			_, _ = far.Write(raw)
		}
	}()
	return near, nil
}

func TestAnUndisturbedDayCostsFifteenQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := newHome(t, name), &counter{}
		a, err := authority.New(authority.Config{Recurse: c.recurse, Dial: c.dial})
		if err != nil {
			t.Fatal(err)
		}
		m, err := ddns.NewWith(h.cfg, h.addresses(), a, func(ddns.RecordConfig) (provider.Provider, error) {
			return writer{OnSet: h.write}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		for day := range 7 {
			h.wait(24 * time.Hour)
			c.mu.Lock()
			if c.looking > 12 || c.looking < 11 || c.finding > 3 || c.nobody > 1 {
				t.Errorf("day %d: %d looks, %d questions to find the servers, %d to nobody", day, c.looking, c.finding, c.nobody)
			}
			c.looking, c.finding, c.nobody = 0, 0, 0
			c.mu.Unlock()
		}
		h.wantWrites()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}
