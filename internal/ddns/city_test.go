package ddns_test

// Many homes at one provider, in a synctest bubble: what comes back together
// and is refused together must not stay together. docs/scale.md has the figures
// that these tests print:
//
//	go test -v -run 'TestCity|TestProviderAway' ./internal/ddns -homes 10000

import (
	"context"
	"flag"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// cityHomes stand for the 100,000 or the million of docs/scale.md, and the
// provider is as much smaller as they are fewer.
var cityHomes = flag.Int("homes", 100, "how many homes the tests of many homes have")

// city is many homes and their one provider.
type city struct {
	begin time.Time

	mu    sync.Mutex
	takes int                   // writes that the provider takes in a second
	away  time.Duration         // it takes nothing before
	wait  time.Duration         // it tells whom it refuses to wait so long; 0: nothing
	taken map[int]int           // by second
	calls []time.Duration       // since begin
	right []time.Duration       // when each home's record became right
	shown map[string]netip.Addr // by domain
	looks int
	each  map[string]int // calls of each home
}

func newCity(takes int) *city {
	return &city{begin: time.Now(), takes: takes, taken: map[int]int{}, shown: map[string]netip.Addr{}, each: map[string]int{}}
}

// set is a home's write.
func (c *city) set(_ context.Context, domain string, addr netip.Addr) (netip.Addr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := time.Since(c.begin)
	second := int(at / time.Second)
	c.calls = append(c.calls, at)
	c.each[domain]++
	if at < c.away || c.taken[second] >= c.takes {
		f := &provider.Fault{Kind: provider.Failed, Text: "the provider is out of order"}
		if c.wait > 0 {
			f.Kind, f.Wait = provider.Limited, c.wait
		}
		return netip.Addr{}, f
	}
	c.taken[second]++
	c.shown[domain] = addr
	c.right = append(c.right, at)
	return addr, nil
}

// ask is a home's look at its record.
func (c *city) ask(_ context.Context, q authority.Question) (authority.Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	return said(c.shown[q.Name]), nil
}

// settle starts a home at each of the given times, each with a record that says
// another address than its own, and lets them be for as long as it takes.
func (c *city) settle(t *testing.T, starts []time.Duration, most time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	defer synctest.Wait()
	defer cancel()
	for i, start := range starts {
		r := rand.New(rand.NewPCG(uint64(i), 5))
		rec := duckRecord()
		rec.Domain = "h" + time.Duration(i).String() + ".duckdns.org"
		c.mu.Lock()
		c.shown[rec.Domain] = addrA
		c.mu.Unlock()
		address := watch.New(known(addrB), fact.Observation.SameValue)
		cfg := ddns.Config{Records: []ddns.RecordConfig{rec}, Rand: r}
		m, err := ddns.NewWith(cfg, ddns.Addresses{V4: address}, asker{OnAsk: c.ask}, func(ddns.RecordConfig) (provider.Provider, error) {
			return writer{OnSet: c.set}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(start, func() { _ = m.Run(ctx) }) // it returns nil only
	}
	for range int(most / (10 * time.Second)) {
		time.Sleep(10 * time.Second)
		c.mu.Lock()
		done := len(c.right) == len(starts)
		c.mu.Unlock()
		if done {
			time.Sleep(20 * time.Second) // the looks that follow
			break
		}
	}
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.right) != len(starts) {
		t.Errorf("after %v %d of %d records are right", most, len(c.right), len(starts))
	}
}

// peak is the most calls of any second from the given one on.
func (c *city) peak(from int) (most int) {
	count := map[int]int{}
	for _, at := range c.calls {
		if s := int(at / time.Second); s >= from {
			count[s]++
			most = max(most, count[s])
		}
	}
	return most
}

// share is when so much of the records was right.
func (c *city) share(of float64) time.Duration {
	return c.right[max(int(of*float64(len(c.right))), 1)-1].Round(time.Second)
}

// spread draws so many times out of the given while.
func spread(homes int, while time.Duration) []time.Duration {
	r, starts := rand.New(rand.NewPCG(3, 4)), make([]time.Duration, homes)
	for i := range starts {
		starts[i] = time.Duration(r.Int64N(int64(while)))
	}
	slices.Sort(starts)
	return starts
}

// 100,000 homes come back, and the provider takes 1,000 writes a second.
func TestCityComesBack(t *testing.T) {
	t.Parallel() // each is a bubble of its own
	homes := *cityHomes
	takes := max(homes/100, 1)
	for _, over := range []time.Duration{120 * time.Second, 30 * time.Second, time.Second} {
		for _, wait := range []time.Duration{0, time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				c := newCity(takes)
				c.wait = wait
				c.settle(t, spread(homes, over), 2*time.Hour)
				most := 0
				for _, n := range c.each {
					most = max(most, n)
				}
				t.Logf("lines back over %v, told to wait %v: half right after %v, nine in ten after %v, all after %v; %.1f calls a home, %d at most; "+
					"%.1f looks a home; the fullest second later had %.1f %% of all homes",
					over, wait, c.share(0.5), c.share(0.9), c.share(1), float64(len(c.calls))/float64(homes), most,
					float64(c.looks)/float64(homes), 100*float64(c.peak(int(over/time.Second)+1))/float64(homes))
				if over == time.Second && c.peak(2) > homes/4 {
					t.Errorf("%d of %d homes called in one second, long after the first", c.peak(2), homes)
				}
				if most > 9 {
					t.Errorf("a home called %d times", most)
				}
			})
		}
	}
}

// The provider is away for an hour, while homes change at a steady rate.
func TestProviderAwayForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		homes := *cityHomes
		c := newCity(homes)
		c.away = time.Hour
		c.settle(t, spread(homes, time.Hour), 4*time.Hour)
		late := 0
		for _, at := range c.calls {
			if at >= 50*time.Minute && at < time.Hour {
				late++
			}
		}
		most := 0
		for _, n := range c.each {
			most = max(most, n)
		}
		rate := float64(late) / 600 / (float64(homes) / 3600)
		t.Logf("in the last ten minutes there are %.1f calls for each change; %d calls of one home at most; half right %v after the end, nine in ten %v, all %v",
			rate, most, c.share(0.5)-time.Hour, c.share(0.9)-time.Hour, c.share(1)-time.Hour)
		if rate > 9 {
			t.Errorf("%.1f calls for each change", rate)
		}
		if after := c.share(1) - time.Hour; after > time.Hour+2*time.Minute {
			t.Errorf("the last record was right %v after the provider came back", after)
		}
	})
}
