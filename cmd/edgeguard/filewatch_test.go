package main

// A config file that changes: when the kernel tells of it, and where it does
// not.

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
)

// reloads runs the follower of a config file in a bubble. Touch writes the file,
// and loaded wants so many loads since it was called last.
func reloads(t *testing.T, happens func(touch func(), loaded func(want int), touched, told, deaf chan struct{})) {
	synctest.Test(t, func(t *testing.T) {
		file, n := filepath.Join(t.TempDir(), "edgeguard.toml"), 0
		var loads atomic.Int32
		touch := func() {
			n++
			if err := os.WriteFile(file, []byte(strings.Repeat("#", n)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		touch()
		d := &daemon{moves: newMoves()}
		r := &reloader{daemon: d, log: quietLog(t), path: file, load: func() (*config.Config, error) {
			loads.Add(1)
			return nil, errors.New("not for this test")
		}}
		touched, told, deaf := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r.follow(ctx, nil, touched, told, deaf)
		}()
		synctest.Wait()
		happens(touch, func(want int) {
			t.Helper()
			synctest.Wait()
			if n := loads.Swap(0); int(n) != want {
				t.Errorf("loaded %d times, want %d", n, want)
			}
		}, touched, told, deaf)
		cancel()
		<-ended
	})
}

func TestFileIsLookedAtWhenTold(t *testing.T) {
	reloads(t, func(touch func(), loaded func(int), touched, told, _ chan struct{}) {
		close(told)
		time.Sleep(time.Minute + time.Second)
		touch()
		touched <- struct{}{}
		synctest.Wait()
		loaded(0) // it may be half of what comes
		time.Sleep(lookEvery)
		loaded(1)
		// The kernel may keep one to itself.
		touch()
		time.Sleep(2 * lookEvery)
		loaded(0)
		time.Sleep(lookRarely)
		loaded(1)
	})
}

func TestFileIsLookedAtByTheClockWhereNobodyTells(t *testing.T) {
	reloads(t, func(touch func(), loaded func(int), _, told, deaf chan struct{}) {
		touch()
		time.Sleep(2*lookEvery + time.Second)
		loaded(1)
		// It told once, and ceased to.
		close(told)
		time.Sleep(time.Second)
		close(deaf)
		touch()
		time.Sleep(2*lookEvery + time.Second)
		loaded(1)
		time.Sleep(time.Minute)
		loaded(0)
	})
}
