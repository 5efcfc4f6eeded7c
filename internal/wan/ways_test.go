package wan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// Several ways of asking one router: silent, behind, wrong, or not there.

// A router that does not speak NAT-PMP must not make every look slow.
func TestSilentWayOfAskingTheRouterCostsNoTime(t *testing.T) {
	r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	pmp := &voice{name: "natpmp", kind: wan.Router, script: says("hang")}
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(time.Hour + time.Second)
		wantVerdict(t, w, fact.VerdictPass)
		r.says("11.22.33.55")
		o.says("11.22.33.55")
		if took := changed(t, w, time.Minute, hint(w, "gena")); took > 100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		if n := len(pmp.asked()); n < 4 || n > 12 {
			t.Errorf("the silent one was asked %d times in an hour", n)
		}
		// Where the other falls silent, it is asked again, and heard.
		r.says("-")
		pmp.says("11.22.33.66")
		o.says("11.22.33.66")
		if took := changed(t, w, time.Minute); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
	}, r, pmp, o)
}

// During a change two ways of asking the router may contradict each other; the
// one that the outside confirms is right.
func TestWaysOfAskingTheRouterContradictDuringAChange(t *testing.T) {
	r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	pmp := &voice{name: "natpmp", kind: wan.Router, script: says("11.22.33.44")}
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(time.Hour)
		pmp.says("11.22.33.55")
		o.says("11.22.33.55")
		w.Hint("natpmp")
		after(200 * time.Millisecond)
		wantAddress(t, w, "11.22.33.55")
		wantVerdict(t, w, fact.VerdictWarn)
		r.says("11.22.33.55")
		after(5 * time.Minute)
		wantAddress(t, w, "11.22.33.55")
		wantVerdict(t, w, fact.VerdictPass)
		if n := len(o.asked()); n != 3 {
			t.Errorf("asked the outside %d times, want the start, the change, and once more soon", n)
		}
	}, r, pmp, o)
}

// The outside is seen by the old address for a moment after one way of asking
// the router tells the new one, and the other way never does.
func TestOneWayOfAskingTheRouterIsStale(t *testing.T) {
	r, o := router(says("11.22.33.44")), outside("a", says("11.22.33.44"))
	pmp := &voice{name: "natpmp", kind: wan.Router, script: says("11.22.33.44")}
	homeWith(t, wan.Config{PollRouter: 20 * time.Second}, func(t *testing.T, w *wan.Watcher) {
		after(time.Hour)
		pmp.says("11.22.33.55")
		w.Hint("natpmp")
		after(10 * time.Second)
		o.says("11.22.33.55")
		if took := changed(t, w, 2*time.Minute); took > 90*time.Second {
			t.Errorf("it took %s", took)
		}
		wantAddress(t, w, "11.22.33.55")
		wantVerdict(t, w, fact.VerdictWarn)
		after(time.Hour)
		before := len(o.asked())
		after(24 * time.Hour)
		if n := len(o.asked()) - before; n < 3 || n > 5 {
			t.Errorf("a day of contradiction caused %d questions", n)
		}
		pmp.says("11.22.33.66")
		o.says("11.22.33.66")
		if took := changed(t, w, time.Minute); took > 25*time.Second {
			t.Errorf("the next change took %s", took)
		}
	}, r, pmp, o)
}

// Firmware that gives the octets reversed in one protocol is told of and passed
// over.
func TestOneWayOfAskingTheRouterIsGarbage(t *testing.T) {
	r, o := router(says("10.22.33.44")), outside("a", says("44.33.22.10")) // reversed, it looks private
	pmp := &voice{name: "natpmp", kind: wan.Router, script: says("44.33.22.10")}
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(5 * time.Minute)
		wantAddress(t, w, "44.33.22.10")
		wantVerdict(t, w, fact.VerdictPass)
		if link := w.Status().Load().Link; !strings.Contains(link.Summary, "octets in the wrong order") || !slices.Contains(link.Evidence, "igd says 10.22.33.44") {
			t.Errorf("link %+v does not tell of the fault", link)
		}
		before := len(o.asked())
		for range 6 * 60 { // and it loses its word now and then
			pmp.says("-")
			after(5 * time.Second)
			pmp.says("44.33.22.10")
			after(55 * time.Second)
		}
		if n := len(o.asked()) - before; n > 150 {
			t.Errorf("six hours of a contradiction that comes and goes caused %d questions", n)
		}
		wantAddress(t, w, "44.33.22.10")
	}, r, pmp, o)
}

// Each look for a router that is not there is a search of the whole network.
func TestRouterThatIsNotThereIsLookedForMoreRarely(t *testing.T) {
	r, a, b := router(says("-")), outside("a", says("11.22.33.44")), outside("b", says("11.22.33.44"))
	home(t, func(t *testing.T, w *wan.Watcher) {
		after(10 * time.Minute)
		before := len(r.asked())
		if before < 130 {
			t.Errorf("looked %d times in the first ten minutes", before)
		}
		after(time.Hour)
		if n := len(r.asked()) - before; n < 100 || n > 140 {
			t.Errorf("looked %d times in the next hour", n)
		}
		r.says("192.168.1.2")
		after(33 * time.Second)
		wantVerdict(t, w, fact.VerdictFail)
		before = len(r.asked())
		after(time.Minute)
		if n := len(r.asked()) - before; n < 13 {
			t.Errorf("once it answers it is asked %d times a minute", n)
		}
	}, r, a, b)
}
