package cache_test

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/dnsserver/cache"
)

// resident returns how many octets of this process are in memory, without what
// Go's heap has to spare.
func resident(t testing.TB) int64 {
	t.Helper()
	debug.FreeOSMemory()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// The bound is what the cache takes: next to nothing while it is empty, and no
// more than the limit whatever is put into it.
func TestTheLimitIsWhatItTakes(t *testing.T) {
	const limit, noise = 64 << 20, 6 << 20
	scanned(t, 0)
	before := resident(t)
	k := keeper{cache.New(limit), t}
	if n := resident(t) - before; n > noise {
		t.Errorf("an empty cache takes %d octets", n)
	}
	for i, full := 0, false; !full; i++ {
		q, r := scanned(t, i)
		k.Put(q, r, start)
		full = i%1000 == 0 && k.Stats(start).Entries < int64(i) // others had to go
	}
	s := k.Stats(start)
	took := resident(t) - before
	if took > limit+noise || took < limit*3/4-noise || s.Bytes > limit || s.Bytes < limit*3/4 {
		t.Errorf("a full cache takes %d octets of %d: %+v", took, limit, s)
	}
	runtime.KeepAlive(k.Cache)
	k = keeper{t: t}
	runtime.GC() // which gives it back, soon after
	for range 1000 {
		if resident(t)-before < limit/2 {
			return
		}
		runtime.Gosched()
	}
	t.Error("a cache that nobody uses keeps its memory")
}
