package portmap_test

// Whatever the instant of the stop, nothing of ours is left.

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

// stopAt runs a keeper on a slow router and stops it at an instant. It returns
// the log, how long the stop took, and what stands at the end, when all that
// was asked for has been carried out.
func stopAt(t *testing.T, at time.Duration, prepare func(*slow, *portmap.Config)) (log string, took time.Duration, left map[key]fact.Mapping) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		s := &slow{gateway: newGateway(), takes: 300 * time.Millisecond, begun: map[string]int{}}
		cfg := portmap.Config{Enabled: true, Forwards: []portmap.Forward{mqtt}, Rand: rand.New(rand.NewPCG(1, 2)),
			GatewayAddr: func() (netip.Addr, error) { return netip.MustParseAddr("192.168.1.1"), nil },
			Log:         slog.New(slog.NewTextHandler(&text, nil))}
		if prepare != nil {
			prepare(s, &cfg)
		}
		k := portmap.New(cfg, s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()
		time.Sleep(at)
		stopped := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
		took = time.Since(stopped)
		time.Sleep(time.Minute)
		synctest.Wait()
		s.order()
		log, left = text.String(), s.table
	})
	return log, took, left
}

// onThisHost is a forward to the host that asks.
func onThisHost(c *portmap.Config) {
	here := mqtt
	here.Internal = netip.MustParseAddrPort("192.168.1.2:8883")
	c.Forwards = []portmap.Forward{here}
}

func TestAStopAtAnyInstantLeavesNothing(t *testing.T) {
	theirs, astray := entry("192.168.1.99:8883", "somebody", time.Hour), entry("192.168.1.10:1", "edgeguard mqtt", time.Hour)
	for name, c := range map[string]struct {
		until   time.Duration // the last instant of a stop
		prepare func(*slow, *portmap.Config)
	}{
		"a first round": {3 * time.Second, nil},
		"a router that is known by its address first": {3 * time.Second, func(s *slow, _ *portmap.Config) {
			s.identity, s.named = "192.168.1.1", "uuid:1"
		}},
		"a router whose name comes late": {3 * time.Second, func(s *slow, _ *portmap.Config) {
			s.identity, s.named = "", "uuid:1"
		}},
		"permanent leases only": {3 * time.Second, func(s *slow, _ *portmap.Config) {
			s.onAdd = func(m fact.Mapping) error {
				if m.Lease > 0 {
					return fault(725)
				}
				s.put(m)
				return nil
			}
		}},
		"renewals": {4 * time.Second, func(s *slow, c *portmap.Config) { c.Lease = 2 * time.Second }},
		"an entry of ours that leads elsewhere": {4 * time.Second, func(s *slow, _ *portmap.Config) {
			s.put(astray)
			s.onAdd = func(m fact.Mapping) error {
				if _, err := s.read(tcp8883); err == nil {
					return fault(718)
				}
				s.put(m)
				return nil
			}
		}},
		"PCP": {3 * time.Second, func(s *slow, c *portmap.Config) {
			onThisHost(c)
			c.Methods = []fact.Method{fact.MethodPCP}
			speaking(s.gateway, 0)
		}},
		"PCP where UPnP refuses": {4 * time.Second, func(s *slow, c *portmap.Config) {
			onThisHost(c)
			s.onAdd = func(fact.Mapping) error { return fault(606) }
			speaking(s.gateway, 0)
		}},
		"PCP that grants another port": {3 * time.Second, func(s *slow, c *portmap.Config) {
			onThisHost(c)
			c.Methods = []fact.Method{fact.MethodPCP}
			speaking(s.gateway, 8884)
		}},
		"two forwards": {5 * time.Second, func(s *slow, c *portmap.Config) {
			second := mqtt
			second.Service, second.ExternalPort, second.Internal = "web", 443, netip.MustParseAddrPort("192.168.1.10:443")
			c.Forwards = append(c.Forwards, second)
		}},
		"an Add that outlasts the patience at the end": {8 * time.Second, func(s *slow, _ *portmap.Config) { s.lateAdd = 7 * time.Second }},
		"a grant that outlasts it": {8 * time.Second, func(s *slow, c *portmap.Config) {
			onThisHost(c)
			c.Methods = []fact.Method{fact.MethodPCP}
			speaking(s.gateway, 0)
			s.lateAdd = 7 * time.Second
		}},
		"another's entry": {3 * time.Second, func(s *slow, _ *portmap.Config) { s.put(theirs) }},
	} {
		t.Run(name, func(t *testing.T) {
			for at := time.Duration(0); at <= c.until; at += 49 * time.Millisecond {
				log, took, left := stopAt(t, at, c.prepare)
				for k, m := range left {
					// What bears our mark and is not known to be ours is left
					// alone, unless it was in the way.
					if m.Internal != theirs.Internal && m.Internal != astray.Internal {
						t.Errorf("stopped after %v, %+v leads to %v\n%s", at, k, m.Internal, log)
					}
				}
				if name == "another's entry" && len(left) != 1 {
					t.Errorf("stopped after %v, another's entry is gone", at)
				}
				// What is only slow is waited for, and nobody is alarmed.
				if strings.Contains(log, "could not") || strings.Contains(log, "may come back") && !strings.Contains(name, "outlasts") {
					t.Errorf("stopped after %v, it warns:\n%s", at, log)
				}
				if took > 8*time.Second {
					t.Errorf("stopped after %v, it took %v", at, took)
				}
			}
		})
	}
}

