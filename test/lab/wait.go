//go:build linux

package lab

// Waiting for a condition.

import (
	"testing"
	"time"
)

// Patience is how long to wait for something that a sound home does within a
// few seconds, on a machine that is busy with other things.
const Patience = 3 * time.Minute

// Eventually calls check until it returns nil, and fails the test with the
// last error if that has not happened within patience. A check in progress at
// the deadline is let finish, so it needs a bound of its own.
func Eventually(t testing.TB, patience time.Duration, check func() error) {
	t.Helper()
	if err := poll(patience, check); err != nil {
		t.Fatalf("still not so after %v: %v", patience, err)
	}
}

// poll calls check until it returns nil or the time is up, and returns its
// last error.
func poll(patience time.Duration, check func() error) error {
	deadline := time.Now().Add(patience)
	pause := 20 * time.Millisecond
	for {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pause)
		pause = min(2*pause, 500*time.Millisecond)
	}
}
