package loop

// How long to wait after a round.

import (
	"math/rand/v2"
	"time"
)

// failures counts errors in a row.
type failures struct {
	inARow   int
	reported string // the error text last logged; empty after a success
}

// wait returns how long to wait after a round that returned next and err.
func (f *failures) wait(next time.Duration, err error, cfg Config) time.Duration {
	if err == nil {
		f.inARow = 0
		return max(next, 0)
	}
	wait := Backoff(f.inARow, cfg.MinBackoff, cfg.MaxBackoff, cfg.Rand)
	f.inARow++
	return max(wait, next)
}

// Backoff returns the wait after the given number of earlier failures in a
// row: least doubled for each, capped at most, of which the upper half is
// drawn by lot so that a million homes do not come back in step. A nil r means
// the process's own random source.
func Backoff(earlier int, least, most time.Duration, r *rand.Rand) time.Duration {
	wait := least
	for range earlier {
		if wait >= most/2 {
			wait = most
			break
		}
		wait *= 2
	}
	wait = min(wait, most)
	half := int64(wait / 2)
	if half <= 0 {
		return wait
	}
	if r == nil {
		return time.Duration(half + rand.Int64N(half+1))
	}
	return time.Duration(half + r.Int64N(half+1))
}

// Jitter returns d moved by at most a tenth either way, so that homes that
// started together do not stay together. A nil r means the process's own
// random source.
func Jitter(d time.Duration, r *rand.Rand) time.Duration {
	tenth := int64(d / 10)
	if tenth <= 0 {
		return d
	}
	if r == nil {
		return d + time.Duration(rand.Int64N(2*tenth+1)-tenth)
	}
	return d + time.Duration(r.Int64N(2*tenth+1)-tenth)
}
