package wan_test

// The watcher over time.

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan"
)

func TestWatcherAgreesAtOnce(t *testing.T) {
	start := outside("a", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		wantAddress(t, w, "11.22.33.44")
		wantVerdict(t, w, fact.VerdictPass)
		s := w.Status().Load()
		if s.NAT != "none" || !s.ChangedAt.Equal(time.Now()) || s.IPv4.Source != "igd and https://a/" {
			t.Errorf("status %+v", s)
		}
		want := []string{"igd says 11.22.33.44", "https://a/ says 11.22.33.44"}
		if !reflect.DeepEqual(s.Link.Evidence, want) {
			t.Errorf("evidence %q, want %q", s.Link.Evidence, want)
		}
	}, router(says("11.22.33.44")), start)
}

// A reconnect: the router says so within a poll, the outside confirms, and a
// question that falls into the gap is repeated soon.
func TestWatcherFollowsAChange(t *testing.T) {
	r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(time.Hour)
		_, changed := w.Address().Get()
		r.says("none")
		o.says("-")
		after(10 * time.Second)
		wantAddress(t, w, "11.22.33.44")
		wantVerdict(t, w, fact.VerdictWarn)
		r.says("11.22.33.55")
		after(10 * time.Second)
		wantAddress(t, w, "11.22.33.44")
		select {
		case <-changed:
			t.Fatal("the address was touched while nothing was agreed")
		default:
		}
		o.says("11.22.33.55")
		after(20 * time.Second)
		wantAddress(t, w, "11.22.33.55")
		wantVerdict(t, w, fact.VerdictPass)
		<-changed
	}, r, o)
}

func TestWatcherChangeIsSeenWithinOnePoll(t *testing.T) {
	r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(time.Hour - time.Second)
		asked := len(o.asked())
		r.says("11.22.33.55")
		o.says("11.22.33.55")
		after(10 * time.Second)
		wantAddress(t, w, "11.22.33.55")
		if len(o.asked()) != asked+1 {
			t.Errorf("the change took %d outside questions, want 1", len(o.asked())-asked)
		}
		if at := w.Status().Load().ChangedAt; time.Since(at) > 10*time.Second {
			t.Errorf("changed at %s", at)
		}
	}, r, o)
}

// What the internet saw before the router lost its address is not said of now.
func TestWatcherForgetsWhatTheOutsideSawOfALostAddress(t *testing.T) {
	r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		r.says("none")
		after(30 * time.Second)
		wantVerdict(t, w, fact.VerdictWarn)
		if said := w.Status().Load().Link.Summary; !strings.HasSuffix(said, "has no public IPv4 address.") {
			t.Errorf("it says %q", said)
		}
		after(5 * time.Minute) // the outside is asked anew, and sees it all the same
		if said := w.Status().Load().Link.Summary; !strings.HasSuffix(said, "has no public IPv4 address (the internet sees 11.22.33.44).") {
			t.Errorf("it says %q", said)
		}
	}, r, o)
}

// A contradiction, a silence and nonsense each leave the published address and
// say who said what.
func TestWatcherKeepsTheAgreedAddress(t *testing.T) {
	tests := []struct {
		name, router, outside string
		verdict               fact.Verdict
		nat                   string
		want                  []string
	}{
		{"router changes, outside does not", "11.22.33.55", "11.22.33.44", fact.VerdictWarn, "", []string{"11.22.33.55", "VPN"}},
		{"outside changes, router does not", "11.22.33.44", "11.22.33.55", fact.VerdictWarn, "", []string{"11.22.33.55", "VPN"}},
		{"router silent", "-", "11.22.33.44", fact.VerdictWarn, "none", []string{"only one outside service"}},
		{"outside silent", "11.22.33.55", "-", fact.VerdictWarn, "", []string{"no outside service answered"}},
		{"all silent", "-", "-", fact.VerdictWarn, "none", []string{"no source answered"}},
		{"router says none", "none", "11.22.33.44", fact.VerdictWarn, "", []string{"no public IPv4 address", "11.22.33.44"}},
		{"router reversed", "44.33.22.11", "11.22.33.44", fact.VerdictWarn, "", []string{"wrong order"}},
		{"hijacked", "11.22.33.55", "104.18.0.1", fact.VerdictWarn, "", []string{"Cloudflare"}},
		{"double NAT", "192.168.1.2", "11.22.33.44", fact.VerdictFail, "double", []string{"forwarding cannot work because", "bridge mode"}},
		{"CGNAT", "100.64.3.4", "11.22.33.44", fact.VerdictFail, "cgnat", []string{"forwarding cannot work because", "provider"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
			home(t, func(t *testing.T, w *wan.Watcher) {
				_, changed := w.Address().Get()
				r.says(tt.router)
				o.says(tt.outside)
				after(8 * time.Hour)
				wantAddress(t, w, "11.22.33.44")
				select {
				case <-changed:
					t.Error("the address was touched")
				default:
				}
				wantVerdict(t, w, tt.verdict)
				s := w.Status().Load()
				if s.NAT != tt.nat {
					t.Errorf("NAT %q, want %q", s.NAT, tt.nat)
				}
				all := s.Link.Summary + s.Link.Action
				for _, want := range tt.want {
					if !strings.Contains(all, want) {
						t.Errorf("%q does not say %q", all, want)
					}
				}
				if len(s.Link.Evidence) != 2 {
					t.Errorf("evidence %q", s.Link.Evidence)
				}
				r.says("11.22.33.44")
				o.says("11.22.33.44")
				after(80 * time.Minute)
				wantVerdict(t, w, fact.VerdictPass)
			}, r, o)
		})
	}
}

