package cache_test

// The cache against a model: a map and times.

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/edgeguard/edgeguard/internal/dnsserver/cache"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// known is what the model knows of a name.
type known struct {
	response *wire.Response // nil for none
	at       time.Time
	life     time.Duration
	failed   time.Time // until when; zero for not
}

// numbered is txt behind a CNAME record, with an ID of its own, so that no
// other passes for it.
func numbered(t testing.TB, name string, ttl uint32, size int, id uint16) *wire.Response {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(txt(t, name, ttl, size).Packed()); err != nil {
		t.Fatal(err)
	}
	m.Id, m.Compress = id, true
	m.Answer[0].Header().Name = fmt.Sprintf("to%d.example.", id)
	m.Answer = slices.Insert(m.Answer, 0, dns.RR(&dns.CNAME{
		Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: ttl + 1}, Target: m.Answer[0].Header().Name}))
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

// same reports whether all that is known of two responses is the same.
func same(a, b *wire.Response) bool {
	return bytes.Equal(a.AppendStored(nil), b.AppendStored(nil))
}

func TestCacheAgreesWithAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := int64(rapid.SampledFrom([]int{6 << 10, 40 << 10, 1 << 20}).Draw(rt, "limit"))
		k := keeper{cache.New(limit), t}
		keep := time.Duration(rapid.SampledFrom([]int{0, 50, 86400}).Draw(rt, "keep")) * time.Second
		k.KeepStale(keep)
		now, model, puts := start, map[string]*known{}, uint16(0)
		name := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("n%d.example.", rapid.IntRange(0, 30).Draw(t, "n")) })
		tight := limit < 1<<20 // whether room may be needed
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				n, ttl := name.Draw(rt, "name"), rapid.SampledFrom([]uint32{0, 1, 10, 100, 90000}).Draw(rt, "ttl")
				puts++
				r := numbered(t, n, ttl, rapid.SampledFrom([]int{1, 600}).Draw(rt, "size"), puts)
				k.Put(k.question(n), r, now)
				delete(model, n)
				if life := time.Duration(min(ttl, wire.MaxTTL)) * time.Second; life > 0 {
					model[n] = &known{response: r, at: now, life: life}
				}
			},
			"fail": func(rt *rapid.T) {
				n := name.Draw(rt, "name")
				k.Fail(k.question(n), wire.ServFail, now)
				if m := model[n]; m != nil && m.response != nil && now.Before(m.at.Add(m.life+keep)) && k.has(n, now) {
					m.failed = now.Add(cache.FailureTTL)
				} else {
					model[n] = &known{failed: now.Add(cache.FailureTTL)}
				}
			},
			"get": func(rt *rapid.T) {
				n := name.Draw(rt, "name")
				h, m := k.get(n, now), model[n]
				if m == nil {
					if h.Found || h.Failed {
						rt.Fatalf("%s is %+v, but was never kept", n, h)
					}
					return
				}
				failed := now.Before(m.failed)
				if m.response == nil || !now.Before(m.at.Add(m.life+keep)) {
					if h.Found || h.Failed && !failed || !h.Failed && failed && m.response == nil && !tight {
						rt.Fatalf("%s is %+v, want failed %v", n, h, failed)
					}
					return
				}
				if !h.Found {
					if !tight {
						rt.Fatalf("%s is lost, though there is room", n)
					}
					delete(model, n)
					return
				}
				age := uint32(now.Sub(m.at) / time.Second)
				if now.Sub(m.at) >= m.life {
					age = wire.Stale
				}
				if !same(&h.Response, m.response) || h.Age != age || h.Failed != failed || h.Left != m.life-now.Sub(m.at) {
					rt.Fatalf("%s is %+v, want age %d, failed %v", n, h, age, failed)
				}
			},
			"wait": func(rt *rapid.T) {
				now = now.Add(time.Duration(rapid.SampledFrom([]int{1, 500, 3000, 20_000, 100_000, 90_000_000}).Draw(rt, "ms")) * time.Millisecond)
			},
			"purge": func(rt *rapid.T) {
				n := name.Draw(rt, "name")
				k.Purge(now, k.question(n).NameKey())
				delete(model, n)
				now = now.Add(10 * time.Second) // until it is kept again
			},
			"": func(rt *rapid.T) {
				s := k.Stats(now)
				if s.Bytes > limit || s.Stale > s.Entries {
					rt.Fatalf("Stats = %+v", s)
				}
				if err := k.Check(); err != nil {
					rt.Fatal(err)
				}
			},
		})
	})
}
