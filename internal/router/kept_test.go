package router_test

// A router that is known stays known, whatever others answer in its name; and
// one that is searched for is found among them.

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

// lies makes each answer to a search name another place on the gateway where
// nothing is, but those that truth picks.
func lies(fake *igdtest.Router, truth func(n int) bool) {
	var n atomic.Int32
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Location = func(place string) string {
			i := int(n.Add(1))
			if truth(i) {
				return place
			}
			return fmt.Sprintf("http://127.0.0.2:1/%d.xml", i)
		}
	})
}

func never(int) bool { return false }

func TestPlacesWhereNothingIsKeepNobodyFromTheRouter(t *testing.T) {
	for name, truth := range map[string]func(int) bool{
		"the router is the second":             func(n int) bool { return n == 2 },
		"the router is the last that is asked": func(n int) bool { return n == 8 },
		"the router answers the next sending":  func(n int) bool { return n == 14 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			lies(fake, truth)
			// Eight answers are kept of one search, so the targets are fewer.
			fake.Behave(func(b *igdtest.Behaviour) {
				b.AnswersTo = func(target string) bool { return !strings.HasSuffix(target, "PPPConnection:1") && target != "ssdp:all" }
			})
			r := patientRouter(fake)
			r.ShortenWindow(3 * time.Second)
			if got, err := r.ExternalAddress(t.Context()); err != nil || got.String() != "11.22.33.44" {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// What is tried in one search is bounded, and so is what is said of it.
func TestPlacesThatAreTriedAreBounded(t *testing.T) {
	fake := igdtest.Start(t)
	var asked atomic.Int32
	var n atomic.Int32
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Location = func(place string) string { return fmt.Sprintf("%s?%d", place, n.Add(1)) }
		b.Description = func(w http.ResponseWriter, req *http.Request) { asked.Add(1); http.NotFound(w, req) }
	})
	_, err := newRouter(fake).ExternalAddress(t.Context())
	if !errors.Is(err, fact.ErrNoRouter) || !strings.Contains(err.Error(), " more") || len(err.Error()) > 1000 {
		t.Errorf("got %v", err)
	}
	if got := asked.Load(); got < 8 || got > 16 {
		t.Errorf("%d places were asked", got)
	}
}

func TestARouterThatAnswersIsNotForgotten(t *testing.T) {
	for name, odd := range map[string]func(*igdtest.Router){
		"forged answers only": func(fake *igdtest.Router) { lies(fake, never) },
		"answers elsewhere": func(fake *igdtest.Router) {
			fake.Behave(func(b *igdtest.Behaviour) { b.Location = func(string) string { return "http://127.0.0.66/" } })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			r := newRouter(fake)
			r.RecheckAlways()
			before := generationOf(t, r)
			found := r.Status().Load()
			odd(fake)
			for range 3 {
				if now := generationOf(t, r); now != before {
					t.Errorf("generation %d, want %d: nothing has changed", now, before)
				}
			}
			if s := r.Status().Load(); s.FoundAt != found.FoundAt || s.Err != "" || !s.Found {
				t.Errorf("status %+v", s)
			}
			// That it is gone is noticed all the same.
			fake.Stop()
			if _, err := r.ExternalAddress(t.Context()); !errors.Is(err, fact.ErrNoRouter) {
				t.Errorf("without a router: %v", err)
			}
			if s := r.Status().Load(); s.Found || s.Err == "" {
				t.Errorf("status %+v", s)
			}
		})
	}
}

// A call that was lost has the router searched. No search finds it, and it
// answers where it was: the call is made again, and whoever keeps something on
// it looks after that.
func TestALostCallToARouterThatNoSearchFinds(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	if g := generationOf(t, r); g != 1 {
		t.Fatalf("generation %d", g)
	}
	var lost atomic.Bool
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Silent = true
		b.Control = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			if lost.Swap(true) {
				return false
			}
			w.WriteHeader(http.StatusNotFound)
			return true
		}
	})
	if g := generationOf(t, r); g != 2 || !lost.Load() {
		t.Errorf("generation %d, want 2", g)
	}
}

// Another router at the same place is another router.
func TestAnotherRouterAtTheSamePlaceIsNotTheOneThatIsKnown(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	r.RecheckAlways()
	generationOf(t, r)
	lies(fake, never)
	fake.Behave(func(b *igdtest.Behaviour) { b.UDN = "uuid:another" })
	if _, err := r.ExternalAddress(t.Context()); !errors.Is(err, fact.ErrNoRouter) {
		t.Errorf("got %v", err)
	}
	fake.Behave(func(b *igdtest.Behaviour) { b.Location = nil })
	r.ShortenMemory(0)
	if g := generationOf(t, r); g != 2 || r.Identity() != "uuid:another" {
		t.Errorf("generation %d of %s", g, r.Identity())
	}
}

// An announcement of another boot, or another place, has the router asked. One
// that is as it was has not said so.
func TestAForgedAnnouncementIsNoNewGeneration(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	run(t, r)
	until(t, r, "subscribed", subscribed)
	for i, forge := range []func() []byte{
		func() []byte { return aliveAt(fake.Location(), "77") },
		func() []byte { return aliveAt("http://127.0.0.2:1/d.xml", "1") },
	} {
		before, calls := fake.Searches(), len(fake.Calls())
		r.HearSSDP(igdtest.Address)(forge())
		limit := time.After(3 * time.Minute)
		for !r.Settled() || fake.Searches() == before {
			select {
			case <-time.After(time.Millisecond):
			case <-limit:
				t.Fatalf("%d: the suspicion was never looked into", i)
			}
		}
		if s := r.Status().Load(); s.Generation != 1 || !s.Found {
			t.Errorf("%d: status %+v", i, s)
		}
		if got := fake.Searches() - before; got > 1 {
			t.Errorf("%d: %d searches reached the router, want the one that it answered before", i, got)
		}
		if got := len(fake.Calls()) - calls; got != 0 {
			t.Errorf("%d: %d calls", i, got)
		}
	}
}
