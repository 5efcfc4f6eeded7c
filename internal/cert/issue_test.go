package cert_test

// Obtaining: what for, by which key, and what happens when it fails.

import (
	"crypto"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/fact"

	cert "github.com/edgeguard/edgeguard/internal/cert"
)

// TestBackoff holds the times of the attempts at a CA that is away, and what is
// said of it: nothing while there is time, then a warning, then a failure.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		h.tick = 10 * time.Minute
		h.kept()
		defer func() { h.stop() }()
		h.ca.set(func() { h.ca.fail, h.ca.attempts = fault("the CA is away"), nil })
		due := h.status().NextRenewalAt
		time.Sleep(time.Until(due) + 10*time.Second)
		synctest.Wait()
		if s := h.status(); s.Phase != cert.PhaseWaiting || s.LastError != "the CA is away" || s.NextAttemptAt.IsZero() {
			t.Errorf("the status is %+v", s)
		}
		h.says(fact.VerdictPass)
		time.Sleep(2 * day)
		synctest.Wait()
		if first := h.ca.attempts[0]; first.Before(due) || first.After(due.Add(2*time.Second)) {
			t.Errorf("the first attempt was at %s, it was due at %s", first, due)
		}
		for i, most := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360} {
			most *= time.Minute
			got := h.ca.attempts[i+1].Sub(h.ca.attempts[i]) - h.ca.takes
			if got < most/2 || got > most+time.Second {
				t.Errorf("attempt %d came %s after the one before, want %s to %s", i+2, got, most/2, most)
			}
		}
		h.says(fact.VerdictPass)
		time.Sleep(17 * day) // less than half of the thirty are left
		synctest.Wait()
		h.says(fact.VerdictWarn, "could not be renewed so far: the CA is away", "Do it.")
		time.Sleep(15 * day)
		synctest.Wait()
		h.says(fact.VerdictFail, "expired", "the CA is away", "Do it.")
		h.ca.set(func() { h.ca.fail = nil })
		time.Sleep(6*time.Hour + 10*time.Second)
		synctest.Wait()
		h.says(fact.VerdictPass)
		h.phase(cert.PhaseKept)
	})
}

// TestNotBefore respects the time that a CA names, but not beyond reason, and
// lets a person ask before.
func TestNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		began := time.Now()
		until := began.Add(2 * day)
		h.ca.fail = func() error { return &acme.Fault{Text: "too many requests", NotBefore: until} }
		h.start()
		defer func() { h.stop() }()
		time.Sleep(2*day - time.Minute)
		synctest.Wait()
		if _, n := h.ca.count(); n != 1 {
			t.Fatalf("%d attempts before the CA allows one", n)
		}
		h.says(fact.VerdictFail, "too many requests")
		until = began.Add(1000 * day)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if _, n := h.ca.count(); n != 2 {
			t.Fatalf("%d attempts, want 2", n)
		}
		h.keeper.Kick()
		synctest.Wait()
		if _, n := h.ca.count(); n != 2 {
			t.Fatal("a kick has made an attempt")
		}
		h.keeper.Renew()
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, n := h.ca.count(); n != 3 {
			t.Fatalf("%d attempts after a person asked, want 3", n)
		}
		h.ca.set(func() { h.ca.fail = nil })
		time.Sleep(9 * day)
		synctest.Wait()
		h.phase(cert.PhaseKept)
	})
}

// TestWanted obtains another certificate at once when the config wants another,
// and keeps serving the old one until then; the key stays where it can.
func TestWanted(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*home)
		why     string
		sameKey bool
		orders  int
	}{
		{"nothing", func(*home) {}, "", true, 1},
		{"fewer names", func(h *home) { h.cfg.Names = h.cfg.Names[:1] }, "", true, 1},
		{"a name", func(h *home) { h.cfg.Names = append(h.cfg.Names, "new.example.org") }, "new.example.org", true, 2},
		{"a wildcard", func(h *home) { h.cfg.Names = append(h.cfg.Names, "*.home.example.org") }, "*.home.example.org", true, 2},
		{"the server", func(h *home) { h.cfg.ACME.Directory = acme.LetsEncrypt }, "another ACME server", true, 2},
		{"the mode", func(h *home) { h.own() }, "another CA", true, 2},
		{"the kind of key", func(h *home) { h.cfg.Key = keys.RSA2048 }, "another kind of key", false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHome(t)
				h.cfg.Names = append(h.cfg.Names, "old.example.org")
				h.kept()
				h.stop()
				before := h.status()
				c.change(h)
				h.ca.fail = fault("not now")
				h.ca.open = map[string][]*x509.Certificate{} // another order
				h.start()
				defer func() { h.stop() }()
				time.Sleep(20 * time.Second)
				synctest.Wait()
				if h.status().Held.Serial != before.Held.Serial || h.broker.serves == nil {
					t.Fatal("the old certificate is not kept until there is another")
				}
				if c.orders == 2 {
					h.says(fact.VerdictWarn, "not now", c.why)
				}
				h.ca.set(func() { h.ca.fail = nil })
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				h.phase(cert.PhaseKept)
				h.orders(c.orders)
				if same := h.status().Held.SPKI == before.Held.SPKI; same != c.sameKey {
					t.Errorf("the key stayed: %t, want %t", same, c.sameKey)
				}
				if (h.status().Held.TasmotaFingerprint != "") != (h.cfg.Key == keys.RSA2048) {
					t.Errorf("the fingerprint is %q", h.status().Held.TasmotaFingerprint)
				}
			})
		})
	}
}

