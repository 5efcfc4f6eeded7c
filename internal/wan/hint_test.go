package wan_test

// Hints, and how soon a change is agreed on.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// changed waits up to most for another address, and returns how long it took.
// What sets the change off, if anything does at once, is act, which comes after
// we have begun to listen: else the watcher may be done by then.
func changed(t *testing.T, w *wan.Watcher, most time.Duration, act ...func()) time.Duration {
	t.Helper()
	start := time.Now()
	_, signal := w.Address().Get()
	for _, f := range act {
		f()
	}
	select {
	case <-signal:
	case <-time.After(most):
		t.Fatalf("no change within %s: %+v", most, w.Status().Load().Link)
	}
	took := time.Since(start)
	after(0) // the status follows the address
	return took
}

// hint is a hint, for changed.
func hint(w *wan.Watcher, kind string) func() { return func() { w.Hint(kind) } }

func TestHintIsFollowedAtOnce(t *testing.T) {
	r, a, b := router(says("11.22.33.44")), outside("a", says("11.22.33.44")), outside("b", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(time.Hour)
		for _, v := range []*voice{r, a, b} {
			v.says("11.22.33.55")
		}
		asked := len(a.asked()) + len(b.asked())
		if took := changed(t, w, time.Second, hint(w, "gena")); took > 100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		wantAddress(t, w, "11.22.33.55")
		if n := len(a.asked()) + len(b.asked()) - asked; n != 1 {
			t.Errorf("the change took %d questions", n)
		}
	}, r, a, b)
}

// The event comes before the value, and no other event will come.
func TestHintBeforeTheValue(t *testing.T) {
	for _, late := range []time.Duration{250 * time.Millisecond, 900 * time.Millisecond, 1900 * time.Millisecond} {
		r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
		homeWith(t, wan.Config{PollRouter: time.Hour}, func(t *testing.T, w *wan.Watcher) {
			after(time.Minute)
			looks, start := len(r.asked()), time.Now()
			w.Hint("natpmp")
			after(late)
			r.says("11.22.33.55")
			o.says("11.22.33.55")
			changed(t, w, time.Second)
			after(time.Minute)
			var at []time.Duration
			for _, look := range r.asked()[looks:] {
				at = append(at, look.Sub(start))
			}
			if got := fmt.Sprint(at); got != "[0s 300ms 1s 2s]" {
				t.Errorf("looks after the hint at %s", got)
			}
			if n := len(o.asked()); n != 2 {
				t.Errorf("asked the outside %d times", n)
			}
		}, r, o)
	}
}

func TestStatusTellsTheLatestHint(t *testing.T) {
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(time.Minute)
		if got := w.Status().Load().LastHint; got != (wan.Hint{}) {
			t.Errorf("before any: %+v", got)
		}
		for _, kind := range []string{"push", "route\n\x1b[31m"} {
			w.Hint(kind)
			at := time.Now()
			after(time.Second)
			got := w.Status().Load().LastHint
			if !got.At.Equal(at) || !strings.HasPrefix(kind, got.Kind[:4]) || strings.ContainsAny(got.Kind, "\n\x1b") {
				t.Errorf("after %q at %s: %+v", kind, at, got)
			}
		}
		w.Kick() // is none
		after(time.Second)
		if got := w.Status().Load().LastHint.Kind; !strings.HasPrefix(got, "route") {
			t.Errorf("a kick became the hint %q", got)
		}
	}, router(says("11.22.33.44")), outside("a", says("11.22.33.44")))
}

func TestHintWithoutNewsCostsNothingOutside(t *testing.T) {
	r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		for range 600 {
			w.Hint("ssdp")
			after(100 * time.Millisecond)
		}
		if n := len(o.asked()); n != 1 {
			t.Errorf("asked %d times", n)
		}
		if n := len(r.asked()); n > 30+70 {
			t.Errorf("a minute of ten hints a second caused %d looks", n)
		}
	}, r, o)
}

// Where no router answers, only the outside can tell what a hint was about: a
// few times, as a host with containers has such events all day.
func TestHintWithoutARouterAsksTheOutsideSparingly(t *testing.T) {
	a, b := outside("a", says("11.22.33.44")), outside("b", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(time.Minute)
		a.says("11.22.33.55")
		b.says("11.22.33.55")
		if took := changed(t, w, time.Second, hint(w, "address")); took > 100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		before := len(a.asked()) + len(b.asked())
		for range 24 * 60 {
			w.Hint("link")
			after(time.Minute)
		}
		if n := len(a.asked()) + len(b.asked()) - before; n > 2+6+10 {
			t.Errorf("a day of a hint a minute caused %d questions", n)
		}
	}, a, b)
}

