package cache_test

// What goes when room is needed, and what stays.

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/cache"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// keeper puts and gets by name.
type keeper struct {
	*cache.Cache
	t testing.TB
}

func (k keeper) put(name string, ttl uint32, size int, now time.Time) {
	k.t.Helper()
	k.Put(k.question(name), txt(k.t, name, ttl, size), now)
}

func (k keeper) question(name string) *wire.Question {
	k.t.Helper()
	return question(k.t, name, dns.TypeTXT, false, false)
}

func (k keeper) get(name string, now time.Time) cache.Hit {
	k.t.Helper()
	return k.Get(nil, k.question(name), now)
}

func (k keeper) has(name string, now time.Time) bool {
	k.t.Helper()
	return k.Peek(nil, k.question(name), now).Found
}

// scanned is a question of a scan and its response, made without much ado.
func scanned(t testing.TB, i int) (*wire.Question, *wire.Response) {
	t.Helper()
	number := fmt.Appendf(nil, "%06d", i)
	pattern := scanPattern()
	q := new(wire.Question)
	if wire.Parse(q, bytes.ReplaceAll(pattern[0], []byte("######"), number)) != wire.Good {
		t.Fatal("the question does not parse")
	}
	r, err := wire.NewResponse(bytes.ReplaceAll(pattern[1], []byte("######"), number))
	if err != nil {
		t.Fatal(err)
	}
	return q, r
}

var scanPattern = sync.OnceValue(func() (packed [2][]byte) {
	m := new(dns.Msg).SetQuestion("s######.example.", dns.TypeTXT)
	for i := range packed {
		var err error
		if packed[i], err = m.Pack(); err != nil {
			panic(err)
		}
		m.Response = true
		m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: dns.TypeTXT, Class: 1, Ttl: 3600}, Txt: []string{strings.Repeat("x", 199)}}}
	}
	return packed
})

func TestAScanDoesNotPushOutWhatTheHouseUses(t *testing.T) {
	for _, limit := range []int64{100 << 10, 8 << 20} {
		k := keeper{cache.New(limit), t}
		house := make([]string, limit/(4<<10)) // with about 500 octets each, an eighth of the room
		for i := range house {
			house[i] = fmt.Sprintf("h%d.example.", i)
			k.put(house[i], 3600, 1, start)
		}
		later := start.Add(10 * time.Second)
		for _, name := range house {
			k.get(name, later)
		}
		scan := 100_000
		switch {
		case limit < 1<<20:
			scan = 10_000
		case testing.Short():
			scan = 40_000 // still more than there is room for
		}
		for i := range scan {
			q, r := scanned(t, i)
			if k.Get(nil, q, later).Found {
				t.Fatalf("%q is there", q.Name())
			}
			k.Put(q, r, later)
			k.Get(nil, q, later) // asked twice in a row, as by a retry
		}
		lost := 0
		for _, name := range house {
			if !k.has(name, later) {
				lost++
			}
		}
		if lost > 0 {
			t.Errorf("of %d names of the house %d are lost after a scan of %d", len(house), lost, scan)
		}
		if s := k.Stats(later); s.Bytes > limit || s.Entries >= int64(scan) {
			t.Errorf("%+v for a limit of %d", s, limit)
		}
	}
}

func TestStaleGoesFirst(t *testing.T) {
	k := keeper{cache.New(100 << 10), t}
	for i := range 20 {
		k.put(fmt.Sprintf("fresh%d.example.", i), 3600, 1000, start)
	}
	for i := range 20 { // used later, and so the last to go if they were not stale
		k.put(fmt.Sprintf("stale%d.example.", i), 10, 1000, start)
	}
	later := start.Add(time.Minute)
	if s := k.Stats(later); s.Entries != 40 || s.Stale != 20 {
		t.Fatalf("Stats = %+v", s)
	}
	for i := range 1000 {
		k.put(fmt.Sprintf("new%d.example.", i), 3600, 1000, later)
		s := k.Stats(later)
		if s.Stale == 0 {
			break
		}
		for i := range 20 {
			if !k.has(fmt.Sprintf("fresh%d.example.", i), later) {
				t.Fatalf("fresh%d went while %d stale ones were there", i, s.Stale)
			}
		}
	}
	if s := k.Stats(later); s.Stale != 0 {
		t.Errorf("%d stale ones outlived fresh ones", s.Stale)
	}
}

