package cert

// The wall clock, which may be unset at boot and can be set at any time. A
// certificate obtained by a wrong one is wasted at a public CA, and one that the
// own CA dates into the future is refused by every client once the clock is
// right. So nothing is obtained by a clock that has just jumped: it has to go on
// evenly for some minutes first, and is mostly set right again by then. All
// appointments are made by the wall clock, because expiry is; they are looked at
// each minute, and dropped when it jumps.

import (
	"crypto/x509"
	"time"
)

const (
	// jump is from how much on a difference between the wall clock and the time
	// that went by is a jump: what NTP corrects little by little is none.
	jump = 5 * time.Minute
	// settle is for how long the clock must have gone on evenly after a jump.
	settle = 5 * time.Minute
	// skew is how far another's clock may be ahead of ours.
	skew = 10 * time.Minute
)

// clock watches the wall clock against the time that goes by.
type clock struct {
	now    func() time.Time // the wall clock; tests set it
	start  time.Time        // with a monotonic reading
	wall   time.Time        // at the last look
	passed time.Duration    // at the last look, since start
	doubts bool             // there was a jump, or one may be near
	since  time.Duration    // since start, when that was
}

// begin starts the watch.
func (c *clock) begin() {
	c.start, c.wall, c.passed = time.Now(), c.read(), 0
}

func (c *clock) read() time.Time { return c.now().Round(0) }

// look returns the wall clock, without a monotonic reading, and by how much it
// has jumped since the last look; zero means that it has not.
func (c *clock) look() (now time.Time, jumped time.Duration) {
	now = c.read()
	passed := time.Since(c.start)
	jumped = now.Sub(c.wall) - (passed - c.passed)
	c.wall, c.passed = now, passed
	if jumped.Abs() < jump {
		return now, 0
	}
	c.doubt()
	return now, jumped
}

// doubt makes the clock one that has to settle first.
func (c *clock) doubt() { c.doubts, c.since = true, c.passed }

// settled returns how long it takes until the clock may be trusted; zero means
// that it may.
func (c *clock) settled() time.Duration {
	if !c.doubts {
		return 0
	}
	if left := c.since + settle - c.passed; left > 0 {
		return left
	}
	c.doubts = false
	return 0
}

// clockSet reports whether the clock shows a time that is possible. What a
// public CA issued began by a clock that was right, so ours cannot be before
// that.
func (k *Keeper) clockSet(now time.Time) bool {
	return !now.Before(k.earliest())
}

// earliest is the earliest moment that the clock can show.
func (k *Keeper) earliest() time.Time {
	earliest := k.cfg.ClockFloor
	if leaf := k.held.Leaf(); leaf != nil && k.about.Mode == ACME {
		if t := leaf.NotBefore.Add(-skew); t.After(earliest) {
			earliest = t
		}
	}
	return earliest
}

// validAt reports whether a certificate is valid, but for a clock that differs a
// little.
func validAt(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore.Add(-skew)) && now.Before(c.NotAfter)
}
