package main

// Hearing what commands leave in the certificate's folder.

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// toldKeeper counts what a keeper was told.
type toldKeeper struct{ kicks, renewals atomic.Int32 }

func (k *toldKeeper) Kick()  { k.kicks.Add(1) }
func (k *toldKeeper) Renew() { k.renewals.Add(1) }

func TestCommandsAreHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		write := func(name string) {
			t.Helper()
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(time.Now().String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		keeper := &toldKeeper{}
		e := &ear{folder: dir, keeper: keeper, log: quietLog(t)}
		touched, told, deaf := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			e.listen(ctx, touched, told, deaf)
		}()
		want := func(what string, kicks, renewals int32) {
			t.Helper()
			synctest.Wait()
			if k, r := keeper.kicks.Load(), keeper.renewals.Load(); k != kicks || r != renewals {
				t.Errorf("%s: %d kicks and %d renewals, want %d and %d", what, k, r, kicks, renewals)
			}
		}
		close(told)
		time.Sleep(time.Second)
		write(renewFile)
		touched <- struct{}{}
		want("a wish", 0, 1)
		if _, err := os.Stat(filepath.Join(dir, renewFile)); !os.IsNotExist(err) {
			t.Errorf("the wish stands: %v", err)
		}
		time.Sleep(10 * time.Minute)
		want("a wish, long ago", 0, 1)

		// The kernel tells of the folder alone, not of what comes into it before
		// it is asked to.
		write("ca/first")
		touched <- struct{}{}
		want("a CA in the making", 1, 1)
		write("ca/authority.json")
		time.Sleep(lookEvery)
		want("a CA", 2, 1)

		// A wish that cannot be taken away is not followed: it would be for ever.
		write(renewFile + "/full")
		touched <- struct{}{}
		time.Sleep(time.Minute)
		want("a folder in place of the wish", 2, 1)
		close(deaf)
		synctest.Wait()
		write("ca/authority.json.new")
		time.Sleep(lookEvery)
		want("a change that nobody told of", 3, 1)
		cancel()
		<-ended
	})
}
