package loop_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/loop"
)

// run runs a loop over step in a bubble and returns when each round began,
// counted from the start; during is called in the bubble while it runs.
func run(t *testing.T, cfg loop.Config, step loop.Step, during func(l *loop.Loop)) []time.Duration {
	t.Helper()
	var starts []time.Duration
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		cfg.Name = "test"
		cfg.Step = func(ctx context.Context) (time.Duration, error) {
			starts = append(starts, time.Since(begin))
			return step(ctx)
		}
		l := loop.New(cfg)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		during(l)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
	return starts
}

func wantStarts(t *testing.T, got []time.Duration, want ...time.Duration) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("rounds at %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("rounds at %v, want %v", got, want)
		}
	}
}

func TestStepSaysWhenNext(t *testing.T) {
	got := run(t, loop.Config{}, func(context.Context) (time.Duration, error) {
		return time.Minute, nil
	}, func(*loop.Loop) { time.Sleep(150 * time.Second) })
	wantStarts(t, got, 0, time.Minute, 2*time.Minute)
}

func TestKickRunsAtOnceAndRestartsTheWait(t *testing.T) {
	got := run(t, loop.Config{}, func(context.Context) (time.Duration, error) {
		return time.Minute, nil
	}, func(l *loop.Loop) {
		time.Sleep(20 * time.Second)
		l.Kick()
		time.Sleep(70 * time.Second)
	})
	wantStarts(t, got, 0, 20*time.Second, 80*time.Second)
}

func TestKickDuringARoundIsNotLost(t *testing.T) {
	rounds := 0
	kicks := make(chan func(), 1)
	got := run(t, loop.Config{}, func(context.Context) (time.Duration, error) {
		if rounds++; rounds == 1 {
			time.Sleep(time.Second)
			(<-kicks)()
		}
		return time.Hour, nil
	}, func(l *loop.Loop) {
		kicks <- l.Kick
		time.Sleep(time.Minute)
	})
	wantStarts(t, got, 0, time.Second)
}

// Which of the two reasons is seen first is a matter of chance, so it is tried
// often.
func TestKickBesideADueRoundIsOneRound(t *testing.T) {
	for range 50 {
		rounds := 0
		kicks := make(chan func(), 1)
		got := run(t, loop.Config{}, func(context.Context) (time.Duration, error) {
			if rounds++; rounds == 1 {
				(<-kicks)()
				return 0, nil
			}
			return time.Hour, nil
		}, func(l *loop.Loop) {
			kicks <- l.Kick
			time.Sleep(time.Minute)
		})
		wantStarts(t, got, 0, 0)
	}
}

func TestErrorsBackOffWithinBounds(t *testing.T) {
	cfg := loop.Config{MinBackoff: time.Second, MaxBackoff: 8 * time.Second, Rand: rand.New(rand.NewPCG(1, 2))}
	got := run(t, cfg, func(context.Context) (time.Duration, error) {
		return 0, errors.New("down")
	}, func(*loop.Loop) { time.Sleep(10 * time.Minute) })
	for i := 1; i < len(got); i++ {
		most := min(time.Second<<min(i-1, 10), 8*time.Second)
		if gap := got[i] - got[i-1]; gap < most/2 || gap > most {
			t.Fatalf("gap %d is %v, want between %v and %v", i, gap, most/2, most)
		}
	}
	if len(got) < 75 {
		t.Errorf("%d rounds in ten minutes, want at least 75", len(got))
	}
}

func TestErrorWithNextWaitsAtLeastNext(t *testing.T) {
	rounds := 0
	got := run(t, loop.Config{}, func(context.Context) (time.Duration, error) {
		if rounds++; rounds == 1 {
			return time.Hour, errors.New("429, come back in an hour")
		}
		return 24 * time.Hour, nil
	}, func(*loop.Loop) { time.Sleep(2 * time.Hour) })
	wantStarts(t, got, 0, time.Hour)
}

func TestSuccessResetsTheBackoff(t *testing.T) {
	rounds := 0
	got := run(t, loop.Config{MinBackoff: 2, MaxBackoff: 1 << 20, Rand: rand.New(rand.NewPCG(3, 4))}, func(context.Context) (time.Duration, error) {
		if rounds++; rounds == 10 {
			return time.Hour, nil
		}
		if rounds > 11 {
			return 24 * time.Hour, nil
		}
		return 0, errors.New("down")
	}, func(*loop.Loop) { time.Sleep(2 * time.Hour) })
	if gap := got[11] - got[10]; gap > 2 {
		t.Errorf("wait after the first error since a success is %v, want at most 2ns", gap)
	}
}

func TestJitterStaysWithinATenth(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 10_000 {
		if d := loop.Jitter(time.Hour, r); d < 54*time.Minute || d > 66*time.Minute {
			t.Fatalf("Jitter(1h) = %v", d)
		}
	}
}
