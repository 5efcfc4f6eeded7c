package cert_test

// A crash at every write.

import (
	"context"
	"crypto"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
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
		h.sleep(time.Minute)
		h.phase(cert.PhaseKept)
		h.stop()
		want = 2
	}
	h.cfg.NewKey = newKey
	used := len(h.ca.keys)

	var mu sync.Mutex
	hit := func(point string) bool {
		mu.Lock()
		defer mu.Unlock()
		if n--; n == 0 {
			at = point
		}
		return n == 0
	}
	crash := func(point string) {
		if hit(point) {
			panic(crashed{point})
		}
	}
	k := cert.New(h.cfg)
	k.SetWrote(crash)
	h.broker.crash = crash
	ctx := t.Context()
	stop := func() {}
	h.ca.issued = func() { // the CA has issued, and nobody hears of it
		if hit("issued") {
			stop()
		}
	}
	ctx, stop = cancellable(ctx)
	if renew {
		k.Renew()
	}
	h.runUntilCrash(k, ctx, stop)
	h.matches(at)
	h.start()
	defer func() { h.stop() }()
	made, _ := h.ca.count()
	if renew && made < want {
		h.keeper.Renew() // the wish was in memory only
	}
	h.sleep(10 * time.Minute)
	h.phase(cert.PhaseKept)
	if renew && at == "issued" || renew && made == want && h.status().Held.Serial == "2" {
		h.keeper.Renew() // likewise; the CA has it ready
		h.sleep(10 * time.Minute)
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

// runUntilCrash runs k for a minute, and returns where it has crashed; empty
// where it has not.
func (h *home) runUntilCrash(k *cert.Keeper, ctx context.Context, stop func()) (at string) {
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
	h.sleep(time.Minute)
	stop()
	<-done
	synctest.Wait()
	h.broker.crash, h.ca.issued = nil, nil
	return at
}

// matches fails where a certificate stands beside another's key.
func (h *home) matches(at string) {
	h.t.Helper()
	if h.broker.bad != 0 {
		h.t.Errorf("crash at %q: a pair that does not match was handed over", at)
	}
	if text, err := os.ReadFile(filepath.Join(h.cfg.Folder, "current.pem")); err == nil {
		if _, err := keys.ParsePair(text); err != nil {
			h.t.Errorf("crash at %q: %v", at, err)
		}
	}
}

// TestCrashes crashes 300 times in a row on one folder, at points by lot, with a
// renewal asked for in between: never a mismatched pair, and never an order that
// nobody needed.
func TestCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(8, 8))
		h := newHome(t)
		asked, crashes := 0, 0
		for crashes < 300 {
			h.cfg.NewKey = random.IntN(2) == 0
			n, stopped := 1+random.IntN(10), time.Duration(random.IntN(8))*time.Second
			k := cert.New(h.cfg)
			k.SetTick(10 * time.Second)
			crash := func(point string) {
				if n--; n == 0 {
					panic(crashed{point})
				}
			}
			k.SetWrote(crash)
			h.broker.crash = crash
			if random.IntN(3) == 0 {
				asked++
				k.Renew()
			}
			ctx, stop := cancellable(t.Context())
			if random.IntN(3) == 0 { // in the middle of an order
				time.AfterFunc(stopped, stop)
			}
			if at := h.runUntilCrash(k, ctx, stop); at != "" {
				crashes++
				h.matches(at)
			}
		}
		h.kept()
		defer func() { h.stop() }()
		orders, attempts := h.ca.count()
		t.Logf("%d crashes, %d renewals asked for, %d attempts, %d orders", crashes, asked, attempts, orders)
		if orders > asked+1 || orders < 20 {
			t.Errorf("%d orders were made, and %d were asked for", orders, asked+1)
		}
		if h.broker.serves.SerialNumber.Text(16) != h.status().Held.Serial {
			t.Error("the broker does not serve what is held")
		}
	})
}

// sameKeys fails where attempts had different keys.
func sameKeys(t *testing.T, at string, list []crypto.PublicKey) {
	for _, key := range list {
		if !key.(interface{ Equal(crypto.PublicKey) bool }).Equal(list[0]) {
			t.Errorf("crash at %q: an attempt had another key than the one before the crash", at)
		}
	}
}
