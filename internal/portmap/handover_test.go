package portmap_test

// One keeper after another under a changed config: what both want is not
// touched, and the rest is.

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

// succession runs a keeper of cfg, and then one of the config that change makes
// of it, to which the first hands over. Both may be looked at while they run.
func succession(t *testing.T, prepare func(*gateway, *portmap.Config), first func(*gateway, *portmap.Keeper), change func(*portmap.Config), relays bool, second, after func(*gateway, *portmap.Keeper)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		cfg := portmap.Config{Enabled: true, Forwards: []portmap.Forward{mqtt}, StateFile: filepath.Join(t.TempDir(), "forwards.json")}
		prepare(g, &cfg)
		run := func(k *portmap.Keeper) (stop func()) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- k.Run(ctx) }()
			synctest.Wait()
			return func() {
				g.order()
				cancel()
				if err := <-done; err != nil {
					t.Errorf("Run = %v", err)
				}
			}
		}
		old := portmap.New(cfg, g)
		stop := run(old)
		first(g, old)
		change(&cfg)
		next := portmap.New(cfg, g)
		old.HandOver(old, relays)
		old.HandOver(next, relays)
		stop()
		stop = run(next)
		second(g, next)
		stop()
		after(g, next)
	})
}

var wireguard = portmap.Forward{Service: "wg", Protocol: fact.UDP, ExternalPort: 51820, Internal: netip.AddrPortFrom(here.Addr(), 51820)}

// deleted counts how often the entry of a port was deleted.
func deleted(g *gateway, port uint16) (n int) {
	for _, p := range g.dels {
		if p == port {
			n++
		}
	}
	return n
}

func nothingLeft(t *testing.T) func(*gateway, *portmap.Keeper) {
	return func(g *gateway, _ *portmap.Keeper) {
		if len(g.table) != 0 {
			t.Errorf("left behind: %v", g.table)
		}
	}
}

func TestHandOverLeavesWhatIsStillWanted(t *testing.T) {
	gone := wireguard
	gone.ExternalPort = 51821
	succession(t, func(_ *gateway, c *portmap.Config) { c.Forwards = []portmap.Forward{mqtt, gone} },
		func(g *gateway, _ *portmap.Keeper) {
			if len(g.adds) != 2 {
				t.Fatalf("%d askings for two forwards", len(g.adds))
			}
			g.sleep(10 * time.Minute)
		},
		func(c *portmap.Config) { c.Forwards = []portmap.Forward{wireguard, mqtt}; c.Lease = 2 * time.Hour }, true,
		func(g *gateway, k *portmap.Keeper) {
			for _, f := range k.Status().Load().Forwards {
				if f.State != portmap.StateActive {
					t.Errorf("%+v", f)
				}
			}
			if len(g.adds) != 3 || g.adds[2].Protocol != fact.UDP || deleted(g, 8883) != 0 || deleted(g, 51821) != 1 {
				t.Errorf("asked for %v, deleted %v", g.adds, g.dels)
			}
			g.sleep(time.Hour) // it is renewed as ever
			wantActive(t, g)
		}, nothingLeft(t))
}

// wantActive holds that the router forwards to the broker.
func wantActive(t *testing.T, g *gateway) {
	t.Helper()
	if e, err := g.read(tcp8883); err != nil || e.Internal != broker {
		t.Errorf("the router forwards to %v, %v", e.Internal, err)
	}
}

// What is known is not forgotten for the moment until the next keeper has
// looked: the chain would say that nobody knows.
func TestHandOverTellsTheNextWhatIsKnown(t *testing.T) {
	cfg := portmap.Config{Enabled: true, Forwards: []portmap.Forward{mqtt, wireguard}}
	keep(t, nil, func(g *gateway, k *portmap.Keeper) {
		next := portmap.New(cfg, g)
		k.HandOver(next, true)
		if f := next.Status().Load().Forwards; f[0].State != portmap.StateActive || f[1].State != portmap.StatePending {
			t.Errorf("%+v", f)
		}
		cfg.Enabled = false
		byHand := portmap.New(cfg, g)
		k.HandOver(byHand, true)
		if f := byHand.Status().Load().Forwards; f[0].State != portmap.StateManual {
			t.Errorf("%+v", f)
		}
	}, nothingLeft(t))
}