func TestFailuresTakeNoRoomFromReplies(t *testing.T) {
	const limit = 100 << 10
	k := keeper{cache.New(limit), t}
	n := 0
	for before := int64(-1); k.Stats(start).Entries > before; n++ { // until it is full
		before = k.Stats(start).Entries
		k.put(fmt.Sprintf("n%d.example.", n), 10, 1000, start)
	}
	full := k.Stats(start).Entries
	later := start.Add(time.Minute) // all are stale
	for i := range 5000 {
		k.Fail(k.question(fmt.Sprintf("f%d.example.", i)), wire.ServFail, later)
	}
	s := k.Stats(later)
	if s.Entries != full || s.Bytes > limit {
		t.Errorf("after 5,000 failures %+v, want %d entries", s, full)
	}
	if h := k.get("f4999.example.", later); !h.Failed || h.Rcode != wire.ServFail || h.Found {
		t.Errorf("the last failure is %+v", h)
	}
	if h := k.get("f4999.example.", later.Add(cache.FailureTTL)); h.Failed {
		t.Errorf("after its time it is %+v", h)
	}
	if h := k.get("f0.example.", later); h.Failed {
		t.Error("all failures are kept")
	}
}

func TestOneClaimAtATime(t *testing.T) {
	k := keeper{cache.New(1 << 20), t}
	k.put("a.example.", 10, 1, start)
	later := start.Add(time.Minute)
	if k.Claim(k.question("b.example.")) {
		t.Error("what is not there can be claimed")
	}
	for name, end := range map[string]func(){
		"Release": func() { k.Release(k.question("a.example.")) },
		"Put":     func() { k.put("a.example.", 10, 1, start) },
		"Fail":    func() { k.Fail(k.question("a.example."), wire.ServFail, start) },
	} {
		if !k.get("a.example.", later).Due {
			t.Errorf("before %s it is not due", name)
		}
		var claimed atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if k.Claim(k.question("a.example.")) {
					claimed.Add(1)
				}
			})
		}
		all.Wait()
		if claimed.Load() != 1 || k.get("a.example.", later).Due {
			t.Errorf("%d have claimed it at once, due %v", claimed.Load(), k.get("a.example.", later).Due)
		}
		end()
	}
}

func TestResizeKeepsWhatFits(t *testing.T) {
	k := keeper{cache.New(4 << 20), t}
	for i := range 1000 {
		k.put(fmt.Sprintf("n%d.example.", i), 3600, 500, start)
	}
	later := start.Add(time.Minute)
	for i := range 20 {
		k.get(fmt.Sprintf("n%d.example.", i), later)
	}
	for _, limit := range []int64{64 << 20, 200 << 10} {
		k.Resize(limit)
		for i := range 20 {
			if h := k.get(fmt.Sprintf("n%d.example.", i), later); h.Age != 60 {
				t.Errorf("limit %d: n%d is %+v", limit, i, h)
			}
		}
		s := k.Stats(later)
		if s.Bytes > limit || s.Limit != limit || limit > 4<<20 && s.Entries != 1000 || limit < 4<<20 && s.Bytes < limit/2 {
			t.Errorf("Stats = %+v", s)
		}
	}
	if !k.has("n999.example.", later) || k.has("n20.example.", later) {
		t.Error("what was used last did not stay, or what was used first did")
	}
	k.Resize(0)
	if k.has("n1.example.", later) || k.Stats(later).Limit != 0 {
		t.Error("a cache of no size holds something")
	}
	k.Resize(1 << 20)
	k.put("a.example.", 30, 1, start)
	if !k.has("a.example.", start) {
		t.Error("it does not come back")
	}
}

func TestAllAtOnce(t *testing.T) {
	k := keeper{cache.New(300 << 10), t}
	questions, responses := make([]*wire.Question, 200), make([]*wire.Response, 200)
	for i := range questions {
		name := fmt.Sprintf("n%d.example.", i)
		questions[i], responses[i] = k.question(name), txt(t, name, uint32(i%30), 800)
	}
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 2000 {
				q, now := questions[(i*7+g)%200], start.Add(time.Duration(i)*50*time.Millisecond)
				switch (i + g) % 9 {
				case 0:
					k.Fail(q, wire.ServFail, now)
				case 1:
					if k.Claim(q) {
						k.Release(q)
					}
				case 2:
					if i%100 == 2 {
						k.Resize(int64(100+i) << 10)
					}
				case 3:
					if i%100 == 3 {
						k.Purge(now, q.NameKey())
					}
				case 4:
					if i%100 == 4 {
						_, _ = k.Save(new(counter), now)
					}
				case 5, 6:
					k.Put(q, responses[(i*7+g)%200], now)
				default:
					k.Get(nil, q, now)
				}
			}
		})
	}
	all.Wait()
	if s := k.Stats(start); s.Bytes > s.Limit {
		t.Errorf("Stats = %+v", s)
	}
	if err := k.Check(); err != nil {
		t.Error(err)
	}
	k.Resize(math.MaxInt32)
	if err := k.Check(); err != nil {
		t.Error(err)
	}
}

// counter is an io.Writer that counts.
type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }
