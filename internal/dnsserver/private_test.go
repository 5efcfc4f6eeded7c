package dnsserver_test

// A device that looks for a server of its own and then asks nothing more.

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// privateHouse is a server whose clients ask at times of the test's choosing.
type privateHouse struct {
	*testing.T
	s     *dnsserver.Server
	batch *dnsserver.Batch
}

func (h privateHouse) asks(at time.Time, client, name string, qtypes ...uint16) {
	h.Helper()
	h.batch.Begin(at)
	for _, qtype := range qtypes {
		h.batch.Inline(nil, new(wire.Question), pack(h.T, new(dns.Msg).SetQuestion(name, qtype)), netip.MustParseAddr(client))
	}
	h.batch.End()
}

func (h privateHouse) says(at time.Time, want string) {
	h.Helper()
	got := ""
	for _, p := range h.s.PrivateAt(at) {
		got += fmt.Sprintf("%s %s %s;", p.Address, p.Server, p.At.Sub(at))
	}
	if got != want {
		h.Errorf("at %v: %q, want %q", at, got, want)
	}
}

func TestDevicesThatAskElsewhereAreNoted(t *testing.T) {
	s, _ := build(t, silent(t), nil)
	h := privateHouse{t, s, s.NewBatch()}
	now := time.Unix(1_800_000_000, 0).Truncate(time.Minute)
	h.asks(now, "192.168.1.9", "dns.google.", dns.TypeA, dns.TypeAAAA)
	h.says(now.Add(time.Minute), "")
	h.says(now.Add(10*time.Minute), "192.168.1.9 dns.google -10m0s;")
	// Names of customers are not said, and a wrong type looks for no address.
	h.asks(now, "192.168.1.10", "phone-AB12cd.dns.nextdns.io.", dns.TypeAAAA)
	h.asks(now, "192.168.1.11", "dns.quad9.net.", dns.TypeTXT)
	h.asks(now, "192.168.1.12", "dns.google.example.org.", dns.TypeA)
	h.says(now.Add(20*time.Minute), "192.168.1.9 dns.google -20m0s;192.168.1.10 dns.nextdns.io -20m0s;")
	// One that goes on to ask us is no such device.
	for i := range 20 {
		h.asks(now.Add(time.Duration(i)*time.Second), "192.168.1.9", fmt.Sprintf("mqtt%d.example.org.", i), dns.TypeA)
	}
	h.says(now.Add(20*time.Minute), "192.168.1.10 dns.nextdns.io -20m0s;")
	// Until it looks for it anew, and after a day nothing is known any more.
	h.asks(now.Add(time.Hour), "192.168.1.9", "ONE.one.ONE.one.", dns.TypeA)
	h.says(now.Add(2*time.Hour), "192.168.1.9 one.one.one.one -1h0m0s;192.168.1.10 dns.nextdns.io -2h0m0s;")
	h.says(now.Add(26*time.Hour), "")
}

func TestNamesOfPrivateServersAreAnsweredAsAllOthers(t *testing.T) {
	s, _ := build(t, silent(t), nil)
	batch, q := s.NewBatch(), new(wire.Question)
	for _, name := range dnsserver.PrivateServers {
		packet, out := pack(t, new(dns.Msg).SetQuestion(name+".", dns.TypeA)), make([]byte, 0, wire.UDPSize)
		batch.Begin(time.Now())
		if reply, done := batch.Inline(out, q, packet, netip.MustParseAddr("192.168.1.9")); done {
			t.Errorf("%s is answered without asking anybody: %x", name, reply)
		}
		batch.End()
		if n := testing.AllocsPerRun(10, func() {
			batch.Begin(time.Now())
			batch.Inline(out, q, packet, netip.MustParseAddr("192.168.1.9"))
			batch.End()
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
