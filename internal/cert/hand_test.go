package cert_test

// Handing over to a broker that does, does not, or cannot be seen to serve it.

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/fact"

	cert "github.com/edgeguard/edgeguard/internal/cert"
)

// says fails the test unless the link has the verdict and all words.
func (h *home) says(v fact.Verdict, words ...string) {
	h.t.Helper()
	l := h.status().Link
	if l.Verdict != v {
		h.t.Fatalf("the link is %s (%s), want %s", l.Verdict, l.Summary, v)
	}
	for _, w := range words {
		if !strings.Contains(l.Summary+" "+l.Action, w) {
			h.t.Fatalf("the link does not say %q:\n%s\n%s", w, l.Summary, l.Action)
		}
	}
	if v == fact.VerdictPass && l.Summary != "" {
		h.t.Fatalf("there is nothing to say, and yet: %s", l.Summary)
	}
}

// kept starts h and waits until all is well.
func (h *home) kept() *home {
	h.t.Helper()
	h.start()
	h.sleep(time.Minute)
	h.phase(cert.PhaseKept)
	h.says(fact.VerdictPass)
	return h
}

// TestServed reads back what the broker serves.
func TestServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		h.start()
		defer func() { h.stop() }()
		h.sleep(2 * time.Second) // an order takes three
		h.phase(cert.PhaseIssuing)
		h.sleep(time.Second)
		h.phase(cert.PhaseHanding)
		h.sleep(2 * time.Second)
		h.phase(cert.PhaseKept)
		s := h.status()
		if len(s.Serving) != 1 || s.Serving[0].State != cert.ServingYes || s.Directory != "/shared" || s.ReloadedAt.IsZero() || s.WrittenAt.IsZero() {
			t.Errorf("the status is %+v", s)
		}
		if len(h.broker.told()) != 1 {
			t.Errorf("the broker was told %d times, want once", len(h.broker.told()))
		}
		h.restart()
		h.sleep(time.Hour)
		h.phase(cert.PhaseKept)
		if len(h.broker.told()) != 1 {
			t.Error("a restart has told the broker again")
		}
	})
}

// TestServedIsNotSaidOfAnother has a renewal that cannot be handed over: that the
// one before is served says nothing of it.
func TestServedIsNotSaidOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t).kept()
		defer func() { h.stop() }()
		before := h.status().Held.SHA256
		h.broker.set(func() { h.broker.writeErr = errors.New("no space left on device") })
		h.keeper.Renew()
		h.sleep(time.Minute)
		s := h.status()
		if s.Held.SHA256 == before {
			t.Fatal("it was not renewed")
		}
		if len(s.Serving) != 1 || s.Serving[0].State != cert.ServingUnknown || s.Phase != cert.PhaseHanding {
			t.Errorf("a certificate that the broker never got is said to be served: %+v, %s", s.Serving, s.Phase)
		}
	})
}

// TestStuck has a broker that goes on with the old certificate: it is told
// again at growing intervals, and the link says what is so, and in the end that
// what it serves has expired.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		h.tick = 10 * time.Minute
		h.kept()
		defer func() { h.stop() }()
		old := h.status().Held.Serial
		h.broker.set(func() { h.broker.stuck = true; h.broker.reloads = nil })
		h.keeper.Renew()
		h.sleep(time.Minute)
		h.phase(cert.PhaseHanding)
		h.says(fact.VerdictPass) // nobody needs to know yet
		h.sleep(50 * time.Minute)
		h.says(fact.VerdictWarn, "broker still serves another certificate", "serial "+old, "since 2000-01-01 00:01 UTC", "certfile and keyfile", "/shared")
		told := h.broker.told()
		for i, want := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute} {
			if got := told[i+1].Sub(told[i]); got != want {
				t.Errorf("reload %d came %s after the one before, want %s", i+2, got, want)
			}
		}
		h.sleep(90 * day)
		h.says(fact.VerdictFail, "expired", "clients refuse")
		h.broker.set(func() { h.broker.stuck = false })
		h.sleep(6*time.Hour + 10*time.Second)
		h.phase(cert.PhaseKept)
		h.says(fact.VerdictPass)
	})
}

