package wire_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// withOption packs a question with one raw option.
func withOption(t testing.TB, code uint16, data []byte) []byte {
	t.Helper()
	return query(t, "a.example.", dns.TypeA, func(m *dns.Msg) {
		m.SetEdns0(1232, false).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: code, Data: data}}
	})
}

func TestCookiesAreRead(t *testing.T) {
	cookie := []byte("0123456789abcdef0123456789abcdef01234567x")
	for size, want := range map[int]wire.Outcome{
		0: wire.Bad, 7: wire.Bad, 8: wire.Good, 9: wire.Bad, 15: wire.Bad,
		16: wire.Good, 24: wire.Good, 40: wire.Good, 41: wire.Bad,
	} {
		q := new(wire.Question)
		if got := wire.Parse(q, withOption(t, dns.EDNS0COOKIE, cookie[:size])); got != want {
			t.Errorf("a cookie of %d octets: %d, want %d", size, got, want)
		}
		client, server := q.Cookie()
		if want == wire.Good && (string(client) != "01234567" || string(server) != string(cookie[8:size])) {
			t.Errorf("of %d octets %q and %q are read", size, client, server)
		}
		if want == wire.Bad {
			if m := unpack(t, wire.AppendRcode(nil, q, wire.FormErr)); m.Rcode != dns.RcodeFormatError || m.IsEdns0() == nil {
				t.Errorf("a malformed cookie is answered with %v", m)
			}
		}
	}
	// The next question has none, although the value is used again.
	q := new(wire.Question)
	wire.Parse(q, withOption(t, dns.EDNS0COOKIE, cookie[:8]))
	q.SetCookie([16]byte{1})
	wire.Parse(q, query(t, "a.example.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false) }))
	if client, _ := q.Cookie(); client != nil || len(unpack(t, wire.AppendNoData(nil, q, 60)).IsEdns0().Option) != 0 {
		t.Error("a cookie is left over from the question before")
	}
}

func TestFirstOfSeveralCookiesCounts(t *testing.T) {
	packet := query(t, "a.example.", dns.TypeA, func(m *dns.Msg) {
		m.SetEdns0(1232, false).IsEdns0().Option = []dns.EDNS0{
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: hex.EncodeToString([]byte("first---"))},
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: hex.EncodeToString([]byte("second--"))},
		}
	})
	if client, _ := parse(t, packet).Cookie(); string(client) != "first---" {
		t.Errorf("cookie is %q", client)
	}
}

func TestCookieWithoutAQuestion(t *testing.T) {
	m := new(dns.Msg)
	m.SetEdns0(1232, false).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	q := new(wire.Question)
	if got := wire.Parse(q, packet); got != wire.OnlyCookie {
		t.Fatalf("Parse = %d, want OnlyCookie", got)
	}
	q.SetCookie([16]byte{15: 9})
	reply := unpack(t, wire.AppendRcode(nil, q, wire.NoError))
	if c := reply.IsEdns0().Option[0].(*dns.EDNS0_COOKIE); len(reply.Question) != 0 || c.Cookie != "0102030405060708"+"00000000000000000000000000000009" {
		t.Errorf("reply is %v", reply)
	}
	m.Extra = nil
	m.SetEdns0(1232, false)
	if packet, err = m.Pack(); err != nil {
		t.Fatal(err)
	}
	if got := wire.Parse(q, packet); got != wire.Bad {
		t.Errorf("neither a question nor a cookie: %d, want Bad", got)
	}
}

func TestOptionsOfTheReplyCountToItsSize(t *testing.T) {
	packet := query(t, "a.example.", dns.TypeA, func(m *dns.Msg) {
		m.SetEdns0(512, false).IsEdns0().Option = []dns.EDNS0{
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"},
			&dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE},
		}
	})
	q := parse(t, packet)
	if !q.WantsKeepalive() || q.UDPLimit() != 512 || q.Limit(0) != 512 || q.Limit(1000) != 1000 {
		t.Errorf("keepalive %v, limit %d", q.WantsKeepalive(), q.UDPLimit())
	}
	q.SetCookie([16]byte{1})
	q.SetKeepalive(300)
	if q.UDPLimit() != 512-34 || q.Limit(0) != 512-34 || q.Limit(1000) != 1000-34 {
		t.Errorf("limits are %d, %d, %d", q.UDPLimit(), q.Limit(0), q.Limit(1000))
	}
	without := parse(t, query(t, "a.example.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(512, false) }))
	if got := len(wire.AppendNoData(nil, q, 60)) - len(wire.AppendNoData(nil, without, 60)); got != 34 {
		t.Errorf("the options take %d octets", got)
	}
	m := unpack(t, wire.AppendNoData(nil, q, 60))
	if k, ok := m.IsEdns0().Option[1].(*dns.EDNS0_TCP_KEEPALIVE); !ok || k.Timeout != 300 {
		t.Errorf("options are %v", m.IsEdns0().Option)
	}
}

// FuzzOptions puts any octets into the OPT record. What we take, miekg/dns
// takes and reads the same, and the reply with all that was asked for can be
// unpacked.
func FuzzOptions(f *testing.F) {
	f.Add([]byte("\x00\x0a\x00\x0801234567"))
	f.Add([]byte("\x00\x0a\x00\x1801234567fedcba9876543210\x00\x0b\x00\x00\x00\x0c\x00\x02\x00\x00"))
	f.Add([]byte("\x00\x0b\x00\x02\x01\x2c\x00\x0a\x00\x07cut"))
	f.Fuzz(func(t *testing.T, options []byte) {
		options = options[:min(len(options), 3000)]
		packet := query(t, "a.example.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, true) })
		packet[len(packet)-2], packet[len(packet)-1] = byte(len(options)>>8), byte(len(options))
		packet = append(packet, options...)
		q := new(wire.Question)
		if wire.Parse(q, packet) != wire.Good {
			return
		}
		client, server := q.Cookie()
		if len(client) != 0 && len(client) != 8 || len(server) != 0 && (len(server) < 8 || len(server) > 32) || len(client) == 0 && len(server) != 0 {
			t.Fatalf("cookies are % x and % x", client, server)
		}
		asked := new(dns.Msg)
		if asked.Unpack(packet) == nil { // it is stricter with options that are not ours
			var want []byte
			for _, o := range asked.IsEdns0().Option {
				if c, ok := o.(*dns.EDNS0_COOKIE); ok && want == nil {
					want, _ = hex.DecodeString(c.Cookie)
				}
			}
			if got := append(bytes.Clone(client), server...); !bytes.Equal(got, want) {
				t.Fatalf("we read the cookie % x, miekg/dns % x", got, want)
			}
		}
		q.SetCookie([16]byte{1})
		q.SetKeepalive(7)
		for _, out := range [][]byte{wire.AppendNoData(nil, q, 60), wire.AppendTruncated(nil, q), wire.AppendRcode(nil, q, wire.BadVers)} {
			if m := unpack(t, out); m.IsEdns0() == nil || len(out) > 512 {
				t.Fatalf("reply is %v", m)
			}
		}
	})
}
