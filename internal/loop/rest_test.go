package loop_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/loop"
)

func TestRestLeavesTimeForTheNextTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		for _, want := range []time.Duration{time.Second, 1500 * time.Millisecond} {
			if !loop.Rest(ctx, time.Second, time.Second) || time.Since(began) != want {
				t.Errorf("after %v, want %v", time.Since(began), want)
			}
		}
		if loop.Rest(ctx, time.Second, time.Second) || time.Since(began) != 1500*time.Millisecond {
			t.Errorf("it waited into the last second, until %v", time.Since(began))
		}
		ended, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		if loop.Rest(ended, time.Hour, time.Second) || time.Since(began) != 2500*time.Millisecond {
			t.Errorf("it outlasted its context, until %v", time.Since(began))
		}
	})
}
