package cert_test

// Certificates of every length of life, over years.

import (
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	cert "github.com/edgeguard/edgeguard/internal/cert"
)

// TestLives keeps certificates of each length of life for long, with outages of
// the CA that take up to half of the time that there is for a renewal.
func TestLives(t *testing.T) {
	for _, c := range []struct {
		name    string
		life    time.Duration
		span    time.Duration
		own     bool
		outages bool
	}{
		{"one hour", time.Hour, 2 * day, false, false},
		{"one hour, outages", time.Hour, 2 * day, false, true},
		{"160 hours", 160 * time.Hour, 60 * day, false, true},
		{"6 days", 6 * day, 60 * day, false, true},
		{"45 days", 45 * day, 2 * 365 * day, false, true},
		{"64 days", 64 * day, 2 * 365 * day, false, true},
		{"90 days", 90 * day, 3 * 365 * day, false, false},
		{"90 days, outages", 90 * day, 3 * 365 * day, false, true},
		{"own CA, 397 days", 397 * day, 10 * 365 * day, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { live(t, c.life, c.span, c.own, c.outages) })
		})
	}
}

func live(t *testing.T, life, span time.Duration, own, outages bool) {
	h := newHome(t)
	if own {
		h.own()
	}
	random := rand.New(rand.NewPCG(8, uint64(life)))
	h.cfg.Rand = rand.New(rand.NewPCG(1, uint64(life)))
	h.ca.life, h.tick = life, max(time.Minute, life/200)
	margin := life / 3
	if life < 10*day {
		margin = life / 2
	}
	var from, until time.Time // an outage
	if outages {
		h.ca.fail = func() error {
			now := time.Now()
			if now.Sub(until) > life/2 && random.IntN(3) == 0 {
				from, until = now, now.Add(time.Duration(random.Int64N(int64(margin/2))))
			}
			if !now.Before(from) && now.Before(until) {
				return errors.New("the CA is away")
			}
			return nil
		}
	}
	h.start()
	defer func() { h.stop() }() // the one of the last restart
	time.Sleep(margin)          // an outage at the very start is no expiry
	synctest.Wait()
	began := time.Now()
	for time.Since(began) < span {
		time.Sleep(life / 60)
		synctest.Wait()
		s := h.status()
		if s.Held == nil || !time.Now().Before(s.Held.NotAfter) {
			t.Fatalf("after %s there is no valid certificate: %+v", time.Since(began), s)
		}
		if left := time.Until(s.Held.NotAfter); left < margin/3 {
			t.Fatalf("after %s it has only %s left: %s", time.Since(began), left, s.LastError)
		}
		if random.IntN(300) == 0 {
			h.restart()
		}
	}
	orders, attempts := h.ca.count()
	least, most := int(span/(life-margin+margin/2)), int((span+margin)/(life-margin-margin/8))+2
	t.Logf("%d orders, %d attempts; between %d and %d are right", orders, attempts, least, most)
	if orders < least || orders > most {
		t.Errorf("%d orders were made, want %d to %d", orders, least, most)
	}
	if h.broker.bad != 0 {
		t.Errorf("%d pairs did not match", h.broker.bad)
	}
}

// TestRenewAt holds the time of a renewal against its bounds for any life.
func TestRenewAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		lifetime := time.Duration(rapid.Int64Range(int64(10*time.Minute), int64(800*day)).Draw(t, "life"))
		l := cert.Life{NotBefore: begin, NotAfter: begin.Add(lifetime), Draw: rapid.Float64Range(0, 0.999999).Draw(t, "draw")}
		margin := lifetime / 3
		if lifetime < 10*day {
			margin = lifetime / 2
		}
		moment := func(name string) time.Time {
			return begin.Add(time.Duration(rapid.Int64Range(int64(-1000*day), int64(1800*day)).Draw(t, name)))
		}
		at := cert.RenewAt(l)
		if left := l.NotAfter.Sub(at); left < margin || left > margin+margin/10+1 {
			t.Fatalf("by age it is renewed with %s of %s left", left, lifetime)
		}
		if rapid.Bool().Draw(t, "obtained is known") {
			l.Obtained = moment("obtained")
		}
		start, end := moment("start"), moment("end")
		l.Window = cert.NewWindow(start, end)
		at = cert.RenewAt(l)
		if left := l.NotAfter.Sub(at); left < margin/2-1 {
			t.Fatalf("a window %s to %s leaves %s of %s", start, end, left, lifetime)
		}
		if at.Before(begin.Add(min(lifetime/10, 6*time.Hour))) {
			t.Fatalf("a window %s to %s has it renewed %s after its begin", start, end, at.Sub(begin))
		}
		inside := start.After(begin.Add(lifetime/5)) && l.Obtained.Before(begin.Add(lifetime/20)) && end.Before(l.NotAfter.Add(-margin/2)) && end.After(start)
		if inside && (at.Before(start) || !at.Before(end)) {
			t.Fatalf("the window is %s to %s, and it is renewed at %s", start, end, at)
		}
		if again := cert.RenewAt(l); !again.Equal(at) {
			t.Fatal("it is chosen anew")
		}
	})
}
