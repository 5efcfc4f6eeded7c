package locate_test

// One look, which writes nothing.

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/edgeguard/edgeguard/internal/locate"
)

func TestLookFindsAndWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, file := newWorld(), filepath.Join(t.TempDir(), "located.json")
		w.stand(one, ownKey, false)
		look := func(readOnly bool) *locate.Locator {
			cfg := w.config(file, broker)
			cfg.ReadOnly = readOnly
			l := locate.New(cfg)
			l.Look(t.Context())
			return l
		}
		if got := look(true).Addresses()["mqtt"]; got != one {
			t.Errorf("found at %v, want %v", got, one)
		}
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("a guest has written: %v", err)
		}
		look(false)
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// What the file knows counts: a stranger at the new address is not followed.
		w.stand(two, otherKey, false)
		l := look(true)
		if got := l.Addresses()["mqtt"]; got != one || !l.Status().Load()[0].Stranger {
			t.Errorf("%+v, want to stay at %v", l.Status().Load(), one)
		}
		w.stand(two, ownKey, false)
		if got := look(true).Addresses()["mqtt"]; got != two {
			t.Errorf("found at %v, want %v", got, two)
		}
		if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
			t.Errorf("a guest has written %q, %v", after, err)
		}
	})
}
