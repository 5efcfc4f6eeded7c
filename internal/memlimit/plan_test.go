package memlimit_test

import (
	"math"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/memlimit"
)

const mib = 1 << 20

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}
}

func TestChoose(t *testing.T) {
	cases := []struct {
		name      string
		container int64
		env       map[string]string
		inForce   int64 // what Go made of env
		memory    int64
		percent   int
		room      int64
	}{
		{name: "no limit", inForce: math.MaxInt64, percent: 50},
		{name: "a tiny limit", container: 16 * mib, inForce: math.MaxInt64, memory: 8 * mib, percent: 50, room: 4 * mib},
		{name: "a small limit", container: 64 * mib, inForce: math.MaxInt64, memory: 48 * mib, percent: 50, room: 24 * mib},
		{name: "a large limit", container: 1024 * mib, inForce: math.MaxInt64, memory: 896 * mib, percent: 50, room: 448 * mib},
		{
			name: "the user's limit", container: 64 * mib, env: map[string]string{"GOMEMLIMIT": "20MiB"},
			inForce: 20 * mib, memory: 20 * mib, percent: 50, room: 10 * mib,
		},
		{
			name: "the user's limit does not fit", container: 64 * mib, env: map[string]string{"GOMEMLIMIT": "1GiB"},
			inForce: 1024 * mib, memory: 1024 * mib, percent: 50, room: 24 * mib,
		},
		{
			name: "the user wants none", container: 64 * mib, env: map[string]string{"GOMEMLIMIT": "off"},
			inForce: math.MaxInt64, percent: 50, room: 24 * mib,
		},
		{name: "the user's limit alone", env: map[string]string{"GOMEMLIMIT": "20MiB"}, inForce: 20 * mib, memory: 20 * mib, percent: 50, room: 10 * mib},
		{name: "the user's percentage", env: map[string]string{"GOGC": "200"}, inForce: math.MaxInt64},
		{name: "empty variables", env: map[string]string{"GOGC": "", "GOMEMLIMIT": ""}, inForce: math.MaxInt64, percent: 50},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := memlimit.Choose(memlimit.Limit{Bytes: c.container}, lookup(c.env), c.inForce)
			if p.Memory != c.memory || p.Percent != c.percent || p.CacheRoom() != c.room {
				t.Errorf("memory %d, percent %d, room %d; want %d, %d, %d", p.Memory, p.Percent, p.CacheRoom(), c.memory, c.percent, c.room)
			}
			if p.OwnMemory != (c.env["GOMEMLIMIT"] != "") {
				t.Errorf("the limit counts as the user's: %v", p.OwnMemory)
			}
		})
	}
}

// What Go counts, what it is not told of, and the cache must all fit, whatever
// the limit is.
func TestEverythingFits(t *testing.T) {
	for limit := int64(1); limit < 1<<40; limit = limit*3/2 + 1 {
		p := memlimit.Choose(memlimit.Limit{Bytes: limit}, lookup(nil), math.MaxInt64)
		if p.Memory <= 0 || p.Memory > limit || p.CacheRoom() > p.Memory {
			t.Fatalf("of %d there is %d, and the cache gets %d", limit, p.Memory, p.CacheRoom())
		}
		for _, cache := range []int64{0, p.CacheRoom(), 2 * limit} {
			if left := p.ForGo(cache); left <= 0 || left+min(cache, p.CacheRoom()) > p.Memory {
				t.Fatalf("of %d Go gets %d beside a cache of %d", limit, left, cache)
			}
		}
	}
}

func TestApply(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	inForce := func() (int, int64) {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p, debug.SetMemoryLimit(-1)
	}
	const high = 1 << 40 // so that the test itself has room
	debug.SetMemoryLimit(high)
	for _, c := range []struct {
		plan    memlimit.Plan
		cache   int64
		percent int
		limit   int64
	}{
		{memlimit.Plan{}, 0, 100, high},
		{memlimit.Plan{Percent: 50}, 0, 50, high},
		{memlimit.Plan{Memory: high - 1, OwnMemory: true}, 8 * mib, 50, high},
		{memlimit.Plan{Memory: high - 2}, 0, 50, high - 2},
		{memlimit.Plan{Memory: high - 2}, -1, 50, high - 2},
		{memlimit.Plan{Memory: high}, 8 * mib, 50, high - 8*mib},
		{memlimit.Plan{Memory: high}, high, 50, high / 2},
	} {
		c.plan.Apply(c.cache)
		if p, l := inForce(); p != c.percent || l != c.limit {
			t.Errorf("%+v gives %d and %d, want %d and %d", c.plan, p, l, c.percent, c.limit)
		}
	}
}

func TestFitCache(t *testing.T) {
	own := map[string]string{"GOMEMLIMIT": "20MiB"}
	cases := []struct {
		container   int64
		env         map[string]string
		inForce     int64
		bytes, fits int64
		warning     string
	}{
		{inForce: math.MaxInt64, bytes: 1 << 30, fits: 1 << 30},
		{container: 64 * mib, inForce: math.MaxInt64, bytes: -1, fits: -1},
		{container: 64 * mib, inForce: math.MaxInt64, bytes: 24 * mib, fits: 24 * mib},
		{
			container: 64 * mib, inForce: math.MaxInt64, bytes: 25 * mib, fits: 24 * mib,
			warning: "the DNS cache of 25 MiB does not fit into the container's memory limit of 64 MiB, where it could have edgeguard killed, so it gets 24 MiB; set at most 25165824, or raise the container's memory limit",
		},
		{
			env: own, inForce: 20 * mib, bytes: 10*mib + mib/2, fits: 10 * mib,
			warning: "the DNS cache of 10.5 MiB does not fit into GOMEMLIMIT of 20 MiB, where it could have edgeguard killed, so it gets 10 MiB; set at most 10485760, or raise GOMEMLIMIT",
		},
		{
			container: 24 * mib, env: own, inForce: 20 * mib, bytes: 8 * mib, fits: 6 * mib,
			warning: "the DNS cache of 8 MiB does not fit into the container's memory limit of 24 MiB, where it could have edgeguard killed, so it gets 6 MiB; set at most 6291456, or raise the container's memory limit",
		},
	}
	for _, c := range cases {
		p := memlimit.Choose(memlimit.Limit{Bytes: c.container}, lookup(c.env), c.inForce)
		if fits, warning := p.FitCache(c.bytes); fits != c.fits || warning != c.warning {
			t.Errorf("%d in %d: got %d, %q", c.bytes, c.container, fits, warning)
		}
	}
}

func TestQuestions(t *testing.T) {
	for limit, want := range map[int64]int{0: 0, 16 * mib: 64, 32 * mib: 102, 64 * mib: 307, 1024 * mib: 1024} {
		if got := memlimit.Choose(memlimit.Limit{Bytes: limit}, lookup(nil), math.MaxInt64).Questions(); got != want {
			t.Errorf("with %d bytes %d questions may wait, want %d", limit, got, want)
		}
	}
}

func TestTooSmall(t *testing.T) {
	for limit, want := range map[int64]string{0: "", 32 * mib: "", 24 * mib: "only 24 MiB of memory"} {
		got := memlimit.Plan{Container: memlimit.Limit{Bytes: limit}}.TooSmall()
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%d: %q, want %q", limit, got, want)
		}
	}
}
