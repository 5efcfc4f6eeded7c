package wan_test

// What looking at the router costs it, and how soon a change is seen all the
// same.

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan"
)

func natpmp(f func() string) *voice { return &voice{name: "natpmp", kind: wan.Router, script: f} }

// during is how often a voice is asked in a while.
func during(d time.Duration, v *voice) int {
	before := len(v.asked())
	after(d)
	return len(v.asked()) - before
}

func TestCheapWayOfAskingStandsInForTheDear(t *testing.T) {
	r, pmp, o := router(says("11.22.33.44")), natpmp(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(5 * time.Minute)
		link := w.Status().Load().Link
		cheap := len(pmp.asked())
		if n := during(time.Hour, r); n < 50 || n > 60 {
			t.Errorf("asked %d times an hour by UPnP, want about once a minute", n)
		}
		if n := len(pmp.asked()) - cheap; n < 850 || n > 950 {
			t.Errorf("asked %d times an hour by NAT-PMP, want every 4 s", n)
		}
		if now := w.Status().Load().Link; now.Summary != link.Summary || !slices.Equal(now.Evidence, link.Evidence) {
			t.Errorf("leaving one out changed the words from %+v to %+v", link, now)
		}
		// A change is seen as soon as ever, and both are heard on it.
		r.says("11.22.33.55")
		pmp.says("11.22.33.55")
		o.says("11.22.33.55")
		if took := changed(t, w, time.Minute); took > 4400*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		asked := r.asked()
		if last := asked[len(asked)-1]; time.Since(last) > time.Second {
			t.Errorf("the change was agreed on without UPnP, asked %s ago", time.Since(last))
		}
		// And so is one that NAT-PMP is not told of: within the minute.
		after(time.Hour)
		r.says("11.22.33.66")
		o.says("11.22.33.66")
		if took := changed(t, w, 2*time.Minute); took > 65*time.Second {
			t.Errorf("it took %s", took)
		}
		if n := during(time.Minute, r); n < 13 {
			t.Errorf("while the two contradict each other it is asked %d times a minute", n)
		}
	}, r, pmp, o)
}

func TestDearWayIsAskedWhereTheCheapFallsSilent(t *testing.T) {
	for _, word := range []string{"-", "hang"} {
		r, pmp, o := router(says("11.22.33.44")), natpmp(says("11.22.33.44")), outside("a", says("11.22.33.44"))
		home(t, func(t *testing.T, w *wan.Watcher) {
			after(time.Hour)
			pmp.says(word)
			r.says("11.22.33.55")
			o.says("11.22.33.55")
			if took := changed(t, w, time.Minute); took > 5500*time.Millisecond {
				t.Errorf("%q: it took %s", word, took)
			}
			after(time.Hour)
			r.says("11.22.33.66")
			o.says("11.22.33.66")
			if took := changed(t, w, time.Minute); took > 5500*time.Millisecond {
				t.Errorf("%q, an hour later: it took %s", word, took)
			}
		}, r, pmp, o)
	}
}

// What is agreed on is what all say in that round.
func TestAllAreAskedBeforeTheOutsideIs(t *testing.T) {
	r, pmp, o := router(says("11.22.33.44")), natpmp(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	homeWith(t, wan.Config{Eventful: func() bool { return true }}, func(t *testing.T, w *wan.Watcher) {
		after(26 * time.Hour)
		if len(o.asked()) < 4 {
			t.Fatalf("the outside was asked %d times", len(o.asked()))
		}
		for _, at := range o.asked() {
			if !slices.ContainsFunc(r.asked(), at.Equal) || !slices.ContainsFunc(pmp.asked(), at.Equal) {
				t.Errorf("at %s the outside was asked, and not every way of asking the router", at)
			}
		}
	}, r, pmp, o)
}

func TestRouterThatTellsIsAskedMoreRarely(t *testing.T) {
	for _, name := range []string{"igd", "pcp"} {
		r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
		r.name = name
		var tells atomic.Bool
		tells.Store(true)
		homeWith(t, wan.Config{Eventful: tells.Load}, func(t *testing.T, w *wan.Watcher) {
			after(5 * time.Minute)
			if n := during(time.Hour, r); n < 165 || n > 185 {
				t.Errorf("%s: asked %d times an hour, want every 20 s", name, n)
			}
			r.says("11.22.33.55")
			o.says("11.22.33.55")
			if took := changed(t, w, time.Second, hint(w, "gena")); took > 100*time.Millisecond {
				t.Errorf("%s: it took %s", name, took)
			}
			after(time.Minute)
			if n := during(time.Hour, r); n > 185 {
				t.Errorf("%s: after a change it told of, asked %d times an hour", name, n)
			}
			// The router loses the subscription, which is a hint.
			tells.Store(false)
			w.Hint("gena")
			after(3 * time.Second)
			if n := during(time.Minute, r); n < 13 {
				t.Errorf("%s: without its events it is asked %d times a minute", name, n)
			}
		}, r, o)
	}
}

// Changes that follow closely on one that it told of, and whose events it drops,
// until long after the looks that each hint has.
func TestRouterThatHasJustToldIsWatchedClosely(t *testing.T) {
	for _, later := range []time.Duration{3 * time.Second, 6 * time.Second, 10 * time.Second} {
		r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
		homeWith(t, wan.Config{Eventful: func() bool { return true }}, func(t *testing.T, w *wan.Watcher) {
			after(time.Hour)
			r.says("11.22.33.55")
			o.says("11.22.33.55")
			w.Hint("gena")
			after(later)
			r.says("11.22.33.66")
			o.says("11.22.33.66")
			if took := changed(t, w, time.Minute); took > 4400*time.Millisecond {
				t.Errorf("%s after the first change: it took %s", later, took)
			}
			after(5 * time.Minute)
			if n := during(time.Hour, r); n > 185 {
				t.Errorf("%s after the first change: asked %d times an hour afterwards", later, n)
			}
		}, r, o)
	}
}

// A router that says that it will tell, and does not.
func TestRouterThatKeepsAChangeToItselfIsAskedMoreOften(t *testing.T) {
	r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	homeWith(t, wan.Config{Eventful: func() bool { return true }}, func(t *testing.T, w *wan.Watcher) {
		after(time.Hour)
		r.says("11.22.33.55")
		o.says("11.22.33.55")
		if took := changed(t, w, time.Minute); took > 22*time.Second {
			t.Errorf("it took %s", took)
		}
		after(time.Minute)
		if n := during(time.Hour, r); n < 850 {
			t.Errorf("asked %d times an hour, want every 4 s", n)
		}
		r.says("11.22.33.66")
		o.says("11.22.33.66")
		if took := changed(t, w, time.Minute); took > 4400*time.Millisecond {
			t.Errorf("the next change took %s", took)
		}
		after(12 * time.Hour)
		if n := during(time.Hour, r); n > 185 {
			t.Errorf("half a day later asked %d times an hour", n)
		}
	}, r, o)
}

// A word of NAT-PMP's that UPnP contradicts is held against it at every look.
func TestDearWayIsNotLeftOutWhereTheCheapIsWrong(t *testing.T) {
	r, pmp, o := router(says("11.22.33.44")), natpmp(says("11.22.33.99")), outside("a", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(5 * time.Minute)
		wantAddress(t, w, "11.22.33.44")
		wantVerdict(t, w, fact.VerdictWarn)
		r.says("11.22.33.55")
		o.says("11.22.33.55")
		if took := changed(t, w, time.Minute); took > 4400*time.Millisecond {
			t.Errorf("it took %s", took)
		}
	}, r, pmp, o)
}
