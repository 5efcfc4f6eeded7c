package cache_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/cache"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// filled returns a cache with room for n replies, and what is in it.
func filled(b *testing.B, n int) (*cache.Cache, []*wire.Question, []*wire.Response) {
	b.Helper()
	c := cache.New(int64(n) << 10)
	questions, responses := make([]*wire.Question, n), make([]*wire.Response, n)
	for i := range n {
		questions[i], responses[i] = scanned(b, i)
		c.Put(questions[i], responses[i], start)
	}
	return c, questions, responses
}

// BenchmarkGet is a hit and the reply made of it, over more names than fit
// into the processor's caches and over few.
func BenchmarkGet(b *testing.B) {
	for _, n := range []int{8, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c, questions, _ := filled(b, n)
			out, now, i := make([]byte, 0, wire.UDPSize), start.Add(10*time.Second), 0
			b.ReportAllocs()
			for b.Loop() {
				i = (i + 7919) % n // a prime
				h := c.Get(out, questions[i], now)
				_ = h.Response.Append(out, questions[i], h.Age, wire.UDPSize)
			}
		})
	}
}

// BenchmarkPut is a put into a cache that is full.
func BenchmarkPut(b *testing.B) {
	_, questions, responses := filled(b, 20_000)
	c, i := cache.New(1<<20), 0
	b.ReportAllocs()
	for b.Loop() {
		c.Put(questions[i], responses[i], start)
		i = (i + 1) % len(questions)
	}
}

// linked is an entry as a cache of heap objects would have it.
type linked struct {
	response   *wire.Response
	prev, next *linked
}

// BenchmarkCollect compares a garbage collection beside a cache with one
// beside a map of as many entries, in turn; "ratio" is the cache's part of the
// map's.
func BenchmarkCollect(b *testing.B) {
	const n = 50_000
	collect := func() time.Duration {
		before := time.Now()
		runtime.GC()
		return time.Since(before)
	}
	var ours, maps time.Duration
	for b.Loop() {
		c := cache.New(n << 10)
		for i := range n {
			q, r := scanned(b, i)
			c.Put(q, r, start)
		}
		collect() // what filling it left
		ours += collect()
		runtime.KeepAlive(c)

		m, ring := make(map[string]*linked), new(linked)
		for i := range n {
			q, r := scanned(b, i)
			ring.next = &linked{response: r, prev: ring, next: ring.next}
			m[string(q.Key())] = ring.next
		}
		collect()
		maps += collect()
		runtime.KeepAlive(m)
	}
	b.ReportMetric(float64(ours)/float64(maps), "ratio")
	b.ReportMetric(ours.Seconds()*1e3/float64(b.N), "ms/cache")
	b.ReportMetric(maps.Seconds()*1e3/float64(b.N), "ms/map")
}
