package router_test

// Hints: soon, not too many, and none lost.

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/router"
)

func nowhere() *router.Router {
	return router.New(router.Config{Gateway: func() (netip.Addr, error) { return netip.Addr{}, nil }})
}

func TestHintsAreSoonAndSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := nowhere()
		ctx, cancel := context.WithCancel(t.Context())
		go r.RunHints(ctx)
		synctest.Wait()
		began := time.Now()
		r.Give("gena") // at once
		if got := r.Hints().Load(); got != (router.Hint{Count: 1, Kind: "gena", At: began}) {
			t.Errorf("the first hint: %+v", got)
		}
		time.Sleep(10 * time.Millisecond)
		r.Give("natpmp")
		r.Give("pcp") // one with the last
		time.Sleep(39 * time.Millisecond)
		if got := r.Hints().Load(); got.Count != 1 {
			t.Errorf("after 49 ms: %+v", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := r.Hints().Load(); got.Count != 2 || got.Kind != "pcp" || got.At.Sub(began) != 10*time.Millisecond {
			t.Errorf("after 50 ms: %+v", got)
		}
		cancel()
		synctest.Wait()
	})
}

func TestAFloodIsFewHintsAndTheLastOneComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := nowhere()
		ctx, cancel := context.WithCancel(t.Context())
		go r.RunHints(ctx)
		for range 60_000 { // a minute of it
			r.Give("gena")
			time.Sleep(time.Millisecond)
		}
		synctest.Wait() // or one is published beside what follows
		during := r.Hints().Load().Count
		if during < 60 || during > 85 {
			t.Errorf("%d hints in a minute of flood", during)
		}
		r.Give("ssdp")
		time.Sleep(2 * time.Second)
		if got := r.Hints().Load(); got.Kind != "ssdp" || got.Count != during+1 {
			t.Errorf("the last of %d: %+v", during, got)
		}
		time.Sleep(time.Minute)
		r.Give("pcp") // all is forgotten: at once
		if got := r.Hints().Load(); got.Kind != "pcp" {
			t.Errorf("after a minute of peace: %+v", got)
		}
		cancel()
		synctest.Wait()
	})
}
