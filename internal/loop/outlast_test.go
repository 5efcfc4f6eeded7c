package loop_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/loop"
)

func TestOutlast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), t, "kept"))
		lasting, end := loop.Outlast(ctx, 3*time.Second)
		other, endOther := loop.Outlast(ctx, 3*time.Second)
		time.Sleep(time.Hour)
		began := time.Now()
		cancel()
		synctest.Wait()
		if lasting.Err() != nil || lasting.Value(t) != "kept" {
			t.Errorf("it ends with the other (%v), or lost its values", lasting.Err())
		}
		endOther()
		if other.Err() == nil {
			t.Error("it does not end when it is cancelled")
		}
		<-lasting.Done()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it ended %v after the other", took)
		}
		if context.Cause(lasting) == context.Canceled {
			t.Error("nobody is told why it ended")
		}
		end()

		// One that ends before leaves nothing behind: synctest would say so.
		ctx, cancel = context.WithCancel(t.Context())
		lasting, end = loop.Outlast(ctx, time.Second)
		end()
		cancel()
		if context.Cause(lasting) != context.Canceled {
			t.Errorf("its cause is %v", context.Cause(lasting))
		}
	})
}
