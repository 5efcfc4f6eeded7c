package dnsserver_test

// Fetching before the time is over, the bounds on TTLs, and forgetting.

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/watch"
)

func TestPrefetchRenewsWhatIsAskedOften(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		l.up.says(t, 0, 0, "www.example.net. 100 IN A 11.22.33.44")
		l.want("first", old, 100, 0, 0)
		l.up.says(t, time.Second, 0, "www.example.net. 100 IN A 55.66.77.88")
		l.sleep(89 * time.Second)
		l.want("with more than a tenth left", old, 11, 0, 0)
		if n := l.up.asked.Load(); n != 1 {
			t.Fatalf("upstream was asked %d times", n)
		}
		l.sleep(time.Second)
		for range 10 { // each would fetch, but one does already
			l.want("with a tenth left", old, 10, 0, 0)
		}
		l.sleep(time.Second)
		l.want("when the new answer is there", fresh, 100, 0, 0)
		if st := l.Status(); l.up.asked.Load() != 2 || st.Cache.Prefetches != 1 || st.Queries.Forwarded != 1 {
			t.Errorf("upstream was asked %d times, %+v", l.up.asked.Load(), st.Cache)
		}
	})
}

func TestPrefetchLeavesTheRestAlone(t *testing.T) {
	for name, c := range map[string]struct {
		ttl   string
		after time.Duration
		want  int32
	}{
		"a tenth of a long TTL is left, but more than 30 s": {"3600", 3500 * time.Second, 1},
		"30 s of a long TTL are left":                       {"3600", 3570 * time.Second, 2},
		"a TTL of 10 s":                                     {"10", 9 * time.Second, 2},
		"a TTL of 9 s":                                      {"9", 8500 * time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, nil, func(l *lab) {
				l.up.says(t, 0, 0, "www.example.net. "+c.ttl+" IN A 11.22.33.44")
				l.get("www.example.net.")
				l.sleep(c.after)
				l.get("www.example.net.")
				if n := l.up.asked.Load(); n != c.want {
					t.Errorf("upstream was asked %d times, want %d", n, c.want)
				}
			})
		})
	}
}

func TestPrefetchEndsWithTheQuestions(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		l.up.says(t, 0, 0, "www.example.net. 100 IN A 11.22.33.44")
		l.get("www.example.net.")
		l.sleep(95 * time.Second)
		l.get("www.example.net.") // fetches: it was asked twice
		l.sleep(95 * time.Second)
		l.get("www.example.net.") // does not: it was asked once since
		if n := l.up.asked.Load(); n != 2 {
			t.Errorf("upstream was asked %d times, want 2", n)
		}
		l.sleep(time.Second)
		l.get("www.example.net.")
		if n := l.up.asked.Load(); n != 3 {
			t.Errorf("upstream was asked %d times, want 3", n)
		}
	})
}

func TestFailedPrefetchKeepsTheAnswerAndWaits(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		l.up.says(t, 0, 0, "www.example.net. 100 IN A 11.22.33.44")
		l.get("www.example.net.")
		l.up.fails(0)
		l.sleep(90 * time.Second)
		for left := uint32(10); left > 0; left-- {
			l.want("while it is good", old, left, 0, 0)
			l.sleep(time.Second)
		}
		if n := l.up.asked.Load(); n != 3 {
			t.Errorf("upstream was asked %d times in 10 s, want 1 and 2 more", n)
		}
	})
}

func TestPrefetchNeverTakesTheLastWorkers(t *testing.T) {
	inLab(t, func(c *dnsserver.Config) { c.Workers = 4 }, func(l *lab) {
		names := []string{"a.example.net.", "b.example.net.", "c.example.net."}
		l.up.do(func(_ context.Context, q *wire.Question) (*wire.Response, error) {
			name, _, _ := dns.UnpackDomainName(q.NameKey(), 0)
			return answer(t, q, 0, name+" 100 IN A 11.22.33.44"), nil
		})
		for _, name := range names {
			l.get(name)
		}
		l.sleep(95 * time.Second)
		l.up.fails(time.Hour)
		from := lanHost // one client may not hold all workers
		hang := func(name string) {
			from = from.Next()
			go l.Ask(l.ctx, pack(t, new(dns.Msg).SetQuestion(name, dns.TypeA)), from)
			synctest.Wait()
		}
		asked := l.up.asked.Load()
		for _, name := range names {
			l.get(name)
		}
		if n := l.up.asked.Load() - asked; n != 1 {
			t.Errorf("%d answers are fetched at a time with 4 workers, want 1", n)
		}
		for _, name := range []string{"w.example.net.", "x.example.net.", "y.example.net.", "z.example.net."} {
			hang(name)
		}
		if st := l.Status(); st.Queries.Dropped != 0 || l.up.asked.Load()-asked != 5 {
			t.Errorf("beside a prefetch only %d of 4 workers are free: %+v", l.up.asked.Load()-asked-1, st.Queries)
		}
	})
	inLab(t, func(c *dnsserver.Config) { c.Workers = 2 }, func(l *lab) {
		l.up.says(t, 0, 0, "www.example.net. 100 IN A 11.22.33.44")
		l.get("www.example.net.")
		l.sleep(95 * time.Second)
		l.up.fails(time.Hour)
		for _, name := range []string{"y.example.net.", "z.example.net."} {
			go l.Ask(l.ctx, pack(t, new(dns.Msg).SetQuestion(name, dns.TypeA)), lanHost)
		}
		synctest.Wait()
		l.get("www.example.net.")
		if n := l.up.asked.Load(); n != 3 {
			t.Errorf("with all workers busy upstream was asked %d times, want 3", n)
		}
	})
}

