package main

// The daemon hears what commands leave beside it.

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// countedKeeper counts what it is told.
type countedKeeper struct{ kicks, renewals int }

func (k *countedKeeper) Kick()  { k.kicks++ }
func (k *countedKeeper) Renew() { k.renewals++ }

// The kernel tells of a new folder, and not of the first files in it, as nobody
// listens to it yet.
func TestAnAuthorityInANewFolderIsHeardSoon(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		k := &countedKeeper{}
		e := &ear{folder: folder, keeper: k, log: slog.New(slog.DiscardHandler)}
		touched, told := make(chan struct{}, 1), make(chan struct{})
		go e.listen(t.Context(), touched, told, nil)
		close(told)
		synctest.Wait()
		if err := os.Mkdir(filepath.Join(folder, ownCAName), 0o700); err != nil {
			t.Fatal(err)
		}
		touched <- struct{}{}
		synctest.Wait()
		if err := os.WriteFile(filepath.Join(folder, ownCAName, "authority.json"), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * lookEvery)
		synctest.Wait()
		if k.kicks != 1 || k.renewals != 0 {
			t.Errorf("told %d times to look, %d times to renew", k.kicks, k.renewals)
		}
	})
}
