package cert_test

// A crash at every write.

import (
	"crypto"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"

	cert "github.com/edgeguard/edgeguard/internal/cert"
)

// crashed is what a crash panics with.
type crashed struct{ point string }

// TestCrash ends the Keeper after each single write to the disk, each write to
// the broker's folder and each reload, and between the CA's issue and our
// knowing of it, in a first issue and in a renewal with a new and with the same
// key. After each, another Keeper on the same folder goes on: no pair is ever
// without its key, the broker ends up with the certificate that is held, and the
// CA has counted no order more than without the crash.
func TestCrash(t *testing.T) {
	for _, c := range []struct {
		name          string
		renew, newKey bool
	}{{"first", false, false}, {"renewal", true, false}, {"renewal with a new key", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			point, points := "", []string{}
			for n := 1; ; n++ {
				synctest.Test(t, func(t *testing.T) { point = crashAt(t, n, c.renew, c.newKey) })
				if point == "" {
					break
				}
				points = append(points, point)
				if n > 40 {
					t.Fatal("there is no end of writes")
				}
			}
			t.Logf("crashes at %v", points)
			if len(points) < 7 {
				t.Errorf("there were only %d points to crash at", len(points))
			}
		})
	}
}

// crashAt ends the Keeper at the nth write, and returns which that was; empty
// where there were less.
func crashAt(t *testing.T, n int, renew, newKey bool) (at string) {
	h := newHome(t)
	want := 1
	if renew {
		h.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		h.phase(cert.PhaseKept)
		h.stop()
		want = 2
	}
	h.cfg.NewKey = newKey
	used := len(h.ca.keys)

	ended := false
	crash := func(point string) {
		if n--; n == 0 && !ended {
			ended = true
			panic(crashed{point})
		}
	}
	k := cert.New(h.cfg)
	k.SetWrote(crash)
	h.broker.crash = crash
	ctx := t.Context()
	stop := func() {}
	h.ca.issued = func() { // the CA has issued, and nobody hears of it
		if n--; n == 0 {
			ended, at = true, "issued"
			stop()
		}
	}
	ctx, stop = cancellable(ctx)
	if renew {
		k.Renew()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if c, ok := recover().(crashed); ok {
				at = c.point
			}
		}()
		_ = k.Run(ctx)
	}()
	time.Sleep(time.Minute)
	synctest.Wait()
	stop()
	<-done
	synctest.Wait()
	h.broker.crash, h.ca.issued = nil, nil
	if h.broker.bad != 0 {
		t.Errorf("crash at %q: a pair that does not match was handed over", at)
	}
	if text, err := os.ReadFile(filepath.Join(h.cfg.Folder, "current.pem")); err == nil {
		if _, err := keys.ParsePair(text); err != nil {
			t.Errorf("crash at %q: %v", at, err)
		}
	}
	h.start()
	defer func() { h.stop() }()
	made, _ := h.ca.count()
	if renew && made < want {
		h.keeper.Renew() // the wish was in memory only
	}
	time.Sleep(10 * time.Minute)
	synctest.Wait()
	h.phase(cert.PhaseKept)
	if renew && at == "issued" || renew && made == want && h.status().Held.Serial == "2" {
		h.keeper.Renew() // likewise; the CA has it ready
		time.Sleep(10 * time.Minute)
		synctest.Wait()
	}
	h.orders(want)
	if h.broker.serves == nil || h.broker.bad != 0 || h.broker.serves.SerialNumber.Text(16) != h.status().Held.Serial {
		t.Errorf("crash at %q: the broker does not serve what is held", at)
	}
	sameKeys(t, at, h.ca.keys[used:])
	if _, err := os.Stat(filepath.Join(h.cfg.Folder, "next.key")); err == nil {
		t.Errorf("crash at %q: the order's key is still there", at)
	}
	return at
}

// sameKeys fails where attempts had different keys.
func sameKeys(t *testing.T, at string, list []crypto.PublicKey) {
	for _, key := range list {
		if !key.(interface{ Equal(crypto.PublicKey) bool }).Equal(list[0]) {
			t.Errorf("crash at %q: an attempt had another key than the one before the crash", at)
		}
	}
}
