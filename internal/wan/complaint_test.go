package wan_test

// What users of other DDNS clients complained of as to the address, played out
// here; the list is in docs/comparison.md.

import (
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// One of the services says another address, and services are asked in turn: the
// record went back and forth between right and wrong.
func TestComplaintDDNSUpdater351ServicesThatDifferFlipTheAddress(t *testing.T) {
	same, wrong := says("11.22.33.44"), says("11.22.33.55")
	for what, voices := range map[string][]*voice{
		"a router and two services": {router(same), outside("a", same), outside("b", wrong)},
		"three services alone":      {outside("a", same), outside("b", wrong), outside("c", same)},
	} {
		t.Run(what, func(t *testing.T) {
			homeWith(t, wan.Config{PollRouter: time.Minute}, func(t *testing.T, w *wan.Watcher) {
				after(time.Minute)
				wantAddress(t, w, "11.22.33.44")
				first, changed := w.Address().Get()
				after(7 * 24 * time.Hour)
				select {
				case <-changed:
					t.Errorf("the address changed: %s, then %s", first, w.Address().Load())
				default:
				}
				wrongAsked := false
				for _, v := range voices {
					wrongAsked = wrongAsked || v.script() == "11.22.33.55" && len(v.asked()) > 0
				}
				if !wrongAsked {
					t.Error("the service that says something else was never asked")
				}
			}, voices...)
		})
	}
}

// Everything that this host sends goes out through a proxy or a VPN, and every
// service says the address of that.
func TestComplaintDDNSGo434AddressOfAProxyIsPublished(t *testing.T) {
	home4, proxy := says("11.22.33.44"), says("11.22.33.99")
	t.Run("from the start", func(t *testing.T) {
		homeWith(t, wan.Config{PollRouter: time.Minute}, func(t *testing.T, w *wan.Watcher) {
			after(24 * time.Hour)
			wantAddress(t, w, "unknown")
			link := w.Status().Load().Link
			if link.Verdict == fact.VerdictPass || !strings.Contains(link.Summary+link.Action, "VPN") {
				t.Errorf("the link is %+v", link)
			}
		}, router(home4), outside("a", proxy), outside("b", proxy), outside("c", proxy))
	})
	a, b := outside("a", home4), outside("b", home4)
	t.Run("later", func(t *testing.T) {
		homeWith(t, wan.Config{PollRouter: time.Minute}, func(t *testing.T, w *wan.Watcher) {
			after(time.Minute)
			a.says("11.22.33.99")
			b.says("11.22.33.99")
			w.Hint("link")
			after(7 * 24 * time.Hour)
			wantAddress(t, w, "11.22.33.44")
			if got := w.Status().Load().Link.Verdict; got == fact.VerdictPass {
				t.Error("nothing is said of it")
			}
		}, router(home4), a, b)
	})
}

// A look falls into the half minute in which the line is down, or in which the
// router has its new address and nothing passes yet.
func TestComplaintDDNSGo149StuckAfterAReconnect(t *testing.T) {
	for what, c := range map[string]struct {
		meanwhile string        // what the router says
		most      time.Duration // after the line is up, without any event
	}{
		"the router says that it has none": {"none", 5 * time.Second},
		"the router does not answer":       {"-", 5 * time.Second},
		"nothing passes yet":               {"11.22.33.55", 45 * time.Second},
	} {
		t.Run(what, func(t *testing.T) {
			r, a, b := router(says("11.22.33.44")), outside("a", says("11.22.33.44")), outside("b", says("11.22.33.44"))
			home(t, func(t *testing.T, w *wan.Watcher) {
				after(time.Hour)
				r.says(c.meanwhile)
				a.says("-")
				b.says("hang")
				w.Kick()
				after(45 * time.Second)
				wantAddress(t, w, "11.22.33.44")
				for _, v := range []*voice{r, a, b} {
					v.says("11.22.33.55")
				}
				changed(t, w, c.most)
				wantAddress(t, w, "11.22.33.55")
				wantVerdict(t, w, fact.VerdictPass)
			}, r, a, b)
		})
	}
}
