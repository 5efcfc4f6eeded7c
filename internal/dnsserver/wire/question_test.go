package wire_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// query packs a question with miekg/dns; change may be nil.
func query(t testing.TB, name string, qtype uint16, change func(*dns.Msg)) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.Id = 4711
	if change != nil {
		change(m)
	}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// parse parses a question that must be good.
func parse(t testing.TB, packet []byte) *wire.Question {
	t.Helper()
	q := new(wire.Question)
	if got := wire.Parse(q, packet); got != wire.Good {
		t.Fatalf("Parse = %d, want Good", got)
	}
	return q
}

func unpack(t testing.TB, packet []byte) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(packet); err != nil {
		t.Fatalf("miekg/dns can not unpack % x: %v", packet, err)
	}
	return m
}

func TestParseKeepsTheQuestionAndLowersTheKey(t *testing.T) {
	packet := query(t, "MqTT.Example.ORG.", dns.TypeAAAA, func(m *dns.Msg) { m.SetEdns0(4096, true); m.CheckingDisabled = true })
	q := parse(t, packet)
	if want := "\x04MqTT\x07Example\x03ORG\x00"; string(q.Name()) != want {
		t.Errorf("Name = %q, want %q", q.Name(), want)
	}
	if want := "\x04mqtt\x07example\x03org\x00"; string(q.NameKey()) != want {
		t.Errorf("NameKey = %q, want %q", q.NameKey(), want)
	}
	if want := "\x04mqtt\x07example\x03org\x00\x00\x1c\x00\x01\x03"; string(q.Key()) != want {
		t.Errorf("Key = %q, want %q", q.Key(), want)
	}
	if q.ID != 4711 || !q.EDNS || !q.DO || q.UDPSize != 4096 || !q.CD() || q.Type != wire.TypeAAAA || q.Class != wire.ClassIN {
		t.Errorf("question is %+v", q)
	}
	if key, at := q.Suffix(1); string(key) != "\x07example\x03org\x00" || at != 5 || q.Labels() != 3 {
		t.Errorf("Suffix(1) = %q at %d of %d labels", key, at, q.Labels())
	}
}

func TestParseOutcomes(t *testing.T) {
	good := query(t, "a.example.", dns.TypeA, nil)
	edns := query(t, "a.example.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false) })
	with := func(packet []byte, at int, value ...byte) []byte {
		packet = bytes.Clone(packet)
		copy(packet[at:], value)
		return packet
	}
	opt := len(good) // where the OPT record starts in edns
	long := strings.Repeat("\x3f"+strings.Repeat("x", 63), 4) + "\x00"
	raw := func(name string) []byte { return append(bytes.Clone(good[:12]), name+"\x00\x01\x00\x01"...) }
	for name, c := range map[string]struct {
		packet []byte
		want   wire.Outcome
	}{
		"good":                             {good, wire.Good},
		"good with EDNS":                   {edns, wire.Good},
		"root":                             {raw("\x00"), wire.Good},
		"octets behind":                    {append(bytes.Clone(good), 1, 2, 3), wire.Good},
		"empty is dropped":                 {nil, wire.Drop},
		"too short for a header":           {good[:11], wire.Drop},
		"QR=1 is dropped":                  {with(good, 2, 0x81), wire.Drop},
		"opcode NOTIFY":                    {with(good, 2, 0x20), wire.Unsupported},
		"opcode UPDATE":                    {with(good, 2, 0x28), wire.Unsupported},
		"QDCOUNT 0":                        {with(good, 4, 0, 0), wire.Bad},
		"QDCOUNT 2":                        {with(good, 4, 0, 2), wire.Bad},
		"ANCOUNT 1":                        {with(good, 6, 0, 1), wire.Bad},
		"NSCOUNT 1":                        {with(good, 8, 0, 1), wire.Bad},
		"ARCOUNT without a record":         {with(good, 10, 0, 1), wire.Bad},
		"two additional records":           {with(edns, 10, 0, 2), wire.Bad},
		"pointer in the name":              {raw("\x01a\xc0\x0c"), wire.Bad},
		"label of 64":                      {raw("\x40" + strings.Repeat("x", 64) + "\x00"), wire.Bad},
		"name of 257":                      {raw(long), wire.Bad},
		"name of 255":                      {raw(long[:192] + "\x3d" + strings.Repeat("x", 61) + "\x00"), wire.Good},
		"name of 256":                      {raw(long[:192] + "\x3e" + strings.Repeat("x", 62) + "\x00"), wire.Bad},
		"name without end":                 {good[:len(good)-6], wire.Bad},
		"no class":                         {good[:len(good)-2], wire.Bad},
		"type 0":                           {with(good, len(good)-4, 0, 0), wire.Bad},
		"OPT as a type":                    {with(good, len(good)-4, 0, 41), wire.Bad},
		"OPT that is not at the root":      {with(edns, opt, 1), wire.Bad},
		"another record instead of an OPT": {with(edns, opt+2, 1), wire.Bad},
		"OPT longer than the packet":       {with(edns, opt+10, 9), wire.Bad},
		"option cut short":                 {append(with(edns, opt+10, 3), 0, 10, 0), wire.Bad},
		"option longer than the OPT":       {append(with(edns, opt+10, 4), 0, 10, 0, 1), wire.Bad},
		"unknown option":                   {append(with(edns, opt+10, 5), 0xfd, 0xe9, 0, 1, 7), wire.Good},
		"EDNS version 1":                   {with(edns, opt+6, 1), wire.Version},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wire.Parse(new(wire.Question), c.packet); got != c.want {
				t.Errorf("Parse = %d, want %d", got, c.want)
			}
		})
	}
}

func TestUDPLimit(t *testing.T) {
	for size, want := range map[uint16]int{0: 512, 512: 512, 900: 900, 1232: 1232, 4096: 1232} {
		q := parse(t, query(t, ".", dns.TypeNS, func(m *dns.Msg) { m.SetEdns0(size, false) }))
		if got := q.UDPLimit(); got != want {
			t.Errorf("a client that takes %d gets %d, want %d", size, got, want)
		}
	}
	if got := parse(t, query(t, ".", dns.TypeNS, nil)).UDPLimit(); got != 512 {
		t.Errorf("a client without EDNS gets %d, want 512", got)
	}
}

func TestPackName(t *testing.T) {
	for _, bad := range []string{"", ".", "a..b", "*.a", `a\.b`, "a b", "ü.example", strings.Repeat("x", 64), strings.Repeat("x.", 128)} {
		if key, err := wire.PackName(bad); err == nil {
			t.Errorf("PackName(%q) = %q", bad, key)
		}
	}
	if key, err := wire.PackName("A.Example."); err != nil || string(key) != "\x01a\x07example\x00" {
		t.Errorf("PackName = %q, %v", key, err)
	}
}