// TestKeys has the key stay over renewals, or be another each time.
func TestKeys(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := newHome(t)
			h.cfg.NewKey = fresh
			h.kept()
			defer func() { h.stop() }()
			for range 3 {
				h.keeper.Renew()
				time.Sleep(time.Minute)
				synctest.Wait()
			}
			h.orders(4)
			for i, key := range h.ca.keys[1:] {
				if same := key.(interface{ Equal(crypto.PublicKey) bool }).Equal(h.ca.keys[i]); same == fresh {
					t.Errorf("renewal %d had the same key: %t", i+1, same)
				}
			}
		})
	}
}

// TestNotAccepted refuses what a CA should not have issued, and goes on with the
// old one.
func TestNotAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t).kept()
		defer func() { h.stop() }()
		before := h.status().Held.Serial
		h.ca.set(func() { h.ca.names = func([]string) []string { return []string{"evil.example"} } })
		h.keeper.Renew()
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := h.status(); s.Held.Serial != before || !strings.Contains(s.LastError, "does not name home.example.org") {
			t.Errorf("the status is %+v", s)
		}
		h.ca.set(func() {
			h.ca.names, h.ca.open = nil, map[string][]*x509.Certificate{}
			h.ca.now = func() time.Time { return time.Now().Add(-300 * day) }
		})
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if s := h.status(); s.Held.Serial != before || !strings.Contains(s.LastError, "the clock here shows") {
			t.Errorf("the status is %+v", s)
		}
		h.says(fact.VerdictWarn, "NTP")
	})
}

// TestDamaged sets a pair that cannot be read aside, and obtains another; a key
// of an order that cannot be read is no obstacle either.
func TestDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t).kept()
		defer func() { h.stop() }()
		h.stop()
		path := filepath.Join(h.cfg.Folder, "current.pem")
		text, _ := os.ReadFile(path)
		write(t, path, text[:len(text)/2])
		write(t, filepath.Join(h.cfg.Folder, "next.key"), []byte("not a key"))
		write(t, filepath.Join(h.cfg.Folder, "state.json"), []byte("{"))
		write(t, filepath.Join(h.cfg.Folder, "own-ca.pem"), []byte("{"))
		h.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		h.phase(cert.PhaseKept)
		h.orders(2)
		if aside, err := os.ReadFile(path + ".bad"); err != nil || len(aside) != len(text)/2 {
			t.Errorf("it was not set aside: %v", err)
		}
		// Without the state the pair is taken as it is.
		h.stop()
		os.Remove(filepath.Join(h.cfg.Folder, "state.json"))
		h.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		h.phase(cert.PhaseKept)
		h.orders(2)
	})
}

// TestUnwritable spends no order where its key cannot be saved or the folder
// cannot be read, and loses none where the certificate cannot be saved.
func TestUnwritable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		below := filepath.Dir(h.cfg.Folder)
		write(t, filepath.Join(below, "file"), nil)
		folder := h.cfg.Folder
		h.cfg.Folder = filepath.Join(below, "file", "cert") // below a file
		h.start()
		defer func() { h.stop() }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if _, n := h.ca.count(); n != 0 {
			t.Fatal("a certificate was asked for although nothing can be saved")
		}
		h.says(fact.VerdictFail, "cannot be read", "Let edgeguard read")

		h.stop()
		h.cfg.Folder = folder
		blocked := filepath.Join(folder, "current.pem.tmp", "in the way")
		h.ca.issued = func() { // the disk fills up while the CA is at work
			if err := os.MkdirAll(blocked, 0o700); err != nil {
				t.Error(err)
			}
		}
		h.start()
		time.Sleep(time.Hour)
		synctest.Wait()
		h.orders(1)
		if s := h.status(); s.Held != nil || !strings.Contains(s.LastError, "cannot be saved") || h.broker.writes != 0 {
			t.Errorf("the status is %+v", s)
		}
		h.says(fact.VerdictFail, "cannot be saved", "Make room")
		h.ca.issued = nil
		if err := os.RemoveAll(filepath.Dir(blocked)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute + 5*time.Second)
		synctest.Wait()
		h.phase(cert.PhaseKept)
		if orders, attempts := h.ca.count(); orders != 1 || attempts != 1 {
			t.Errorf("%d orders, %d attempts", orders, attempts)
		}
	})
}

// TestEnd ends in the middle of an order; the next Keeper takes it up by the
// same key.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		h.ca.takes = 20 * time.Minute
		h.start()
		defer func() { h.stop() }()
		time.Sleep(10 * time.Minute)
		began := time.Now()
		h.stop()
		if time.Since(began) != 0 {
			t.Errorf("the end took %s", time.Since(began))
		}
		h.start()
		time.Sleep(time.Hour)
		synctest.Wait()
		h.phase(cert.PhaseKept)
		h.orders(1)
		sameKeys(t, "end", h.ca.keys)
	})
}

// TestNew refuses a config that lacks what its mode needs.
func TestNew(t *testing.T) {
	for _, cfg := range []cert.Config{
		{Mode: "acme!"}, {Mode: cert.ACME}, {Mode: cert.ACME, Names: []string{"a"}, Folder: "x"}, {Mode: cert.OwnCA, Names: []string{"a"}, Folder: "x"},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("New took %+v", cfg)
				}
			}()
			cert.New(cfg)
		}()
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
		t.Fatal(err)
	}
}
