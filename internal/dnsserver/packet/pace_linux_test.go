package packet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
)

func TestPaceFollowsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p packet.Pace
		defer p.Stop()
		tick := func(every time.Duration, windows int) {
			for range int(time.Duration(windows) * packet.Window / every) {
				time.Sleep(every)
				p.Came(1)
				p.Interrupted()
			}
		}
		tick(packet.Window/(packet.BusyFrom-2), 50)
		if p.Busy() {
			t.Error("below busyFrom it is busy")
		}
		tick(packet.Window/(packet.BusyFrom+2), 3)
		if !p.Busy() {
			t.Error("above busyFrom it is not busy")
		}
		tick(packet.Window/(packet.IdleBelow+1), 50)
		if !p.Busy() {
			t.Error("above idleBelow it is not busy any more")
		}
		tick(packet.Window/(packet.IdleBelow-1), 3)
		if p.Busy() {
			t.Error("below idleBelow it is still busy")
		}
		p.Came(packet.BusyFrom) // a burst after a rest is not a rate
		if p.Busy() {
			t.Error("one burst makes it busy")
		}
		p.Came(packet.BusyFrom)
		if !p.Busy() {
			t.Error("a second one does not")
		}
		time.Sleep(2 * packet.Window) // nothing comes
		p.Interrupted()
		if p.Busy() || packet.BusyLoops() != 0 {
			t.Errorf("silence leaves it busy; %d loops keep their P", packet.BusyLoops())
		}
	})
}
