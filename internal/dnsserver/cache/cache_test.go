package cache_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/cache"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

var start = time.Unix(1_800_000_000, 0)

func question(t testing.TB, name string, qtype uint16, do, cd bool) *wire.Question {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.CheckingDisabled = cd
	m.SetEdns0(1232, do)
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	q := new(wire.Question)
	if wire.Parse(q, packed) != wire.Good {
		t.Fatal("the question does not parse")
	}
	return q
}

// txt returns a response to name of about size octets.
func txt(t testing.TB, name string, ttl uint32, size int) *wire.Response {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, dns.TypeTXT)
	m.Response = true
	rr := &dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: ttl}}
	for ; size > 0; size -= 200 {
		rr.Txt = append(rr.Txt, strings.Repeat("x", 199))
	}
	m.Answer = []dns.RR{rr}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	r, err := wire.NewResponse(packed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestHitEndsWithItsTTL(t *testing.T) {
	c := cache.New(1 << 20)
	q := question(t, "a.example.", dns.TypeTXT, false, false)
	c.Put(q, txt(t, "a.example.", 30, 1), start)
	if h := c.Get(nil, q, start.Add(29900*time.Millisecond)); !h.Fresh() || h.Age != 29 {
		t.Errorf("after 29.9 s: %+v", h)
	}
	c.KeepStale(0)
	if h := c.Get(nil, q, start.Add(30*time.Second)); h.Found {
		t.Error("still there after 30 s")
	}
	if s := c.Stats(start); s.Entries != 0 || s.Bytes != 0 || s.Hits != 1 || s.Misses != 1 {
		t.Errorf("Stats = %+v", s)
	}
}

func TestKeyIsNameTypeClassDOAndCD(t *testing.T) {
	c := cache.New(1 << 20)
	c.Put(question(t, "a.example.", dns.TypeTXT, false, false), txt(t, "a.example.", 30, 1), start)
	if !c.Get(nil, question(t, "A.EXAMPLE.", dns.TypeTXT, false, false), start).Found {
		t.Error("case counts")
	}
	for name, q := range map[string]*wire.Question{
		"name": question(t, "b.example.", dns.TypeTXT, false, false),
		"type": question(t, "a.example.", dns.TypeA, false, false),
		"DO":   question(t, "a.example.", dns.TypeTXT, true, false),
		"CD":   question(t, "a.example.", dns.TypeTXT, false, true),
	} {
		if c.Get(nil, q, start).Found {
			t.Errorf("%s does not count", name)
		}
	}
}

func TestBoundIsInOctetsAndTheOldestGoFirst(t *testing.T) {
	const limit = 100 << 10
	c := cache.New(limit)
	first := question(t, "first.example.", dns.TypeTXT, false, false)
	c.Put(first, txt(t, "first.example.", 300, 1), start)
	for i := range 500 {
		name := fmt.Sprintf("n%d.example.", i)
		c.Put(question(t, name, dns.TypeTXT, false, false), txt(t, name, 300, 1000), start)
		if !c.Get(nil, first, start).Found {
			t.Fatalf("what is used all the time was forgotten after %d others", i)
		}
		if s := c.Stats(start); s.Bytes > limit {
			t.Fatalf("%d octets are kept, the limit is %d", s.Bytes, limit)
		}
	}
	if c.Get(nil, question(t, "n0.example.", dns.TypeTXT, false, false), start).Found {
		t.Error("the oldest is still there")
	}
	if !c.Get(nil, question(t, "n499.example.", dns.TypeTXT, false, false), start).Found {
		t.Error("the newest is not there")
	}
}

func TestLargeResponsesAreNotKept(t *testing.T) {
	c := cache.New(1 << 20)
	q := question(t, "a.example.", dns.TypeTXT, false, false)
	c.Put(q, txt(t, "a.example.", 300, cache.MaxResponse+1), start)
	if h := c.Get(nil, q, start); h.Found {
		t.Errorf("%d octets were kept", h.Response.Len())
	}
	c.Put(q, txt(t, "a.example.", 300, cache.MaxResponse-1000), start)
	if !c.Get(nil, q, start).Found {
		t.Error("a response within the bound was not kept")
	}
}

func TestNoCache(t *testing.T) {
	c := cache.New(-1)
	q := question(t, "a.example.", dns.TypeTXT, false, false)
	c.Put(q, txt(t, "a.example.", 300, 1), start)
	if c.Get(nil, q, start).Found || c.Stats(start) != (cache.Stats{}) {
		t.Error("a cache that is none kept something")
	}
}

func TestHitDoesNotAllocate(t *testing.T) {
	c := cache.New(1 << 20)
	q := question(t, "a.example.", dns.TypeTXT, false, false)
	c.Put(q, txt(t, "a.example.", 300, 100), start)
	out := make([]byte, 0, 1232)
	if n := testing.AllocsPerRun(100, func() {
		h := c.Get(out[:0], q, start)
		out = h.Response.Append(out[:0], q, h.Age, 1232)
	}); n != 0 {
		t.Errorf("a hit allocates %v times", n)
	}
}

// FuzzStoreAndHit holds a hit against miekg/dns: what was stored comes back,
// with TTLs counted down and never past their end.
func FuzzStoreAndHit(f *testing.F) {
	f.Add("a.example.", uint16(1), []byte{1, 2, 3, 4}, uint32(60), uint16(10))
	f.Add("B.eXample.", uint16(16), []byte("\x03abc"), uint32(1<<31), uint16(0))
	f.Fuzz(func(t *testing.T, name string, qtype uint16, data []byte, ttl uint32, later uint16) {
		m := new(dns.Msg).SetQuestion(dns.CanonicalName(name), qtype)
		asked, err := m.Pack()
		q := new(wire.Question)
		if err != nil || wire.Parse(q, asked) != wire.Good {
			return
		}
		if err := m.Unpack(asked); err != nil {
			return
		}
		rr := &dns.RFC3597{Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: qtype, Class: 1, Ttl: ttl}, Rdata: fmt.Sprintf("%x", data)}
		m.Response, m.Answer = true, []dns.RR{rr}
		packed, err := m.Pack()
		// What is kept has been read and written by miekg/dns: no name in it
		// leads into the header or a TTL, which change.
		if err != nil || m.Unpack(packed) != nil {
			return
		}
		m.Compress = true
		if packed, err = m.Pack(); err != nil || m.Unpack(packed) != nil {
			return
		}
		r, err := wire.NewResponse(packed)
		if err != nil {
			return
		}
		c := cache.New(1 << 20)
		c.Put(q, r, start)
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		hit := c.Get(nil, q, start.Add(time.Duration(later)*time.Second))
		if !hit.Found {
			return
		}
		reply := hit.Response.Append(nil, q, hit.Age, wire.MaxMessage)
		buffer := make([]byte, 3, 3+later%1024)
		hit = c.Peek(buffer, q, start.Add(time.Duration(later)*time.Second))
		if here := hit.Response.Append(buffer, q, hit.Age, wire.MaxMessage); !bytes.Equal(here[3:], reply) {
			t.Fatalf("in the buffer it becomes % x, not % x", here[3:], reply)
		}
		out := new(dns.Msg)
		if err := out.Unpack(reply); err != nil {
			t.Fatalf("miekg/dns can not unpack the hit: %v", err)
		}
		want := min(ttl, wire.MaxTTL) - uint32(later)
		if uint32(later) >= min(ttl, wire.MaxTTL) {
			want = wire.StaleTTL
		}
		if left := out.Answer[0].Header().Ttl; left == 0 || left != want {
			t.Fatalf("TTL %d is %d after %d s", ttl, left, later)
		}
		if out.Question[0] != m.Question[0] || out.Answer[0].Header().Rrtype != qtype {
			t.Fatalf("%v came back as %v", m, out)
		}
	})
}