func TestWatcherUnknownWhileNothingIsKnown(t *testing.T) {
	home(t, func(t *testing.T, w *wan.Watcher) {
		if got := w.Status().Load().Link; got.Verdict != fact.VerdictUnknown || got.Summary == "" {
			t.Errorf("at the start: %+v", got)
		}
		after(time.Minute)
		wantAddress(t, w, "unknown")
		wantVerdict(t, w, fact.VerdictUnknown)
		for _, s := range w.Status().Load().Sources {
			if s.Err == "" || s.Observation.State != fact.Unknown {
				t.Errorf("source %+v", s)
			}
		}
	}, router(says("hang")), outside("a", says("-")), outside("b", says("hang")))
}

// A router that has not been discovered yet is waited for, so that its double
// NAT is seen before two outside services agree.
func TestWatcherWaitsForTheRouterAtTheStart(t *testing.T) {
	r := router(says("-"))
	a, b := outside("a", says("11.22.33.44")), outside("b", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(5 * time.Second)
		r.says("192.168.1.2")
		after(5 * time.Second)
		wantAddress(t, w, "unknown")
		wantVerdict(t, w, fact.VerdictFail)
		if len(a.asked())+len(b.asked()) != 1 {
			t.Errorf("asked %d and %d times, want one question in all", len(a.asked()), len(b.asked()))
		}
	}, r, a, b)
}

func TestWatcherWithoutRouter(t *testing.T) {
	home(t, func(t *testing.T, w *wan.Watcher) {
		wantAddress(t, w, "11.22.33.44")
		wantVerdict(t, w, fact.VerdictPass)
		if nat := w.Status().Load().NAT; nat != "" {
			t.Errorf("NAT %q, but nobody can know", nat)
		}
	}, outside("a", says("11.22.33.44")), outside("b", says("11.22.33.44")))
}

func TestWatcherThirdVoiceDecides(t *testing.T) {
	home(t, func(t *testing.T, w *wan.Watcher) {
		wantAddress(t, w, "11.22.33.44")
	}, outside("a", says("11.22.33.55")), outside("b", says("11.22.33.44")), outside("c", says("11.22.33.44")))
}

// Between two questions the router's word is held against older answers from
// outside: that changes words, never the published address.
func TestWatcherPublishesFreshAnswersOnly(t *testing.T) {
	r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	homeWith(t, wan.Config{PollRouter: 2 * time.Second}, func(t *testing.T, w *wan.Watcher) {
		after(time.Minute - time.Second)
		o.says("11.22.33.55")
		w.Kick()
		after(0)
		r.says("11.22.33.55")
		o.says("-")
		after(2 * time.Second)
		wantAddress(t, w, "11.22.33.44")
		wantVerdict(t, w, fact.VerdictWarn)
		after(time.Minute)
		wantAddress(t, w, "11.22.33.44")
		o.says("11.22.33.55")
		after(2 * time.Minute)
		wantAddress(t, w, "11.22.33.55")
	}, r, o)
}

// A change that is taken back before it could be asked about costs nothing.
func TestWatcherForgetsNewsTakenBack(t *testing.T) {
	r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(100 * time.Millisecond) // the outside was asked at the start: too soon for another question
		r.says("11.22.33.55")
		w.Hint("test")
		after(100 * time.Millisecond)
		r.says("11.22.33.44")
		w.Hint("test")
		after(time.Hour)
		if got := o.asked(); len(got) != 1 {
			t.Errorf("asked at %v, want the start only", got)
		}
	}, r, o)
}

func TestWatcherKicksAreRateLimited(t *testing.T) {
	o := outside("a", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(time.Second)
		for range 10 {
			w.Kick()
			after(0)
		}
		after(3 * time.Second)
		if at := o.asked(); len(at) != 3 || at[1].Sub(at[0]) != time.Second || at[2].Sub(at[1]) != 500*time.Millisecond {
			t.Errorf("asked at %v, want the start, 1 s later, and half a second after that", at)
		}
		after(time.Minute)
		before := len(o.asked())
		w.Kick()
		after(100 * time.Millisecond) // or a look was just a moment ago
		if len(o.asked()) != before+1 {
			t.Error("a kick after a quiet minute did not ask at once")
		}
		for range 3600 {
			w.Kick()
			after(time.Second)
		}
		at := o.asked()
		for i := 3; i < len(at); i++ {
			if gap := at[i].Sub(at[i-1]); gap < 4*time.Second {
				t.Errorf("two questions within %s", gap)
			}
		}
		if n := len(at) - before; n > 50 {
			t.Errorf("an hour of kicks caused %d questions", n)
		}
	}, router(says("11.22.33.44")), o)
}

func TestWatcherStopsWithinARound(t *testing.T) {
	home(t, func(t *testing.T, w *wan.Watcher) {}, router(says("hang")), outside("a", says("hang")))
	home(t, func(t *testing.T, w *wan.Watcher) {}, outside("a", says("hang")), outside("b", says("11.22.33.44")))
}
