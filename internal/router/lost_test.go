package router_test

// A router that moves, restarts, hangs or is not there.

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

func TestRestartOnAnotherPortIsFoundWithinTheCall(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	if err := r.Add(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	_, changed := r.Status().Get()
	before := fake.Location()
	fake.Restart()
	fake.Forget()
	if before == fake.Location() {
		t.Skip("the kernel gave the same port again")
	}
	if _, err := r.Get(t.Context(), fact.TCP, 8883); !errors.Is(err, fact.ErrNoMapping) {
		t.Errorf("Get after the restart: %v", err)
	}
	<-changed
	if s := r.Status().Load(); !s.Found || s.Generation != 2 {
		t.Errorf("status %+v, want generation 2", s)
	}
	// A call that cannot have got through is made again, even a change.
	fake.Restart()
	if err := r.Add(t.Context(), wanted); err != nil || len(fake.Table()) != 1 {
		t.Errorf("Add after a restart: %v", err)
	}
}

func TestAnswersThatMeanTheRouterIsLost(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"404":      http.NotFound,
		"410":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) },
		"500":      func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html/>", 500) },
		"502":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) },
		"redirect": igdtest.RedirectTo("http://127.0.0.1:1/"),
		"reset":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"slow":     igdtest.Slow,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			var served atomic.Int32
			fake.Behave(func(b *igdtest.Behaviour) {
				b.Control = func(w http.ResponseWriter, req *http.Request, _ string) bool {
					if served.Add(1) == 1 {
						answer(w, req)
						return true
					}
					return false
				}
			})
			r := newRouter(fake, func(c *router.Config) { c.Timeout = 300 * time.Millisecond })
			if got, err := r.ExternalAddress(t.Context()); err != nil || got.String() != "11.22.33.44" {
				t.Errorf("got %v, %v", got, err)
			}
			if s := r.Status().Load(); s.Generation != 2 || served.Load() != 2 {
				t.Errorf("generation %d after %d calls, want 2 and 2", s.Generation, served.Load())
			}
		})
	}
}

func TestAChangeOfUnknownOutcomeIsNotMadeTwice(t *testing.T) {
	fake := igdtest.Start(t)
	var adds atomic.Int32
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Control = igdtest.Always(func(w http.ResponseWriter, req *http.Request) {
			adds.Add(1)
			igdtest.Slow(w, req)
		}, "AddPortMapping")
	})
	r := newRouter(fake, func(c *router.Config) { c.Timeout = 200 * time.Millisecond })
	err := r.Add(t.Context(), wanted)
	if err == nil || !strings.Contains(err.Error(), "no certain answer") || adds.Load() != 1 {
		t.Errorf("%d times, %v", adds.Load(), err)
	}
	if s := r.Status().Load(); s.Generation != 2 {
		t.Errorf("generation %d, want 2", s.Generation)
	}
}

func TestNoRouter(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) { b.Silent = true })
	r := newRouter(fake)
	r.ShortenMemory(time.Hour)
	_, err := r.ExternalAddress(t.Context())
	if !errors.Is(err, fact.ErrNoRouter) {
		t.Fatalf("got %v", err)
	}
	if s := r.Status().Load(); s.Found || s.Err == "" || s.Generation != 0 {
		t.Errorf("status %+v", s)
	}
	// The failure stands for the next callers, even though it would now work.
	fake.Behave(func(b *igdtest.Behaviour) { b.Silent = false })
	if _, again := r.Get(t.Context(), fact.TCP, 8883); !errors.Is(again, fact.ErrNoRouter) || again.Error() != err.Error() {
		t.Errorf("the next caller got %v", again)
	}
	r.ShortenMemory(0)
	if _, err := r.ExternalAddress(t.Context()); err != nil {
		t.Errorf("once the failure is forgotten: %v", err)
	}
}

func TestUnknownGateway(t *testing.T) {
	noRoute := errors.New("no default route")
	r := router.New(router.Config{Gateway: func() (netip.Addr, error) { return netip.Addr{}, noRoute }})
	if err := r.Add(t.Context(), wanted); !errors.Is(err, fact.ErrNoRouter) || !errors.Is(err, noRoute) {
		t.Errorf("got %v", err)
	}
}

func TestAnotherGatewayIsAnotherRouter(t *testing.T) {
	fake := igdtest.Start(t)
	var gateway atomic.Value
	gateway.Store(igdtest.Address)
	r := newRouter(fake, func(c *router.Config) {
		c.Gateway = func() (netip.Addr, error) { return gateway.Load().(netip.Addr), nil }
	})
	if _, err := r.ExternalAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	gateway.Store(netip.MustParseAddr("127.0.0.3"))
	if got, err := r.ExternalAddress(t.Context()); !errors.Is(err, fact.ErrNoRouter) || got.State != fact.Unknown {
		t.Errorf("the old gateway's router was asked: %v, %v", got, err)
	}
	if r.Describe() != "" || r.Identity() != "" {
		t.Errorf("still named %q, %q", r.Describe(), r.Identity())
	}
}

func TestARouterThatMovedIsNoticed(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	r.RecheckAlways()
	generation := func() uint64 {
		t.Helper()
		if _, err := r.ExternalAddress(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r.Status().Load().Generation
	}
	if g := generation(); g != 1 {
		t.Fatalf("generation %d at first", g)
	}
	if g := generation(); g != 1 {
		t.Errorf("generation %d though nothing changed", g)
	}
	fake.Behave(func(b *igdtest.Behaviour) { b.Silent = true })
	if g := generation(); g != 1 {
		t.Errorf("generation %d: silence is no change", g)
	}
	fake.Behave(func(b *igdtest.Behaviour) { b.Silent = false })
	fake.Reboot()
	if g := generation(); g != 2 {
		t.Errorf("generation %d after a new BOOTID, want 2", g)
	}
}

func TestTheCycleIsBounded(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) { b.Description = igdtest.Slow })
	r := newRouter(fake)
	r.ShortenCycle(400 * time.Millisecond)
	if _, err := r.ExternalAddress(t.Context()); !errors.Is(err, fact.ErrNoRouter) || !strings.Contains(err.Error(), "to describe itself") {
		t.Errorf("got %v", err)
	}
}
