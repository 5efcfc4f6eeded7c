package cert_test

// The CA's word on when to renew.

import (
	"crypto/x509"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/acme"

	cert "github.com/edgeguard/edgeguard/internal/cert"
)

// TestWindow follows the CA: a moment within its window, which a restart does
// not change, and at once where the window is moved into the past.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		var start, end time.Time
		h.ca.window = func(leaf *x509.Certificate) (acme.Window, error) {
			start, end = leaf.NotBefore.Add(40*day), leaf.NotBefore.Add(42*day)
			return acme.Window{Start: start, End: end, AskAgain: time.Now().Add(6 * time.Hour)}, nil
		}
		h.start()
		defer func() { h.stop() }()
		time.Sleep(time.Minute)
		synctest.Wait()
		h.phase(cert.PhaseKept)
		planned := h.status().NextRenewalAt
		if planned.Before(start) || planned.After(end) || h.status().RenewalReason != "the CA wants it renewed then" {
			t.Fatalf("it is renewed at %s, the window is %s to %s: %+v", planned, start, end, h.status())
		}
		for range 5 {
			h.restart()
			time.Sleep(time.Minute)
			synctest.Wait()
			if again := h.status().NextRenewalAt; !again.Equal(planned) {
				t.Fatalf("a restart has moved the renewal from %s to %s", planned, again)
			}
		}
		if h.ca.asks != 1 {
			t.Fatalf("the CA was asked %d times within six hours, want 1", h.ca.asks)
		}
		time.Sleep(10 * day)
		synctest.Wait()
		h.orders(1)
		if h.ca.asks < 39 || h.ca.asks > 42 {
			t.Errorf("the CA was asked %d times in ten days, want each six hours", h.ca.asks)
		}
		first := h.status().Held.Serial
		h.ca.set(func() {
			h.ca.window = func(leaf *x509.Certificate) (acme.Window, error) {
				if leaf.SerialNumber.Int64() > 2 {
					return acme.Window{}, acme.ErrNoWindow
				}
				return acme.Window{Start: time.Now().Add(-2 * day), End: time.Now().Add(-day), AskAgain: time.Now().Add(time.Hour)}, nil
			}
		})
		time.Sleep(6*time.Hour + 2*time.Minute)
		synctest.Wait()
		h.orders(2)
		if s := h.status(); s.Held.Serial == first || s.Phase != cert.PhaseKept {
			t.Fatalf("a window in the past did not renew: %+v", s)
		}
	})
}

// TestWindowHostile holds that a CA whose windows are always past, or far away,
// makes neither an order each minute nor an expiry.
func TestWindowHostile(t *testing.T) {
	for _, c := range []struct {
		name        string
		start, end  time.Duration // after the certificate's begin
		least, most int           // orders in 80 days
	}{
		{"always past", -day, -time.Hour, 300, 330},
		{"after the end", 1000 * day, 1001 * day, 1, 2},
		{"turned round", 20 * day, 10 * day, 1, 2},
		{"the whole life", -day, 91 * day, 1, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHome(t)
				h.tick = time.Hour
				h.ca.window = func(leaf *x509.Certificate) (acme.Window, error) {
					return acme.Window{Start: leaf.NotBefore.Add(c.start), End: leaf.NotBefore.Add(c.end), AskAgain: time.Now().Add(-time.Hour)}, nil
				}
				h.start()
				defer func() { h.stop() }()
				time.Sleep(80 * day)
				synctest.Wait()
				if n, _ := h.ca.count(); n < c.least || n > c.most {
					t.Errorf("%d orders in 80 days, want %d to %d", n, c.least, c.most)
				}
				if left := time.Until(h.status().Held.NotAfter); left < 10*day {
					t.Errorf("only %s are left", left)
				}
			})
		})
	}
}

// TestWindowUnknown holds that a CA which does not answer is asked more and more
// seldom, and that what it said before goes on to hold.
func TestWindowUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		h.ca.window = func(leaf *x509.Certificate) (acme.Window, error) {
			return acme.Window{Start: leaf.NotBefore.Add(40 * day), End: leaf.NotBefore.Add(41 * day), AskAgain: time.Now().Add(time.Hour)}, nil
		}
		h.start()
		defer func() { h.stop() }()
		time.Sleep(time.Minute)
		synctest.Wait()
		planned := h.status().NextRenewalAt
		h.ca.set(func() {
			h.ca.window = func(*x509.Certificate) (acme.Window, error) { return acme.Window{}, errors.New("away") }
		})
		time.Sleep(5 * day)
		synctest.Wait()
		if h.ca.asks > 40 {
			t.Errorf("a CA that does not answer was asked %d times in five days", h.ca.asks)
		}
		if again := h.status().NextRenewalAt; !again.Equal(planned) {
			t.Errorf("the renewal was moved from %s to %s", planned, again)
		}
	})
}