// Between two addresses a router says that it has none. That must not cost the
// question about the new address its turn, however often it changes.
func TestNoAddressForAMomentDelaysNothing(t *testing.T) {
	for _, gone := range []time.Duration{100 * time.Millisecond, 5 * time.Second, 40 * time.Second} {
		r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
		home(t, func(t *testing.T, w *wan.Watcher) {
			after(time.Hour)
			before := len(o.asked())
			for n := range 8 {
				r.says("none")
				o.says("-")
				w.Hint("gena")
				after(gone)
				addr := fmt.Sprintf("11.22.33.%d", 50+n)
				r.says(addr)
				o.says(addr)
				if took := changed(t, w, time.Minute, hint(w, "gena")); took > 200*time.Millisecond {
					t.Errorf("change %d, %s without an address: it took %s", n, gone, took)
				}
				after(50 * time.Second)
			}
			if n := len(o.asked()) - before; n != 8 {
				t.Errorf("8 changes took %d questions", n)
			}
		}, r, o)
	}
}

// A router that goes on saying that it has none is held against the outside.
func TestNoAddressForLongIsNews(t *testing.T) {
	r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(time.Hour)
		before := len(o.asked())
		r.says("none")
		o.says("11.22.33.55")
		after(90 * time.Second)
		if n := len(o.asked()) - before; n == 0 {
			t.Error("nobody outside was asked")
		}
		wantAddress(t, w, "11.22.33.44")
		wantVerdict(t, w, fact.VerdictWarn)
	}, r, o)
}

// Without any event the poll alone finds the change.
func TestPollAloneFindsAChangeWithinFiveSeconds(t *testing.T) {
	for n := range 20 {
		r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
		home(t, func(t *testing.T, w *wan.Watcher) {
			after(time.Hour + time.Duration(n)*211*time.Millisecond)
			r.says("11.22.33.55")
			o.says("11.22.33.55")
			if took := changed(t, w, time.Minute); took > 4400*time.Millisecond {
				t.Errorf("it took %s", took)
			}
		}, r, o)
	}
}

// The outside is slow, dead, or not to be reached over the new line yet.
func TestChangeIsAgreedInSpiteOfTheOutside(t *testing.T) {
	for name, c := range map[string]struct {
		first, second string
		most          time.Duration
	}{
		"one hangs":       {"hang", "11.22.33.55", 700 * time.Millisecond},
		"the other hangs": {"11.22.33.55", "hang", 700 * time.Millisecond},
		"one fails":       {"-", "11.22.33.55", 100 * time.Millisecond},
		"one lags behind": {"11.22.33.44", "11.22.33.55", 100 * time.Millisecond},
		"one is hijacked": {"104.18.0.1", "11.22.33.55", 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			r, a, b := router(says("11.22.33.44")), outside("a", says("11.22.33.44")), outside("b", says("11.22.33.44"))
			home(t, func(t *testing.T, w *wan.Watcher) {
				after(time.Hour)
				r.says("11.22.33.55")
				a.says(c.first)
				b.says(c.second)
				if took := changed(t, w, time.Minute, hint(w, "gena")); took > c.most {
					t.Errorf("it took %s", took)
				}
			}, r, a, b)
		})
	}
}

func TestChangeIsAgreedSoonAfterTheLineIsUp(t *testing.T) {
	for _, broken := range []string{"-", "11.22.33.44"} {
		r, a, b := router(says("11.22.33.44")), outside("a", says("11.22.33.44")), outside("b", says("11.22.33.44"))
		home(t, func(t *testing.T, w *wan.Watcher) {
			after(time.Hour)
			r.says("11.22.33.55")
			a.says(broken)
			b.says(broken)
			w.Hint("gena")
			after(400 * time.Millisecond)
			a.says("11.22.33.55")
			b.says("11.22.33.55")
			if took := changed(t, w, time.Minute); took > 400*time.Millisecond {
				t.Errorf("it took %s more", took)
			}
		}, r, a, b)
	}
}

// 100 flaps in 60 s: the outside is not flooded, and the final address is
// agreed shortly after the last.
func TestFlapsDoNotDelayTheFinalAddress(t *testing.T) {
	r, a, b := router(says("11.22.33.44")), outside("a", says("11.22.33.44")), outside("b", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(time.Hour)
		before := len(a.asked()) + len(b.asked())
		for i := range 100 {
			word := fmt.Sprintf("11.22.33.%d", 100+i)
			for _, v := range []*voice{r, a, b} {
				v.says(word)
			}
			w.Hint("gena")
			after(600 * time.Millisecond)
		}
		if w.Address().Load().String() != "11.22.33.199" {
			if took := changed(t, w, time.Minute); took > 4*time.Second {
				t.Errorf("the final address took %s", took)
			}
		}
		wantAddress(t, w, "11.22.33.199")
		if n := len(a.asked()) + len(b.asked()) - before; n > 25 {
			t.Errorf("the flaps caused %d questions", n)
		}
		// And a change an hour later is as quick as ever.
		after(time.Hour)
		for _, v := range []*voice{r, a, b} {
			v.says("11.22.33.44")
		}
		if took := changed(t, w, time.Minute, hint(w, "gena")); took > 100*time.Millisecond {
			t.Errorf("the change after the flaps took %s", took)
		}
	}, r, a, b)
}
