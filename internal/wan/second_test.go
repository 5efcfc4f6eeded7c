package wan_test

// The router in front of the router.

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/wan"
)

func TestSecondRouterIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		what  string
		found bool
		err   error
		want  string
		looks int32
	}{
		"found":     {"FRITZ!Box 7590 at 192.168.1.1", true, nil, "FRITZ!Box 7590 at 192.168.1.1 stands in front of the router", 2},
		"not found": {"", false, nil, "no second router answered", 2},
		"hostile":   {"a\x1b[31m\nb at 192.168.1.1", true, nil, "a[31m b at 192.168.1.1 stands", 2},
		"error":     {"", false, errors.New("out of order"), "", 20},
	} {
		t.Run(name, func(t *testing.T) {
			var looks atomic.Int32
			cfg := wan.Config{PollRouter: time.Minute, SecondRouter: func(_ context.Context, addr netip.Addr) (string, bool, error) {
				looks.Add(1)
				time.Sleep(time.Second)
				if addr.String() != "192.168.1.2" {
					t.Errorf("looked in front of %s", addr)
				}
				return c.what, c.found, c.err
			}}
			homeWith(t, cfg, func(t *testing.T, w *wan.Watcher) {
				wantVerdict(t, w, fact.VerdictFail)
				after(24 * time.Hour)
				link := w.Status().Load().Link
				wantVerdict(t, w, fact.VerdictFail)
				if !strings.Contains(strings.Join(link.Evidence, "\n"), c.want) || c.found && !strings.Contains(link.Summary, "192.168.1.1") {
					t.Errorf("link %+v", link)
				}
				if n := looks.Load(); n < 2 || n > c.looks+4 {
					t.Errorf("looked %d times in a day", n)
				}
			}, router(says("192.168.1.2")), outside("a", says("11.22.33.44")))
		})
	}
}

func TestSecondRouterIsNotLookedForElsewhere(t *testing.T) {
	for _, word := range []string{"11.22.33.44", "100.64.0.1", "192.0.0.2", "-", "none"} {
		cfg := wan.Config{SecondRouter: func(context.Context, netip.Addr) (string, bool, error) {
			t.Errorf("looked for although the router says %s", word)
			return "", false, nil
		}}
		homeWith(t, cfg, func(*testing.T, *wan.Watcher) { after(time.Hour) }, router(says(word)), outside("a", says("11.22.33.44")))
	}
}

func TestSecondRouterEndsWithTheWatcher(t *testing.T) {
	cfg := wan.Config{SecondRouter: func(ctx context.Context, _ netip.Addr) (string, bool, error) {
		<-ctx.Done()
		return "", false, ctx.Err()
	}}
	homeWith(t, cfg, func(*testing.T, *wan.Watcher) {}, router(says("192.168.1.2")), outside("a", says("11.22.33.44")))
}

func TestDiagnosisTellsTheNATsApart(t *testing.T) {
	for said, want := range map[string][]string{
		"192.168.1.2": {"double", "Double NAT", "bridge mode"},
		"100.64.3.4":  {"cgnat", "Carrier-grade NAT", "Ask the internet provider"},
		"192.0.0.2":   {"cgnat", "DS-Lite", "IPv6 only"},
		"11.22.33.55": {"", "hidden carrier-grade NAT", "one to one"},
	} {
		home(t, func(t *testing.T, w *wan.Watcher) {
			s := w.Status().Load()
			text := s.Link.Summary + s.Link.Action
			if s.NAT != want[0] || !strings.Contains(text, want[1]) || !strings.Contains(text, want[2]) || slices.Contains(s.Link.Evidence, "") {
				t.Errorf("%s: NAT %q, %q", said, s.NAT, text)
			}
			wantAddress(t, w, "unknown")
		}, router(says(said)), outside("a", says("11.22.33.44")))
	}
}
