package wire_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

func key(t testing.TB, name string) []byte {
	t.Helper()
	k, err := wire.PackName(name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func chain(t testing.TB, targets ...string) *wire.Chain {
	t.Helper()
	var links []wire.Link
	for _, target := range targets {
		links = append(links, wire.Link{Target: key(t, target), TTL: 30})
	}
	c, err := wire.NewChain(links...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestChainEndsAtTheOwnerOfWhatFollows(t *testing.T) {
	q := parse(t, query(t, "Www.Example.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false) }))
	c := chain(t, "mid.example", "end.example")
	m := unpack(t, wire.AppendRRset([]byte("prefix"), q, c, addrs(t, 60, four), 512)[6:])
	want := []string{"Www.Example.	30	IN	CNAME	mid.example.", "mid.example.	30	IN	CNAME	end.example.", "end.example.	60	IN	A	192.168.1.10"}
	for i, text := range want {
		if len(m.Answer) != 3 || m.Answer[i].String() != text {
			t.Fatalf("answer %d of %v is not %s", i, m.Answer, text)
		}
	}
	m = unpack(t, wire.AppendChainNoData(nil, q, c, 60, 512))
	if len(m.Answer) != 2 || len(m.Ns) != 1 || m.Ns[0].Header().Name != "end.example." || m.Ns[0].(*dns.SOA).Ns != "end.example." {
		t.Errorf("NODATA behind a chain is %v", m)
	}
}

func TestPartOfARRset(t *testing.T) {
	var list []netip.Addr
	for i := range 16 {
		list = append(list, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
	}
	set, q := addrs(t, 60, list...), parse(t, query(t, "A.example.", dns.TypeA, nil))
	for _, c := range []*wire.Chain{nil, chain(t, "mid.example")} {
		whole := wire.AppendPart([]byte("xx"), q, c, set, 1<<2|1<<15, 512)[2:]
		m := unpack(t, whole)
		list := m.Answer[max(0, len(m.Answer)-2):]
		if len(list) != 2 || list[0].(*dns.A).A.String() != "10.0.0.2" || list[1].(*dns.A).A.String() != "10.0.0.15" {
			t.Errorf("the part is %v", m)
		}
		if m := unpack(t, wire.AppendPart(nil, q, c, set, 1<<2|1<<15, len(whole)-1)); !m.Truncated || len(m.Answer) != 0 {
			t.Errorf("a part that does not fit is %v", m)
		}
	}
	if _, err := wire.NewAddrs(60, four, six); err == nil {
		t.Error("two families in a set are taken")
	}
	if set := addrs(t, 60); set != nil {
		t.Errorf("no address is %v", set)
	}
}

func TestRRsetIsSentWholeOrTruncated(t *testing.T) {
	set, err := wire.NewRRset(wire.TypeTXT, 60, []byte("\x03one"), []byte("\x03two"))
	if err != nil {
		t.Fatal(err)
	}
	q := parse(t, query(t, "A.example.", dns.TypeTXT, nil))
	whole := wire.AppendRRset(nil, q, nil, set, 512)
	if m := unpack(t, whole); len(m.Answer) != 2 || m.Answer[1].(*dns.TXT).Txt[0] != "two" || m.Answer[0].Header().Name != "A.example." || !m.Authoritative {
		t.Errorf("the set is %v", m)
	}
	if m := unpack(t, wire.AppendRRset(nil, q, nil, set, len(whole))); m.Truncated {
		t.Error("what just fits is cut")
	}
	if m := unpack(t, wire.AppendRRset(nil, q, nil, set, len(whole)-1)); !m.Truncated || len(m.Answer) != 0 {
		t.Errorf("what does not fit is %v", m)
	}
}

func TestSetsAndChainsAreBounded(t *testing.T) {
	if _, err := wire.NewRRset(wire.TypeTXT, 60); err == nil {
		t.Error("a set without records is taken")
	}
	if _, err := wire.NewRRset(wire.TypeTXT, 60, make([]byte, 9<<10), make([]byte, 9<<10)); err == nil {
		t.Error("a set of 18 KiB is taken")
	}
	var links []wire.Link
	for range 40 {
		links = append(links, wire.Link{Target: key(t, strings.Repeat(strings.Repeat("x", 60)+".", 4))})
	}
	if _, err := wire.NewChain(links...); err == nil {
		t.Error("a chain of 20 KiB is taken")
	}
	if _, err := wire.NewChain(); err == nil {
		t.Error("a chain without links is taken")
	}
}

func TestTurnedQuestionIsTheSameButForItsName(t *testing.T) {
	from := parse(t, query(t, "a.example.", dns.TypeAAAA, func(m *dns.Msg) { m.SetEdns0(1000, true); m.CheckingDisabled = true }))
	var q wire.Question
	if !q.Turn(from, []byte("\x02Bb\x07Example\x00")) {
		t.Fatal("not turned")
	}
	want := parse(t, query(t, "Bb.Example.", dns.TypeAAAA, func(m *dns.Msg) { m.SetEdns0(1000, true); m.CheckingDisabled = true }))
	if q != *want {
		t.Errorf("got %+v\nwant %+v", q, *want)
	}
	for _, name := range []string{"", "\x01", "\x01a", "\x01a\x00x", "\x40" + strings.Repeat("a", 64) + "\x00", strings.Repeat("\x01a", 128) + "\x00"} {
		if q.Turn(from, []byte(name)) {
			t.Errorf("%q is taken for a name", name)
		}
	}
}

func TestMarksKeepAnswersApart(t *testing.T) {
	q := parse(t, query(t, "a.example.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1000, true) }))
	plain := string(q.Key())
	seen := map[string]bool{}
	for mark := range uint8(64) {
		q.Mark(mark)
		seen[string(q.Key())] = true
	}
	if q.Mark(0); len(seen) != 64 || string(q.Key()) != plain {
		t.Errorf("%d keys of 64 marks", len(seen))
	}
}

func TestAddressesAreFoundWhereverTheyStand(t *testing.T) {
	r := response(t, "a.example.", dns.TypeANY, 0,
		"a.example. 5 IN A 1.2.3.4", "a.example. 5 IN AAAA 2001:db8::1", "a.example. 5 IN TXT \"1.2.3.4\"",
		"a.example. 5 IN HTTPS 1 b.example. alpn=h2 port=443 ipv4hint=5.6.7.8,9.9.9.9 ipv6hint=2001:db8::2",
		"a.example. 5 IN SVCB 0 c.example.")
	var got []string
	for a := range r.Addresses {
		got = append(got, a.String())
		if a.Additional || !a.OwnedBy(r, nameSet{"\x01a\x07example\x00": true}) {
			t.Errorf("%v is of another name", a)
		}
	}
	if want := "1.2.3.4 2001:db8::1 5.6.7.8 9.9.9.9 2001:db8::2"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
