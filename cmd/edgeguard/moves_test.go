package main

// Who goes by this host's addresses looks when the kernel tells of a change,
// and by the clock where it does not.

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/lan"
)

// movesHome is a host whose kernel a test speaks for.
type movesHome struct {
	t     *testing.T
	moves *moves
	says  chan string  // to Changes; closed: it fails
	own   atomic.Value // what our addresses are, as text
	hints []string
	since time.Time // the last call of told

	mu    sync.Mutex
	tells []time.Time // guarded by mu; when everybody was told since then
}

// live runs moves in a bubble, and then what happens.
func live(t *testing.T, happens func(h *movesHome)) {
	synctest.Test(t, func(t *testing.T) {
		h := &movesHome{t: t, moves: newMoves(), says: make(chan string), since: time.Now()}
		h.own.Store("one")
		h.moves.look = func() string { return h.own.Load().(string) }
		h.moves.changes = func(ctx context.Context, changed func(string)) error {
			for {
				select {
				case <-ctx.Done():
					return nil
				case kind, ok := <-h.says:
					if !ok {
						return errors.New("no rights")
					}
					changed(kind)
				}
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- h.moves.run(ctx, func(kind string) { h.hints = append(h.hints, kind) }, quietLog(t)) }()
		for _, slot := range []chan struct{}{h.moves.dns, h.moves.listen} {
			go func() {
				for {
					select {
					case <-ctx.Done():
						return
					case <-slot:
					}
				}
			}()
		}
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-h.moves.router:
					h.mu.Lock()
					h.tells = append(h.tells, time.Now())
					h.mu.Unlock()
				}
			}
		}()
		happens(h)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// told wants to have been told at these seconds since the last call, and lets so
// many pass before it looks.
func (h *movesHome) told(pass time.Duration, want ...float64) {
	h.t.Helper()
	time.Sleep(pass)
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	var got []float64
	for _, at := range h.tells {
		got = append(got, at.Sub(h.since).Seconds())
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("told at %v s, want %v", got, want)
	}
	h.tells, h.since = nil, time.Now()
}

func TestMovesAreToldAtTheKernelsWord(t *testing.T) {
	live(t, func(h *movesHome) {
		h.says <- lan.ChangeNone
		h.told(100*time.Second, 0, 30, 60, 90)
		h.own.Store("two")
		h.says <- lan.ChangeAddress
		h.told(25*time.Second, 0, 3)
		// The clock is a moment before the word.
		h.own.Store("three")
		h.told(10*time.Second, 8)
		h.says <- lan.ChangeRoute
		h.told(100*time.Second, 0, 3, 33, 63, 93)
		if got := strings.Join(h.hints, " "); got != "address route" {
			t.Errorf("the hints are %s", got)
		}
	})
}

func TestMovesAreFoundByTheClockWhereTheKernelTellsNothing(t *testing.T) {
	live(t, func(h *movesHome) {
		close(h.says)
		h.told(11*time.Second, 0, 3, 6, 9)
		if len(h.hints) > 0 {
			t.Errorf("the hints are %v", h.hints)
		}
	})
}

// A sandbox may let us listen and never tell anything.
func TestMovesOfADeafKernelAreLookedForMoreOften(t *testing.T) {
	live(t, func(h *movesHome) {
		h.says <- lan.ChangeNone
		h.told(35*time.Second, 0, 30)
		h.own.Store("two")
		h.told(41*time.Second, 25, 28, 31, 34, 37, 40)
	})
}

// quietLog writes to the test's output.
func quietLog(t *testing.T) *slog.Logger {
	return newLogger(t.Output(), nil, "text", (&secretList{}).all)
}
