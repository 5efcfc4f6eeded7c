package loop

// A pause between two tries that must end in time.

import (
	"context"
	"time"
)

// Rest waits for the next try, and reports whether there is time for one: it
// never waits into the last spare of ctx's time, and not at all once that has
// begun.
func Rest(ctx context.Context, wait, spare time.Duration) bool {
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end)-spare)
	}
	if wait <= 0 {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