// TestUnreachable holds that a broker which is not reached is neither said to
// serve another certificate nor told again and again.
func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		h.broker.down = true
		h.start()
		defer func() { h.stop() }()
		h.sleep(day)
		if s := h.status(); s.Serving[0].State != cert.ServingUnknown || s.Link.Verdict != fact.VerdictPass || s.Phase != cert.PhaseHanding {
			t.Errorf("the status is %+v", s)
		}
		if n := len(h.broker.told()); n != 1 {
			t.Errorf("it was told %d times", n)
		}
		h.broker.set(func() { h.broker.down = false })
		h.sleep(6 * time.Minute)
		h.phase(cert.PhaseKept)
	})
}

// TestByOthers leaves the reload to a watcher, which comes or does not.
func TestByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t).kept()
		defer func() { h.stop() }()
		h.broker.set(func() { h.broker.reloadErr = deploy.ErrNoReload })
		h.keeper.Renew()
		h.sleep(115 * time.Second)
		h.says(fact.VerdictPass)
		h.sleep(2 * time.Minute)
		h.says(fact.VerdictWarn, "still serves another", "watcher", "Restart the broker")
		h.broker.set(func() { h.broker.serves = h.broker.folder.Pair.Leaf() })
		h.sleep(6 * time.Minute)
		h.says(fact.VerdictPass)
		h.phase(cert.PhaseKept)
	})
}

// TestReloadFails says why the broker cannot be told, and gets over it.
func TestReloadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		h.broker.reloadErr = errors.New("no process mosquitto is to be seen")
		h.start()
		defer func() { h.stop() }()
		h.sleep(3 * time.Minute)
		h.says(fact.VerdictWarn, "no process mosquitto", "certificate.reload")
		if s := h.status(); s.LastError == "" || s.Phase != cert.PhaseHanding {
			t.Errorf("the status is %+v", s)
		}
		// What was not told is told after a restart, though the folder has it.
		h.broker.set(func() { h.broker.reloadErr = nil })
		h.restart()
		h.sleep(time.Minute)
		h.phase(cert.PhaseKept)
		h.says(fact.VerdictPass)
	})
}

// TestFolder fills an emptied folder again, and says when it cannot write.
func TestFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t).kept()
		defer func() { h.stop() }()
		h.broker.set(func() { h.broker.folder = deploy.Handed{} })
		h.sleep(6 * time.Minute)
		if h.broker.folder.Pair.IsZero() {
			t.Error("the folder is still empty")
		}
		h.broker.set(func() { h.broker.folder = deploy.Handed{}; h.broker.writeErr = errors.New("no space left on device") })
		h.keeper.Kick()
		h.sleep(3 * time.Minute)
		h.says(fact.VerdictWarn, "no space left", "/shared")
		h.broker.set(func() { h.broker.writeErr = nil })
		h.sleep(time.Minute + 10*time.Second)
		h.says(fact.VerdictPass)
		if h.broker.folder.Pair.IsZero() {
			t.Error("the folder is still empty")
		}
	})
}

// TestKindChanged tells to restart a broker that goes on with the certificate of
// the old kind of key.
func TestKindChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		h.cfg.Key = keys.RSA2048
		h.kept()
		defer func() { h.stop() }()
		h.stop()
		h.broker.stuck, h.cfg.Key = true, keys.P256
		h.start()
		h.sleep(5 * time.Minute)
		h.says(fact.VerdictWarn, "still serves another", "Restart the broker once", "kind of key")
		h.broker.set(func() { h.broker.serves = h.broker.folder.Pair.Leaf() })
		h.sleep(20 * time.Minute)
		h.says(fact.VerdictPass)
		if l := h.status().Link.Evidence; !strings.Contains(strings.Join(l, " "), "changed from rsa-2048 to ecdsa-p256") {
			t.Errorf("the evidence is %q", l)
		}
	})
}
