package pinhole_test

// One keeper after another under a changed config.

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
)

// succession runs a keeper, and then one of the config that change makes, to
// which the first hands over; said is what the router was asked from the hand
// over on to the end of both.
func succession(t *testing.T, file string, change func(*firewall, *pinhole.Config), second func(*firewall, *pinhole.Keeper)) (said string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFirewall()
		cfg := config(f)
		cfg.StateFile = file
		old := pinhole.New(cfg, f)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- old.Run(ctx) }()
		synctest.Wait()
		want(t, old, pinhole.StateActive)
		f.said()
		change(f, &cfg)
		next := pinhole.New(cfg, f)
		old.HandOver(old)
		old.HandOver(next)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		go func() { done <- next.Run(ctx) }()
		synctest.Wait()
		second(f, next)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
		if open := f.open(); len(open) != 0 {
			t.Errorf("left open: %v", open)
		}
		said = f.said()
	})
	return said
}

func TestHandOverLeavesThePinholeOpen(t *testing.T) {
	for name, file := range map[string]string{"with a state file": stateFile(t), "without": ""} {
		t.Run(name, func(t *testing.T) {
			said := succession(t, file, func(_ *firewall, c *pinhole.Config) {
				more := c.Pinholes[0]
				more.Service, more.Port = "web", 443
				c.Pinholes = append([]pinhole.Pinhole{more}, c.Pinholes...)
			}, func(f *firewall, k *pinhole.Keeper) {
				for _, p := range k.Status().Load().Pinholes {
					if p.State != pinhole.StateActive {
						t.Errorf("%+v", p)
					}
				}
				if len(f.open()) != 2 {
					t.Errorf("open: %v", f.open())
				}
			})
			if want := "status, add, check 2, check 1, delete 2, delete 1"; said != want {
				t.Errorf("asked for: %s\nwant:      %s", said, want)
			}
		})
	}
}

func TestHandOverClosesWhatIsNotWanted(t *testing.T) {
	succession(t, stateFile(t), func(_ *firewall, c *pinhole.Config) { c.Pinholes = nil }, func(f *firewall, _ *pinhole.Keeper) {
		if len(f.open()) != 0 {
			t.Errorf("open: %v", f.open())
		}
	})
	succession(t, stateFile(t), func(_ *firewall, c *pinhole.Config) { c.Pinholes[0].Port = 443 }, func(f *firewall, k *pinhole.Keeper) {
		if open := f.open(); len(open) != 1 || open[at(f.address)] {
			t.Errorf("open: %v", open)
		}
	})
	// What UPnP opened is not left to a keeper that must not speak it.
	said := succession(t, stateFile(t), func(f *firewall, c *pinhole.Config) {
		c.Methods = []fact.Method{fact.MethodPCP}
		f.set(func() { f.onMap = func(fact.Request) (fact.Grant, error) { return fact.Grant{}, fact.ErrNotSpoken } })
	}, func(f *firewall, k *pinhole.Keeper) { want(t, k, pinhole.StateNone) })
	if !strings.Contains(said, "delete 1") {
		t.Errorf("asked for: %s", said)
	}
}
