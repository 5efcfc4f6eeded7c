package cert_test

// The wall clock: unset at boot, set later, and jumping.

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"

	cert "github.com/edgeguard/edgeguard/internal/cert"
)

// wrong is a clock that is wrong by some time.
type wrong struct{ by atomic.Int64 }

func (w *wrong) now() time.Time { return time.Now().Add(time.Duration(w.by.Load())) }

func (w *wrong) set(by time.Duration) { w.by.Store(int64(by)) }

// TestClockUnset holds that nothing is obtained while the clock shows a time
// before the floor, and that its being set is noticed within a minute; the
// certificate follows once it has gone on for five minutes.
func TestClockUnset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock wrong
		clock.set(-10 * 365 * day)
		h := newHome(t)
		h.now, h.cfg.ClockFloor = clock.now, time.Now().Add(-day)
		h.start()
		defer func() { h.stop() }()
		time.Sleep(3 * day)
		synctest.Wait()
		h.phase(cert.PhaseClock)
		if s := h.status(); s.Link.Verdict != fact.VerdictUnknown || !strings.Contains(s.Link.Summary, "clock") {
			t.Errorf("the link says %+v", s.Link)
		}
		if _, attempts := h.ca.count(); attempts != 0 {
			t.Fatal("a certificate was asked for by a clock that is not set")
		}
		clock.set(0)
		time.Sleep(time.Minute)
		synctest.Wait()
		if h.status().Phase == cert.PhaseClock {
			t.Error("a minute later it is not known that the clock was set")
		}
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		h.phase(cert.PhaseKept)
	})
}

// TestClockJumps has a certificate look expired for three minutes, and again for
// good; and has the clock go back to before the certificate began.
func TestClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock wrong
		h := newHome(t)
		h.now = clock.now
		h.start()
		defer func() { h.stop() }()
		time.Sleep(day)
		synctest.Wait()
		h.phase(cert.PhaseKept)

		clock.set(3 * 365 * day)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if v := h.status().Link.Verdict; v == fact.VerdictFail {
			t.Errorf("a clock that has just jumped makes the verdict %s", v)
		}
		clock.set(0)
		time.Sleep(day)
		synctest.Wait()
		h.orders(1)
		h.phase(cert.PhaseKept)

		clock.set(-365 * day)
		time.Sleep(time.Hour)
		synctest.Wait()
		h.phase(cert.PhaseClock)
		h.orders(1)
		clock.set(0)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		h.phase(cert.PhaseKept)

		clock.set(365 * day)
		time.Sleep(time.Minute)
		synctest.Wait()
		noticed := time.Now()
		h.orders(1)
		time.Sleep(7 * time.Minute)
		synctest.Wait()
		h.orders(2)
		if _, n := h.ca.count(); n != 2 {
			t.Errorf("%d attempts", n)
		}
		if wait := h.ca.attempts[1].Sub(noticed.Add(365 * day)); wait < 4*time.Minute || wait > 5*time.Minute+time.Second {
			t.Errorf("the renewal came %s after the jump was noticed", wait)
		}
	})
}

// TestClockExpiredAtStart holds that a certificate which looks expired at the
// start is renewed only once the clock had time to be set.
func TestClockExpiredAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock wrong
		h := newHome(t)
		h.now = clock.now
		h.start()
		defer func() { h.stop() }()
		time.Sleep(day)
		synctest.Wait()
		h.stop()
		clock.set(365 * day)
		h.start()
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		h.orders(1)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		h.orders(2)
	})
}

// TestClockOwnCA heals a certificate that the own CA has issued by a clock that
// was years ahead.
func TestClockOwnCA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock wrong
		clock.set(4 * 365 * day)
		h := newHome(t).own()
		h.now = clock.now
		h.start()
		defer func() { h.stop() }()
		time.Sleep(day)
		synctest.Wait()
		h.phase(cert.PhaseKept)
		clock.set(0)
		time.Sleep(7 * time.Minute)
		synctest.Wait()
		h.phase(cert.PhaseKept)
		if s := h.status(); s.Held.NotBefore.After(time.Now()) {
			t.Errorf("the certificate begins at %s", s.Held.NotBefore)
		}
		h.orders(2)
	})
}
