package wire_test

// What reading and writing cost: go test -bench . -count 10, for benchstat.

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

func BenchmarkParse(b *testing.B) {
	for name, change := range map[string]func(*dns.Msg){
		"plain": nil,
		"EDNS":  func(m *dns.Msg) { m.SetEdns0(1232, true) },
		"cookie": func(m *dns.Msg) {
			m.SetEdns0(1232, true).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "2464c4abcf10c957"}}
		},
	} {
		b.Run(name, func(b *testing.B) {
			packet, q := query(b, "Www.Some-Where.example.org.", dns.TypeA, change), new(wire.Question)
			b.ReportAllocs()
			for b.Loop() {
				wire.Parse(q, packet)
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	q := parse(b, query(b, "Mqtt.example.org.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, true) }))
	set, out := addrs(b, 60, four, four), make([]byte, 0, wire.UDPSize)
	b.Run("records", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			wire.AppendRRset(out, q, nil, set, wire.UDPSize)
		}
	})
	b.Run("NODATA", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			wire.AppendNoData(out, q, 60)
		}
	})
}
