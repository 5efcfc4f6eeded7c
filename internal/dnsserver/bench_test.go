package dnsserver_test

// What an answer at once costs: go test -bench Inline -count 10, for benchstat.
// The figure to compare is cpu-ns/op, which other programs on the machine touch
// less than ns/op.

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// cpuTime returns how long this process has had a processor.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs op as often as b asks, and reports the processor time of each.
func measure(b *testing.B, op func()) {
	b.ReportAllocs()
	from := cpuTime(b)
	for b.Loop() {
		op()
	}
	b.ReportMetric(float64(cpuTime(b)-from)/float64(b.N), "cpu-ns/op")
}

// atOnce are questions of each kind that is answered at once.
var atOnce = []struct {
	kind, name string
	qtype      uint16
}{
	{"override", "mqtt.example.org.", dns.TypeA},
	{"override-NODATA", "mqtt.example.org.", dns.TypeAAAA},
	{"override-near", "both.example.org.", dns.TypeA},
	{"alias", "web.example.org.", dns.TypeA},
	{"PTR", "10.1.168.192.in-addr.arpa.", dns.TypePTR},
	{"special", "printer.local.", dns.TypeA},
	{"localhost", "localhost.", dns.TypeA},
	{"cached", "www.example.net.", dns.TypeA},
}

// benched returns a house whose cache knows what atOnce asks of it.
func benched(b *testing.B) *house {
	w := newWorld(b, "www.example.net. 300 IN A 11.22.33.44")
	h := start(b, w.addr, func(c *dnsserver.Config) {
		c.RateLimit = 10_000_000 // which is counted and not reached
		c.OwnPrefixes = func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")} }
	})
	h.zone.Store(built(b, zone.Config{Records: myRecords, Overrides: []zone.Override{mqtt, both, six}}))
	h.ask("www.example.net.", dns.TypeA)
	return h
}

func BenchmarkInline(b *testing.B) {
	h := benched(b)
	for _, c := range atOnce {
		b.Run(c.kind, func(b *testing.B) {
			packet, q, out := pack(b, new(dns.Msg).SetQuestion(c.name, c.qtype)), new(wire.Question), make([]byte, 0, wire.UDPSize)
			measure(b, func() { h.Inline(out, q, packet, lanHost) })
		})
	}
}

// BenchmarkInlineBatch is BenchmarkInline where 32 questions come in at once, as
// they do when there are many.
func BenchmarkInlineBatch(b *testing.B) {
	h := benched(b)
	for _, c := range atOnce {
		b.Run(c.kind, func(b *testing.B) {
			packet, q, out := pack(b, new(dns.Msg).SetQuestion(c.name, c.qtype)), new(wire.Question), make([]byte, 0, wire.UDPSize)
			batch, n := h.NewBatch(), 0
			batch.Begin(time.Now())
			measure(b, func() {
				if n++; n%32 == 0 {
					batch.End()
					batch.Begin(time.Now())
				}
				batch.Inline(out, q, packet, lanHost)
			})
		})
	}
}
