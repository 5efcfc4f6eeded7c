package limit_test

// The limiter against a slow reference, and its bounds.

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/edgeguard/edgeguard/internal/dnsserver/limit"
)

// TestLimiterAgreesWithASlowReference holds it to a token bucket of two seconds'
// worth for each source and kind.
func TestLimiterAgreesWithASlowReference(t *testing.T) {
	sources := []netip.Addr{netip.MustParseAddr("192.168.1.7"), netip.MustParseAddr("::"), netip.MustParseAddr("fd00::7"), netip.MustParseAddr("0.0.0.0")}
	rapid.Check(t, func(rt *rapid.T) {
		l, start := limit.New(), time.Now()
		now := start
		rate := rapid.SampledFrom([]int{1, 10, 1000, 20_000}).Draw(rt, "rate")
		interval := time.Second / time.Duration(rate)
		type clock struct {
			source netip.Addr
			kind   limit.Kind
		}
		due, places := map[clock]time.Duration{}, map[netip.Addr]*limit.Place{}
		for range rapid.IntRange(1, 200).Draw(rt, "questions") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*interval)).Draw(rt, "after")))
			c := clock{rapid.SampledFrom(sources).Draw(rt, "source"), rapid.SampledFrom([]limit.Kind{limit.Miss, limit.Inline}).Draw(rt, "kind")}
			at := now.Sub(start)
			want := max(0, due[c]-2*time.Second-at)
			if want == 0 {
				due[c] = max(due[c], at) + interval
			}
			var got time.Duration
			if rapid.Bool().Draw(rt, "by place") {
				if places[c.source] == nil {
					p := l.Place(c.source)
					places[c.source] = &p
				}
				got = l.TakeAt(places[c.source], c.kind, limit.PaceOf(rate), now)
			} else {
				got = l.Take(c.source, c.kind, limit.PaceOf(rate), now)
			}
			if got != want {
				rt.Fatalf("%v waits for %v, want %v", c, got, want)
			}
		}
	})
}

func TestAPlaceThatIsLostIsFoundAgain(t *testing.T) {
	l, now, pace := limit.New(), time.Now(), limit.PaceOf(10)
	victim := l.Place(netip.MustParseAddr("192.168.1.7"))
	for l.TakeAt(&victim, limit.Miss, pace, now) == 0 {
	}
	for i := range 1 << 16 { // all ahead of it, so that it is the one to go
		p := l.Place(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
		for range 30 {
			l.TakeAt(&p, limit.Miss, pace, now.Add(time.Minute))
		}
	}
	n := 0
	for l.TakeAt(&victim, limit.Miss, pace, now.Add(time.Minute)) == 0 {
		n++
	}
	if n != 21 {
		t.Errorf("who was forgotten may ask %d questions, not its burst of 21", n)
	}
}

func TestTwoWhoCountOneSourceLetNoMoreThrough(t *testing.T) {
	l, now, pace, source := limit.New(), time.Now(), limit.PaceOf(1000), netip.MustParseAddr("192.168.1.7")
	var through atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			place := l.Place(source)
			for range 1000 {
				if l.TakeAt(&place, limit.Inline, pace, now) == 0 {
					through.Add(1)
				}
			}
		})
	}
	group.Wait()
	if n := through.Load(); n != 2001 {
		t.Errorf("%d questions are let through, not 2001", n)
	}
}

func TestNobodyIsLimitedWithoutAPace(t *testing.T) {
	l, p := limit.New(), limit.PacesOf(-1)
	for range 10_000 {
		if l.Take(netip.MustParseAddr("192.168.1.7"), limit.Miss, p.Miss, time.Now()) != 0 || !p.Inline.None() {
			t.Fatal("no limit limits")
		}
	}
	fast := limit.PacesOf(10) // and twenty times as many that need no upstream
	n, now := 0, time.Now()
	for l.Take(netip.MustParseAddr("192.168.1.8"), limit.Inline, fast.Inline, now) == 0 {
		n++
	}
	if n != 401 {
		t.Errorf("%d questions that need no upstream are let through at once, not 401", n)
	}
}

func TestShares(t *testing.T) {
	var s limit.Shares
	a, b := netip.MustParseAddr("192.168.1.7"), netip.MustParseAddr("192.168.1.8")
	taken := func() (n int) {
		for s.Take(a, 3) {
			n++
		}
		return n
	}
	if n := taken(); n != 3 || !s.Take(b, 1) {
		t.Errorf("%d are taken of 3, or the share of one is another's", n)
	}
	s.Give(a)
	s.Give(a)
	if n := taken(); n != 2 {
		t.Errorf("%d are taken again of the 2 given back", n)
	}
}

func BenchmarkTake(b *testing.B) {
	l, now, pace, source := limit.New(), time.Now(), limit.PaceOf(10_000_000), netip.MustParseAddr("192.168.1.7")
	b.Run("source", func(b *testing.B) {
		for b.Loop() {
			l.Take(source, limit.Inline, pace, now)
		}
	})
	b.Run("place", func(b *testing.B) {
		place := l.Place(source)
		for b.Loop() {
			l.TakeAt(&place, limit.Inline, pace, now)
		}
	})
}
