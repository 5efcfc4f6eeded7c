package wire_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// withoutOptions returns the message with its OPT record emptied: the options
// themselves are not looked at, and miekg/dns refuses some by their content.
func withoutOptions(packet []byte, q *wire.Question) []byte {
	end := wire.HeaderLen + len(q.Name()) + 4
	if !q.EDNS {
		return packet[:end]
	}
	packet = bytes.Clone(packet[:end+11])
	packet[end+9], packet[end+10] = 0, 0
	return packet
}

// FuzzQuestion holds the parser against miekg/dns: what we accept it accepts
// too and reads the same, and what we write it can unpack.
func FuzzQuestion(f *testing.F) {
	f.Add(query(f, "Mqtt.example.org.", dns.TypeA, nil))
	f.Add(query(f, ".", dns.TypeANY, func(m *dns.Msg) { m.SetEdns0(4096, true) }))
	f.Add(query(f, "a.b.", dns.TypeHTTPS, func(m *dns.Msg) { m.SetEdns0(512, false).IsEdns0().SetVersion(1) }))
	f.Add([]byte("\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x0c\x00\x0a\x00\x0801234567"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		q := new(wire.Question)
		outcome := wire.Parse(q, packet)
		switch outcome {
		case wire.Drop:
			return
		case wire.Bad:
			unpack(t, wire.AppendRcode(nil, q, wire.FormErr))
			return
		case wire.Unsupported:
			unpack(t, wire.AppendRcode(nil, q, wire.NotImp))
			return
		case wire.Version:
			unpack(t, wire.AppendRcode(nil, q, wire.BadVers))
			return
		case wire.OnlyCookie:
			unpack(t, wire.AppendRcode(nil, q, wire.NoError))
			return
		}
		if key := wire.LowerName(bytes.Clone(q.Name())); !bytes.Equal(key, q.NameKey()) || q.Hash() != wire.Hash(key) || q.Hash() != wire.Hash(string(key)) {
			t.Fatalf("the key of %q is %q with the hash %x", q.Name(), q.NameKey(), q.Hash())
		}
		asked := unpack(t, withoutOptions(packet, q))
		name, _, err := dns.UnpackDomainName(q.Name(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if want := (dns.Question{Name: name, Qtype: q.Type, Qclass: q.Class}); len(asked.Question) != 1 || asked.Question[0] != want {
			t.Fatalf("we read %v, miekg/dns %v", want, asked.Question)
		}
		opt := asked.IsEdns0()
		if (opt != nil) != q.EDNS || opt != nil && (opt.UDPSize() != q.UDPSize || opt.Do() != q.DO) {
			t.Fatalf("we read EDNS %v %d %v, miekg/dns %v", q.EDNS, q.UDPSize, q.DO, opt)
		}
		if asked.CheckingDisabled != q.CD() || asked.Id != q.ID || dns.CountLabel(name) != q.Labels() {
			t.Fatalf("we read CD %v, ID %d and %d labels, miekg/dns %v", q.CD(), q.ID, q.Labels(), asked)
		}
		for _, out := range [][]byte{
			wire.AppendNoData(nil, q, 60), wire.AppendTruncated(nil, q), wire.AppendRcode(nil, q, wire.Refused),
		} {
			m := unpack(t, out)
			if m.Id != q.ID || len(m.Question) != 1 || m.Question[0] != asked.Question[0] || (m.IsEdns0() != nil) != q.EDNS {
				t.Fatalf("reply to %v is %v", asked, m)
			}
		}
	})
}

// FuzzAddrs holds the writer of overrides against miekg/dns.
func FuzzAddrs(f *testing.F) {
	f.Add(query(f, "Mqtt.example.org.", dns.TypeA, nil), []byte{1, 2, 3, 4}, uint32(60), 512)
	f.Add(query(f, ".", dns.TypeAAAA, func(m *dns.Msg) { m.SetEdns0(900, true) }), make([]byte, 32), uint32(0), 40)
	f.Fuzz(func(t *testing.T, packet, octets []byte, ttl uint32, limit int) {
		q := new(wire.Question)
		if wire.Parse(q, packet) != wire.Good {
			return
		}
		var list []netip.Addr
		which := uint64(q.ID) * 0x0001_0001_0001_0001
		size := 4
		if q.Type == wire.TypeAAAA {
			size = 16
		}
		for len(octets) >= size && len(list) < 64 {
			a, _ := netip.AddrFromSlice(octets[:size])
			list, octets = append(list, a), octets[size:]
		}
		set, part := addrs(t, ttl, list...), make([]netip.Addr, 0, 64)
		for i, a := range list {
			if which>>i&1 == 1 {
				part = append(part, a)
			}
		}
		for _, c := range []*wire.Chain{nil, chain(t, "mid.example", "end.example")} {
			checkAddrs(t, wire.AppendRRset([]byte("xx"), q, c, set, limit)[2:], c, list, ttl, limit)
			if len(list) > 0 {
				checkAddrs(t, wire.AppendPart([]byte("xx"), q, c, set, which&(1<<len(list)-1), limit)[2:], c, part, ttl, limit)
			}
		}
	})
}

// checkAddrs holds a packed reply with addresses against what it was made of.
func checkAddrs(t *testing.T, out []byte, c *wire.Chain, addrs []netip.Addr, ttl uint32, limit int) {
	t.Helper()
	m := unpack(t, out)
	if m.Truncated {
		if len(m.Answer) != 0 {
			t.Fatalf("truncated, but with answers: %v", m)
		}
		return
	}
	name := m.Question[0].Name
	if c != nil {
		if len(m.Answer) < 2 || m.Answer[0].Header().Name != name {
			t.Fatalf("the chain is %v", m)
		}
		m.Answer, name = m.Answer[2:], "end.example."
	}
	if len(out) > limit || len(m.Answer) != len(addrs) {
		t.Fatalf("%d octets for a limit of %d, %d answers for %d addresses", len(out), limit, len(m.Answer), len(addrs))
	}
	for i, rr := range m.Answer {
		var got netip.Addr
		switch v := rr.(type) {
		case *dns.A:
			got, _ = netip.AddrFromSlice(v.A.To4())
		case *dns.AAAA:
			got, _ = netip.AddrFromSlice(v.AAAA)
		}
		if got != addrs[i] || rr.Header().Ttl != ttl || rr.Header().Name != name {
			t.Fatalf("%v for %v with TTL %d", rr, addrs[i], ttl)
		}
	}
}

// FuzzResponse feeds replies of strangers. No octets may upset the reader; and
// what miekg/dns has packed, as all that is kept, can be sent and unpacked.
func FuzzResponse(f *testing.F) {
	for _, text := range []string{"a.example. 5 IN A 1.2.3.4", "a.example. 5 IN CNAME b.example.", "a.example. 5 IN HTTPS 1 . alpn=h2", soa300} {
		r := response(f, "a.example.", dns.TypeA, 0, text)
		f.Add(r.Append(nil, parse(f, query(f, "a.example.", dns.TypeA, nil)), 0, 512), uint32(3))
		f.Add(r.Append(nil, parse(f, query(f, "a.example.", dns.TypeA, nil)), 0, 512), wire.Stale)
	}
	f.Fuzz(func(t *testing.T, msg []byte, age uint32) {
		_, _ = wire.NewResponse(bytes.Clone(msg))
		before := new(dns.Msg)
		if before.Unpack(msg) != nil || len(before.Question) != 1 || !before.Response || before.IsEdns0() != nil {
			return
		}
		before.Compress = true
		packed, err := before.Pack()
		if err != nil || new(dns.Msg).Unpack(packed) != nil {
			return // records that were cut short become such that it cannot read itself
		}
		r, err := wire.NewResponse(packed)
		if err != nil {
			return
		}
		question := &dns.Msg{Question: before.Question}
		if age%2 == 0 { // the OPT record takes the place of what is behind the reply
			question.SetEdns0(4096, age%4 == 0)
		}
		asked, err := question.Pack()
		if err != nil {
			return
		}
		q := new(wire.Question)
		if wire.Parse(q, asked) != wire.Good {
			return
		}
		m := unpack(t, everyWay(t, r, q, age, wire.MaxMessage))
		if (m.IsEdns0() != nil) != q.EDNS {
			t.Fatalf("%v became %v, EDNS %v", before, m, q.EDNS)
		}
		if q.EDNS {
			m.Extra = m.Extra[:len(m.Extra)-1]
		}
		if len(m.Answer) != len(before.Answer) || len(m.Ns) != len(before.Ns) || len(m.Extra) != len(before.Extra) || m.Rcode != before.Rcode&15 {
			t.Fatalf("%v became %v", before, m)
		}
		for i, rr := range m.Answer {
			if ttl := before.Answer[i].Header().Ttl; age != wire.Stale && rr.Header().Ttl > min(ttl, wire.MaxTTL) || age == wire.Stale && rr.Header().Ttl != wire.StaleTTL {
				t.Fatalf("TTL %d became %d", ttl, rr.Header().Ttl)
			}
		}
	})
}
