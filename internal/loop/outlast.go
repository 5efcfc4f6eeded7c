package loop

// Work that must not be cut off half way.

import (
	"context"
	"errors"
	"time"
)

// errOutlasted is why a context of Outlast's ended after all.
var errOutlasted = errors.New("it took too long after it was to stop")

// Outlast returns a context that ends d after ctx does, and carries its values:
// for a change on another host, whose outcome would be unknown if it were cut
// off with ctx. It must be cancelled, which ends it at once.
func Outlast(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	lasting, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			end(errOutlasted)
		case <-lasting.Done():
		}
	})
	return lasting, func() {
		stop()
		end(context.Canceled)
	}
}