func TestHandOverOfARelay(t *testing.T) {
	for name, c := range map[string]struct {
		from, to portmap.RelayMode
		relays   bool
		behave   func(*gateway)
		opened   int // relays, over both lives
		deleted  int // of the port's entry
	}{
		"as it was":             {portmap.RelayAuto, portmap.RelayAuto, true, secure(718), 1, 0},
		"other limits":          {portmap.RelayAuto, portmap.RelayAuto, false, secure(718), 2, 0},
		"from auto to on":       {portmap.RelayAuto, portmap.RelayOn, true, secure(718), 1, 0},
		"off":                   {portmap.RelayAuto, portmap.RelayOff, true, secure(718), 1, 1},
		"switched on":           {portmap.RelayOff, portmap.RelayOn, true, nil, 1, 1},
		"auto, and not needed":  {portmap.RelayOff, portmap.RelayAuto, true, nil, 0, 0},
		"auto, and then needed": {portmap.RelayOff, portmap.RelayAuto, true, secure(718), 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := new(opener)
			succession(t, relaying(o, c.from, c.behave), func(*gateway, *portmap.Keeper) {},
				func(cfg *portmap.Config) { cfg.Relay = c.to; cfg.Forwards = append(cfg.Forwards, wireguard) }, c.relays,
				func(g *gateway, k *portmap.Keeper) {
					relayed := c.to != portmap.RelayOff && c.opened > 0
					state := portmap.StateActive
					if !relayed && c.behave != nil {
						state = portmap.StateFailed
					}
					if f := forward(k); f.State != state || (f.Relay != nil) != relayed {
						t.Errorf("%+v", f)
					}
					if relayed && (len(o.open) != 1 || g.table[tcp8883].Internal != here) || !relayed && len(o.open) != 0 {
						t.Errorf("%d relays, table %v", len(o.open), g.table)
					}
					if o.opened != c.opened || deleted(g, 8883) != c.deleted {
						t.Errorf("%d relays were opened, want %d; the entry was deleted %d times, want %d", o.opened, c.opened, deleted(g, 8883), c.deleted)
					}
					if relayed { // one that breaks is opened again, whoever has it
						o.open[0].broken <- context.DeadlineExceeded
						g.sleep(time.Minute)
						if len(o.open) != 1 || o.opened != c.opened+1 {
							t.Errorf("%d relays, %d opened after one broke", len(o.open), o.opened)
						}
					}
				},
				func(g *gateway, k *portmap.Keeper) {
					nothingLeft(t)(g, k)
					if len(o.open) != 0 {
						t.Errorf("%d relays outlive their keeper", len(o.open))
					}
				})
		})
	}
}

// What another method made is taken away where that method is not to be used
// any more.
func TestHandOverWithoutTheMethod(t *testing.T) {
	succession(t, func(*gateway, *portmap.Config) {}, func(g *gateway, _ *portmap.Keeper) { wantActive(t, g) },
		func(c *portmap.Config) { c.Methods = []fact.Method{fact.MethodPCP} }, true,
		func(g *gateway, _ *portmap.Keeper) {
			if deleted(g, 8883) != 1 {
				t.Errorf("the entry was deleted %d times", deleted(g, 8883))
			}
		}, nothingLeft(t))
}

// A grant goes over with its nonce: it is neither given back nor another one.
func TestHandOverOfAGrant(t *testing.T) {
	own := mqtt
	own.Internal = here
	succession(t, func(g *gateway, c *portmap.Config) {
		c.Methods, c.Forwards = []fact.Method{fact.MethodPCP}, []portmap.Forward{own}
		g.onMap = func(q fact.Request) (fact.Grant, error) {
			return fact.Grant{External: netip.AddrPortFrom(netip.MustParseAddr("11.22.33.44"), q.ExternalPort), Lease: time.Hour}, nil
		}
		g.onUnmap = func(fact.Request) error { return nil }
	}, func(g *gateway, k *portmap.Keeper) { wantState(t, k, portmap.StateActive, fact.VerdictPass) },
		func(c *portmap.Config) { c.Forwards = append(c.Forwards, wireguard) }, true,
		func(g *gateway, k *portmap.Keeper) {
			g.sleep(45 * time.Minute) // and a renewal
			wantState(t, k, portmap.StateActive, fact.VerdictPass)
			var nonce [12]byte
			for _, m := range g.maps {
				if m.ExternalPort != 8883 {
					continue
				}
				if nonce == [12]byte{} {
					nonce = m.Nonce
				}
				if m.Nonce != nonce {
					t.Errorf("asked with another nonce: %+v", g.maps)
				}
			}
			if nonce == [12]byte{} || len(g.back) != 0 {
				t.Errorf("asked for %+v, given back %+v", g.maps, g.back)
			}
		},
		func(g *gateway, _ *portmap.Keeper) {
			if len(g.back) != 2 {
				t.Errorf("at the end %d of two grants were given back", len(g.back))
			}
		})
}