func TestTTLsAreKeptWithinTheirBounds(t *testing.T) {
	for name, c := range map[string]struct {
		least, most time.Duration
		ttl         string
		want, later uint32 // at once, and from the cache a second later
	}{
		"as it is":      {0, 0, "300", 300, 299},
		"raised":        {time.Minute, 0, "5", 60, 59},
		"raised from 0": {time.Minute, 0, "0", 60, 59},
		"lowered":       {0, time.Minute, "300", 60, 59},
		"within":        {10 * time.Second, time.Minute, "30", 30, 29},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(cfg *dnsserver.Config) { cfg.CacheMinTTL, cfg.CacheMaxTTL = c.least, c.most }, func(l *lab) {
				l.up.says(t, 0, 0, "www.example.net. "+c.ttl+" IN A 11.22.33.44")
				l.want("from upstream", old, c.want, 0, 0)
				l.sleep(time.Second)
				l.want("from the cache", old, c.later, 0, 0)
				if n := l.up.asked.Load(); n != 1 {
					t.Errorf("upstream was asked %d times", n)
				}
			})
		})
	}
}

func TestPurgeForgetsNamesAndWhatLeadsToThem(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		l.up.do(func(_ context.Context, q *wire.Question) (*wire.Response, error) {
			name, _, _ := dns.UnpackDomainName(q.NameKey(), 0)
			if strings.HasPrefix(name, "alias.") {
				return answer(t, q, 0, name+" 60 IN CNAME www.example.net.", "www.example.net. 60 IN A 11.22.33.44"), nil
			}
			return answer(t, q, 0, name+" 60 IN A 11.22.33.44"), nil
		})
		for _, name := range []string{"www.example.net.", "alias.example.net.", "other.example.net.", "x.www.example.net."} {
			l.get(name)
		}
		l.sleep(time.Hour) // stale ones go too
		l.Purge("WWW.example.net", "not a name")
		l.up.fails(0)
		for name, want := range map[string]int{"www.example.net.": 0, "alias.example.net.": 0, "other.example.net.": 1, "x.www.example.net.": 1} {
			if m, _ := l.get(name); len(addresses(m.Answer)) != want {
				t.Errorf("%s after the purge: %v", name, m)
			}
		}
	})
}

func TestPurgeHoldsForAnswersUnderWay(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		l.up.says(t, 2*time.Second, 0, www)
		go func() {
			time.Sleep(time.Second)
			l.Purge("www.example.net")
		}()
		l.want("the client gets it", old, 60, 0, 2*time.Second)
		l.up.says(t, 0, 0, wwwNew)
		l.want("but it is not kept", fresh, 60, 0, 0)
		l.sleep(10 * time.Second)
		l.want("nor is what comes soon after", fresh, 60, 0, 0)
		asked := l.up.asked.Load()
		l.want("what comes later is", fresh, 60, 0, 0)
		if l.up.asked.Load() != asked {
			t.Error("upstream was asked again")
		}
	})
}

func TestPurgeOnPurgesAtEachChange(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		ctx, cancel := context.WithCancel(l.ctx)
		v := watch.New("1.1.1.1", func(a, b string) bool { return a == b })
		ended, before := make(chan error, 1), ""
		go func() {
			ended <- dnsserver.PurgeOn(ctx, l.Server, v, func(old, now string) []string {
				if old != before || now != v.Load() {
					t.Errorf("changed from %q to %q", old, now)
				}
				before = now
				return []string{"www.example.net"}
			})
		}()
		synctest.Wait() // what is so from the first is a change, too
		if before != "1.1.1.1" {
			t.Errorf("at first it has purged for %q", before)
		}
		l.up.says(t, 0, 0, www)
		l.get("www.example.net.")
		v.Store("2.2.2.2")
		synctest.Wait()
		l.get("www.example.net.")
		if n := l.up.asked.Load(); n != 2 {
			t.Errorf("upstream was asked %d times, want 2", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestReconfigureKeepsTheCacheAndItsNewBound(t *testing.T) {
	var cfg dnsserver.Config
	inLab(t, func(c *dnsserver.Config) { cfg = *c }, func(l *lab) {
		cfg.Upstream = l.up
		l.up.says(t, 0, 0, www)
		l.get("www.example.net.")
		for _, bytes := range []int64{1 << 20, 64 << 20, 0} {
			cfg.CacheBytes = bytes
			if err := l.Reconfigure(cfg); err != nil {
				t.Fatal(err)
			}
			if st := l.Status().Cache; st.Entries != 1 || bytes != 0 && st.LimitBytes != bytes {
				t.Errorf("with %d bytes: %+v", bytes, st)
			}
		}
		l.want("from the cache", old, 60, 0, 0)
		cfg.CacheBytes, cfg.StaleMax = -1, -1
		if err := l.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		if st := l.Status().Cache; st.Entries != 0 || st.LimitBytes != 0 {
			t.Errorf("without a cache: %+v", st)
		}
		l.get("www.example.net.")
		cfg.CacheBytes = 1 << 20
		if err := l.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		l.get("www.example.net.")
		l.get("www.example.net.")
		if n := l.up.asked.Load(); n != 3 {
			t.Errorf("upstream was asked %d times, want 3", n)
		}
	})
}