// A relay goes on to listen until the router leads nobody to it any more.
func TestAStopAtAnyInstantWithARelay(t *testing.T) {
	for at := time.Duration(0); at <= 4*time.Second; at += 49 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			s := &slow{gateway: newGateway(), takes: 300 * time.Millisecond, begun: map[string]int{}}
			s.onAdd = func(m fact.Mapping) error {
				if m.Internal.Addr() != s.local {
					return fault(606)
				}
				s.put(m)
				return nil
			}
			open := 0
			cfg := portmap.Config{Enabled: true, Forwards: []portmap.Forward{mqtt}, Rand: rand.New(rand.NewPCG(1, 2)), Relay: portmap.RelayAuto,
				OpenRelay: func(_, _ netip.AddrPort) (portmap.Relay, error) {
					open++
					return relayUntil(func() {
						s.order()
						if open--; len(s.table) != 0 {
							t.Errorf("stopped after %v, the relay ends while the router leads to it", at)
						}
					}), nil
				}}
			k := portmap.New(cfg, s)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- k.Run(ctx) }()
			time.Sleep(at)
			cancel()
			<-done
			time.Sleep(time.Minute)
			s.order()
			if len(s.table) != 0 || open != 0 {
				t.Errorf("stopped after %v, left %v and %d relays", at, s.table, open)
			}
		})
	}
}

// relayUntil is a relay that calls a function at its end.
type relayUntil func()

func (r relayUntil) Run(ctx context.Context) error { <-ctx.Done(); r(); return nil }
func (relayUntil) Status() portmap.RelayStatus     { return portmap.RelayStatus{} }

// What is left behind for good is told, with its end.
func TestAStopThatLeavesSomethingSaysSo(t *testing.T) {
	gone := errors.New("no certain answer: connection refused")
	for name, c := range map[string]struct {
		prepare func(*slow, *portmap.Config)
		want    string
		longest time.Duration
	}{
		"no answer to the deletion": {func(s *slow, _ *portmap.Config) {
			s.onDelete = func(key) error { return gone }
		}, `msg="could not take the forward away; it stands until its lease ends" service=mqtt port=8883 router="Example Homegate at 192.168.1.1" err="no certain answer: connection refused" until=2000-01-01T00:59:59`, 5 * time.Second},
		"a deletion that is refused": {func(s *slow, _ *portmap.Config) {
			s.onDelete = func(key) error { return fault(606) }
		}, "606 (told to)\" until=2000-01-01T00:59:59", time.Second},
		"no end": {func(s *slow, _ *portmap.Config) {
			s.onAdd = func(m fact.Mapping) error {
				if m.Lease > 0 {
					return fault(725)
				}
				s.put(m)
				return nil
			}
			s.onDelete = func(key) error { return gone }
		}, "nothing tells when it ends: delete it in the router", 5 * time.Second},
		"a grant": {func(s *slow, c *portmap.Config) {
			onThisHost(c)
			c.Methods = []fact.Method{fact.MethodPCP}
			speaking(s.gateway, 0)
			s.onUnmap = func(fact.Request) error { return gone }
		}, "until=2000-01-01T01:00:00", 5 * time.Second},
		"a grant that a silent router keeps": {func(s *slow, c *portmap.Config) {
			onThisHost(c)
			c.Methods = []fact.Method{fact.MethodPCP}
			speaking(s.gateway, 0)
			s.onUnmap = func(fact.Request) error { return fact.ErrNotSpoken }
		}, "until=2000-01-01T01:00:00", 5 * time.Second},
		"an Add that nobody has answered": {func(s *slow, c *portmap.Config) {
			s.onAdd = func(fact.Mapping) error { return gone }
		}, `msg="the forward may come back; it stands until its lease ends"`, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			log, took, _ := stopAt(t, 5*time.Second, c.prepare)
			if strings.Count(log, c.want) != 1 || strings.Contains(log, "took the forward away") {
				t.Errorf("want once %q:\n%s", c.want, log)
			}
			if took > c.longest {
				t.Errorf("it took %v", took)
			}
		})
	}
	// One that was taken away at the second try is no warning.
	tries := 0
	log, _, left := stopAt(t, 5*time.Second, func(s *slow, _ *portmap.Config) {
		s.onDelete = func(k key) error {
			if tries++; tries == 1 {
				return gone
			}
			delete(s.table, k)
			return nil
		}
	})
	if strings.Contains(log, "WARN") || !strings.Contains(log, "took the forward away") || len(left) != 0 {
		t.Errorf("left %v:\n%s", left, log)
	}
}
