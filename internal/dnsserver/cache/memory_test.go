package cache_test

// What the cache costs beside its memory, and what is moved within it.

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/cache"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// heap returns how many objects are on Go's heap, and their octets.
func heap() (objects, octets int64) {
	runtime.GC()
	runtime.GC() // what the first left to be swept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapObjects), int64(m.HeapAlloc)
}

// The collector has nothing to do for an entry: there are no more objects on
// the heap with ten thousand of them than with none.
func TestEntriesAreNoHeapObjects(t *testing.T) {
	const entries, limit = 10_000, 8 << 20
	k := keeper{cache.New(limit), t}
	put := func(from int) {
		for i := range entries {
			q, r := scanned(t, from+i)
			k.Put(q, r, start)
		}
	}
	objects, octets := heap()
	put(0)
	moreObjects, moreOctets := heap()
	if n := moreObjects - objects; n > entries/20 {
		t.Errorf("%d objects for %d entries", n, entries)
	}
	s := k.Stats(start)
	if s.Entries != entries || s.Bytes > limit {
		t.Fatalf("Stats = %+v", s)
	}
	if n := moreOctets - octets; n > s.Bytes+limit/4 { // on systems where its memory is Go's
		t.Errorf("the heap grew by %d octets for %d in use", n, s.Bytes)
	}
	put(entries) // room is made
	put(2 * entries)
	if again, _ := heap(); again-objects > entries/20 {
		t.Errorf("%d objects after others were pushed out", again-objects)
	}
	runtime.KeepAlive(k.Cache)
}

// A hit is the caller's: what becomes of the entry meanwhile does not change
// it.
func TestAHitOutlivesItsEntry(t *testing.T) {
	for name, size := range map[string]int{"in the buffer": 2000, "elsewhere": 10} {
		k := keeper{cache.New(20 << 10), t}
		want := numbered(t, "a.example.", 300, 600, 1)
		q := k.question("a.example.")
		k.Put(q, want, start)
		dst := make([]byte, 2, size)
		h := k.Get(dst, q, start)
		for i := range 200 { // over the place where it was
			k.put(fmt.Sprintf("n%d.example.", i), 300, 600, start)
		}
		if k.has("a.example.", start) {
			t.Fatal("it was not pushed out")
		}
		if !h.Found || !same(&h.Response, want) {
			t.Errorf("%s: the hit has changed", name)
		}
		out := h.Response.Append(dst, q, 7, wire.MaxMessage)
		if string(out[2:]) != string(want.Append(nil, q, 7, wire.MaxMessage)) {
			t.Errorf("%s: the hit becomes another reply", name)
		}
	}
}

// What can not even be given as a stale answer goes before anything else does,
// wherever it is.
func TestWhatIsOverGoesFirst(t *testing.T) {
	k := keeper{cache.New(100 << 10), t}
	k.KeepStale(time.Minute)
	for i := range 20 {
		k.put(fmt.Sprintf("over%d.example.", i), 10, 1000, start)
	}
	for i := range 20 { // established
		k.get(fmt.Sprintf("over%d.example.", i), start.Add(5*time.Second))
	}
	for i := range 30 {
		k.put(fmt.Sprintf("fresh%d.example.", i), 3600, 1000, start.Add(5*time.Second))
	}
	later, n := start.Add(2*time.Minute), 0
	for ; k.Stats(later).Stale > 0; n++ {
		k.put(fmt.Sprintf("new%d.example.", n), 3600, 1000, later)
	}
	for i := range 30 {
		if !k.has(fmt.Sprintf("fresh%d.example.", i), later) {
			t.Errorf("fresh%d went, though others were over", i)
		}
	}
	for i := range n {
		if !k.has(fmt.Sprintf("new%d.example.", i), later) {
			t.Errorf("new%d went, though others were over", i)
		}
	}
}

// An answer that leads to names without end is not worth its room.
func TestRepliesThatUnfoldAreNotKept(t *testing.T) {
	k := keeper{cache.New(1 << 20), t}
	q := k.question("a.example.")
	k.Put(q, unfolding(t, 60), start)
	if !k.has("a.example.", start) {
		t.Error("60 names are too many")
	}
	if k.Put(q, unfolding(t, 600), start); k.has("a.example.", start) {
		t.Error("600 names of 240 octets are not")
	}
}

// unfolding returns a response to a.example. that leads n times to one long
// name, by pointers.
func unfolding(t testing.TB, n int) *wire.Response {
	t.Helper()
	msg := append([]byte{0, 1, 0x81, 0x80, 0, 1, byte((n + 2) >> 8), byte(n + 2), 0, 0, 0, 0},
		"\x01a\x07example\x00\x00\x10\x00\x01"...)
	record := func(typ byte, data []byte) {
		msg = append(msg, 0xc0, 12, 0, typ, 0, 1, 0, 0, 1, 0, 0, byte(len(data)))
		msg = append(msg, data...)
	}
	var long []byte
	for range 4 {
		long = append(append(long, 59), make([]byte, 59)...)
	}
	at := len(msg) + 12
	record(5, append(long, 0))
	for range n {
		record(5, []byte{0xc0 | byte(at>>8), byte(at)})
	}
	record(16, []byte("\x01x"))
	r, err := wire.NewResponse(msg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestALimitBeyondReason(t *testing.T) {
	for _, limit := range []int64{1, 7, 8, 63, 1000, 1 << 40, 1<<63 - 1} {
		k := keeper{cache.New(limit), t}
		k.put("a.example.", 300, 1, start)
		k.Fail(k.question("b.example."), wire.ServFail, start)
		if s := k.Stats(start); s.Bytes > limit || s.Limit > limit || limit >= 1000 && s.Entries != 1 {
			t.Errorf("limit %d: %+v", limit, s)
		}
		if limit > 1<<20 {
			continue // looking through it takes long
		}
		if err := k.Check(); err != nil {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}
