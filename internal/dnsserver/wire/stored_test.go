package wire_test

import (
	"bytes"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// everyWay returns the reply to q that r becomes, after holding it against what
// it becomes when it was stored, and when it stands where the reply goes.
func everyWay(t testing.TB, r *wire.Response, q *wire.Question, age uint32, limit int) []byte {
	t.Helper()
	want := r.Append(nil, q, age, limit)
	before := r.AppendStored(nil)
	if len(before) != r.StoredLen() {
		t.Fatalf("%d octets are stored, not %d", len(before), r.StoredLen())
	}
	stored := wire.Stored(bytes.Clone(before))
	if again := stored.Append(nil, q, age, limit); !bytes.Equal(again, want) {
		t.Fatalf("stored, it becomes % x, not % x", again, want)
	}
	if again := stored.AppendStored(nil); !bytes.Equal(again, before) {
		t.Fatalf("stored again it is % x, not % x", again, before)
	}
	for _, spare := range []int{0, 100} { // also where the reply outgrows the room
		dst := append([]byte("prefix"), before...)
		dst = append(dst, make([]byte, spare)...)[: len("prefix") : len("prefix")+len(before)+spare]
		here := wire.Stored(dst[len(dst) : len(dst)+len(before)])
		if out := here.Append(dst, q, age, limit); string(out) != "prefix"+string(want) {
			t.Fatalf("in its place it becomes % x, not % x", out, want)
		}
	}
	return want
}

func TestAStoredResponseIsTheSame(t *testing.T) {
	home, other := nameSet{"\x04home\x07example\x00": true}, nameSet{"\x05other\x00": true}
	for text, leads := range map[string]bool{
		"a.example. 5 IN A 1.2.3.4":                false,
		"a.example. 5 IN CNAME HOME.example.":      true,
		"a.example. 5 IN HTTPS 1 home.example.":    true,
		"a.example. 5 IN TXT home.example.":        false,
		"a.example. 5 IN SVCB 0 else.example.":     false,
		"example. 5 IN DNAME home.example.":        true,
		"a.example. 5 IN HTTPS 1 . alpn=\"h2,h3\"": false,
	} {
		r := response(t, "a.example.", dns.TypeANY, 0, text, soa300, "a.example. 50 IN A 1.2.3.4")
		for _, q := range []*wire.Question{
			parse(t, query(t, "A.example.", dns.TypeANY, nil)),
			parse(t, query(t, "a.example.", dns.TypeANY, func(m *dns.Msg) { m.SetEdns0(1232, true) })),
			parse(t, query(t, "b.a.example.", dns.TypeANY, nil)), // which is another question
		} {
			for _, age := range []uint32{0, 3, 1000, wire.Stale} {
				everyWay(t, r, q, age, wire.MaxMessage)
				everyWay(t, r, q, age, 60)
			}
		}
		stored := wire.Stored(r.AppendStored(nil))
		if stored.LeadsTo(home) != leads || stored.LeadsTo(other) || stored.Leads() != r.Leads() || stored.Lifetime() != r.Lifetime() || stored.Rcode() != r.Rcode() {
			t.Errorf("%s is another response once it was stored", text)
		}
		if got, want := stored.Bounded(10, 20), r.Bounded(10, 20); !bytes.Equal(got.AppendStored(nil), want.AppendStored(nil)) {
			t.Errorf("%s has other bounds once it was stored", text)
		}
	}
}

func TestAResponseAnswersItsQuestionOnly(t *testing.T) {
	r := response(t, "A.example.", dns.TypeA, 0, "A.example. 50 IN A 1.2.3.4")
	for name, c := range map[string]struct {
		q    *wire.Question
		want bool
	}{
		"itself":        {parse(t, query(t, "a.EXAMPLE.", dns.TypeA, nil)), true},
		"another type":  {parse(t, query(t, "a.example.", dns.TypeAAAA, nil)), false},
		"another name":  {parse(t, query(t, "b.example.", dns.TypeA, nil)), false},
		"a name longer": {parse(t, query(t, "a.a.example.", dns.TypeA, nil)), false},
		"the root":      {parse(t, query(t, ".", dns.TypeA, nil)), false},
	} {
		if r.Answers(c.q.Key()) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
	if r.Answers(nil) || r.Answers([]byte{1}) {
		t.Error("it answers what is no key")
	}
}
