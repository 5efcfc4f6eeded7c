package pinhole_test

// Whatever the instant of the stop, no pinhole of ours is left open.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
)

// slow is a firewall whose every call takes a while, and is carried out half
// way through it, whether the caller waits or not.
type slow struct {
	*firewall
	takes   time.Duration
	lateAdd time.Duration // for AddPinhole and Map instead; zero means takes
	named   string        // the identity once a call has been answered; empty means as it is
}

// made waits for what act does in the midst of a call.
func made[T any](ctx context.Context, s *slow, takes time.Duration, act func() (T, error)) (none T, err error) {
	if ctx.Err() != nil {
		return none, fmt.Errorf("calling: %w", context.Cause(ctx))
	}
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	time.AfterFunc(takes/2, func() {
		value, err := act()
		time.AfterFunc(takes/2, func() { done <- answer{value, err} })
	})
	select {
	case a := <-done:
		s.set(func() {
			if s.named != "" {
				s.identity = s.named
			}
		})
		return a.value, a.err
	case <-ctx.Done():
		return none, fmt.Errorf("calling: %w", context.Cause(ctx))
	}
}

func (s *slow) asking() time.Duration {
	if s.lateAdd > 0 {
		return s.lateAdd
	}
	return s.takes
}

func (s *slow) FirewallStatus(ctx context.Context) (enabled, inbound bool, err error) {
	got, err := made(ctx, s, s.takes, func() (both [2]bool, err error) {
		both[0], both[1], err = s.firewall.FirewallStatus(ctx)
		return both, err
	})
	return got[0], got[1], err
}

func (s *slow) AddPinhole(ctx context.Context, p fact.Pinhole) (uint16, error) {
	return made(ctx, s, s.asking(), func() (uint16, error) { return s.firewall.AddPinhole(ctx, p) })
}

func (s *slow) UpdatePinhole(ctx context.Context, id uint16, p fact.Pinhole) error {
	_, err := made(ctx, s, s.takes, func() (int, error) { return 0, s.firewall.UpdatePinhole(ctx, id, p) })
	return err
}

func (s *slow) CheckPinhole(ctx context.Context, id uint16, p fact.Pinhole) (bool, error) {
	return made(ctx, s, s.takes, func() (bool, error) { return s.firewall.CheckPinhole(ctx, id, p) })
}

func (s *slow) DeletePinhole(ctx context.Context, id uint16, p fact.Pinhole) error {
	_, err := made(ctx, s, s.takes, func() (int, error) { return 0, s.firewall.DeletePinhole(ctx, id, p) })
	return err
}

func (s *slow) Map(ctx context.Context, q fact.Request) (fact.Grant, error) {
	return made(ctx, s, s.asking(), func() (fact.Grant, error) { return s.firewall.Map(ctx, q) })
}

func (s *slow) Unmap(ctx context.Context, q fact.Request) error {
	_, err := made(ctx, s, s.takes, func() (int, error) { return 0, s.firewall.Unmap(ctx, q) })
	return err
}

// stopAt runs a keeper on a slow router and stops it at an instant. It returns
// the log, how long the stop took, and what is open when all that was asked for
// has been carried out.
func stopAt(t *testing.T, at time.Duration, prepare func(*slow, *pinhole.Config)) (log string, took time.Duration, left map[netip.AddrPort]bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		s := &slow{firewall: newFirewall(), takes: 300 * time.Millisecond}
		cfg := config(s.firewall)
		cfg.Log = slog.New(slog.NewTextHandler(&text, nil))
		if prepare != nil {
			prepare(s, &cfg)
		}
		k := pinhole.New(cfg, s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		time.Sleep(at)
		stopped := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
		took = time.Since(stopped)
		// What was asked for to learn its number, and came too late to be closed
		// by it, ends within a minute.
		time.Sleep(70 * time.Second)
		synctest.Wait()
		log, left = text.String(), s.open()
	})
	return log, took, left
}

// granting makes a firewall open what it is asked for by PCP, in place of port
// the port other where that is not 0.
func granting(f *firewall, other uint16) {
	f.onStatus = func() (bool, bool, error) { return false, false, fact.ErrNoFirewall }
	f.onMap = func(q fact.Request) (fact.Grant, error) {
		f.table[1] = fact.Pinhole{Protocol: q.Protocol, Internal: q.Internal, Lease: q.Lease}
		f.ends[1] = time.Now().Add(q.Lease)
		port := q.ExternalPort
		if other != 0 {
			port = other
		}
		return fact.Grant{External: netip.AddrPortFrom(q.Internal.Addr(), port), Lease: q.Lease}, nil
	}
	f.onUnmap = func(fact.Request) error {
		delete(f.table, 1)
		return nil
	}
}

func TestAStopAtAnyInstantLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		until   time.Duration
		prepare func(*slow, *pinhole.Config)
	}{
		"a first round": {3 * time.Second, nil},
		"a router that is known by its address first": {4 * time.Second, func(s *slow, _ *pinhole.Config) {
			s.identity, s.named = "192.168.1.1", "uuid:1"
		}},
		"a router whose name comes late": {3 * time.Second, func(s *slow, _ *pinhole.Config) {
			s.identity, s.named = "", "uuid:1"
		}},
		"renewals": {4 * time.Second, func(_ *slow, c *pinhole.Config) { c.Lease = 2 * time.Second }},
		"a pinhole that is gone at once": {4 * time.Second, func(s *slow, c *pinhole.Config) {
			c.Check = time.Second
			s.onCheck = func(uint16) (bool, error) { return false, fault(704) }
		}},
		"PCP":                           {3 * time.Second, func(s *slow, _ *pinhole.Config) { granting(s.firewall, 0) }},
		"PCP that opens another":        {3 * time.Second, func(s *slow, _ *pinhole.Config) { granting(s.firewall, 8884) }},
		"an opening that outlasts us":   {8 * time.Second, func(s *slow, _ *pinhole.Config) { s.lateAdd = 7 * time.Second }},
		"a PCP grant that outlasts us":  {8 * time.Second, func(s *slow, _ *pinhole.Config) { granting(s.firewall, 0); s.lateAdd = 7 * time.Second }},
		"an address that changes early": {4 * time.Second, func(s *slow, _ *pinhole.Config) { s.onAdd = func(fact.Pinhole) error { s.address = moved; return nil } }},
	} {
		t.Run(name, func(t *testing.T) {
			for at := time.Duration(0); at <= c.until; at += 49 * time.Millisecond {
				log, took, left := stopAt(t, at, c.prepare)
				if len(left) != 0 {
					t.Errorf("stopped after %v, left open: %v\n%s", at, left, log)
				}
				// What is only slow is waited for, and nobody is alarmed.
				if (strings.Contains(log, "could not") || strings.Contains(log, "has not answered")) && !strings.Contains(name, "outlasts") {
					t.Errorf("stopped after %v, it warns:\n%s", at, log)
				}
				if took > 8*time.Second {
					t.Errorf("stopped after %v, it took %v", at, took)
				}
			}
		})
	}
}

// A router that had spoken PCP only is found by UPnP: it is the same one.
func TestARouterThatGetsItsNameIsTheSameOne(t *testing.T) {
	for _, kick := range []bool{true, false} {
		keep(t, func(f *firewall, _ *pinhole.Config) {
			granting(f, 0)
			f.identity = "192.168.1.1"
		}, func(f *firewall, k *pinhole.Keeper) {
			want(t, k, pinhole.StateActive)
			f.set(func() { f.identity = "uuid:1" })
			if kick {
				k.Kick("the router was found anew")
			}
			synctest.Wait()
			want(t, k, pinhole.StateActive)
		}, func(f *firewall) {
			if len(f.open()) != 0 {
				t.Errorf("left open: %v; asked for %s", f.open(), f.said())
			}
		})
	}
}

// What is left open is told, with its end.
func TestAStopThatLeavesSomethingSaysSo(t *testing.T) {
	lost := errors.New("no answer")
	for name, c := range map[string]struct {
		prepare func(*slow, *pinhole.Config)
		want    string
	}{
		"no answer": {func(s *slow, _ *pinhole.Config) { s.onDelete = func(uint16) error { return lost } },
			`level=WARN msg="could not close the pinhole; it stands until its lease ends" service=mqtt internal=[2a0e:77:1::10]:8883 until=2000-01-01T01:00:00.000Z`},
		"a refusal": {func(s *slow, _ *pinhole.Config) { s.onDelete = func(uint16) error { return fault(606) } },
			`level=WARN msg="the router does not let the pinhole be closed; it stands until its lease ends" service=mqtt internal=[2a0e:77:1::10]:8883 until=2000-01-01T01:00:00.000Z`},
		"no answer to the opening": {func(s *slow, _ *pinhole.Config) { s.onAdd = func(fact.Pinhole) error { return lost } },
			`msg="the router has not answered whether it opened the pinhole`},
	} {
		t.Run(name, func(t *testing.T) {
			if log, _, _ := stopAt(t, 5*time.Second, c.prepare); strings.Count(log, c.want) != 1 {
				t.Errorf("want once %q:\n%s", c.want, log)
			}
		})
	}
}
