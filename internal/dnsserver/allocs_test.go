package dnsserver_test

// What is answered at once allocates nothing.

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// allocations returns how often answering packet in a batch allocates, and
// whether it was answered each time.
func allocations(s *dnsserver.Server, packet []byte, client netip.Addr) (n float64, answered bool) {
	batch, q, out := s.NewBatch(), new(wire.Question), make([]byte, 0, wire.UDPSize)
	answered = true
	n = testing.AllocsPerRun(10, func() {
		batch.Begin(time.Now())
		for range 3 {
			_, ok := batch.Inline(out, q, packet, client)
			answered = answered && ok
		}
		batch.End()
	})
	return n, answered
}

// spliced are the names whose CNAME records end at a special-use name: such an
// answer is put together from two, which allocates.
var spliced = []string{"printer.example.org.", "self.example.org.", "home.example.org.", "back.example.org."}

func TestNoAnswerOfTheHouseAllocates(t *testing.T) {
	c, seen := compared(t), 0
	for _, name := range c.names() {
		if slices.Contains(spliced, name) {
			continue
		}
		for i, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeANY, dns.TypeCNAME, dns.TypePTR, dns.TypeTXT, dns.TypeSRV, dns.TypeMX, dns.TypeDS, dns.TypeAXFR} {
			m := new(dns.Msg).SetQuestion(name, qtype)
			if i%2 == 0 {
				withCookie(m, clientCookie)
			}
			n, answered := allocations(c.s, pack(t, m), c.clients[i%len(c.clients)])
			if n != 0 && answered {
				t.Errorf("%s %s: %v allocations", name, dns.TypeToString[qtype], n)
			}
			if answered {
				seen++
			}
		}
	}
	if seen < 500 {
		t.Errorf("%d questions only are answered at once", seen)
	}
}

func TestNoRefusalAllocates(t *testing.T) {
	s, _ := build(t, silent(t), limitedTo(1))
	good := pack(t, question("mqtt.example.org."))
	flooder := netip.MustParseAddr("192.168.1.66")
	for range 1000 {
		s.Inline(nil, new(wire.Question), good, flooder)
	}
	before := s.Status().Queries
	versioned := question("mqtt.example.org.").SetEdns0(1232, false)
	versioned.IsEdns0().SetVersion(1)
	for name, c := range map[string]struct {
		packet []byte
		client netip.Addr
		silent bool
	}{
		"a stranger":     {pack(t, withCookie(question("a."), clientCookie)), netip.MustParseAddr("8.8.8.8"), true}, // but for a few
		"rate limited":   {good, flooder, false},
		"cut short":      {good[:20], netip.MustParseAddr("192.168.1.1"), false},
		"no header":      {good[:5], lanHost, true},
		"NOTIFY":         {pack(t, &dns.Msg{MsgHdr: dns.MsgHdr{Opcode: dns.OpcodeNotify}}), netip.MustParseAddr("192.168.1.2"), false},
		"EDNS version 1": {pack(t, versioned), netip.MustParseAddr("192.168.1.3"), false},
	} {
		if n, answered := allocations(s, c.packet, c.client); n != 0 || answered == c.silent {
			t.Errorf("%s: %v allocations, always answered %v", name, n, answered)
		}
	}
	if after := s.Status().Queries; after.Limited-before.Limited < 30 || after.Malformed < 60 {
		t.Errorf("counts went from %+v to %+v", before, after)
	}
}
