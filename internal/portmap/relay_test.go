package portmap_test

// The relay: when it is used, what the router is asked then, and that it ends.

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

// here is where the relay listens: this host, on the external port.
var here = netip.MustParseAddrPort("192.168.1.2:8883")

// opener makes relays that carry nothing, and knows which are open.
type opener struct {
	g      *gateway
	open   []*fakeRelay
	opened int
	err    func(listen netip.AddrPort) error
}

type fakeRelay struct {
	o              *opener
	listen, target netip.AddrPort
	broken         chan error
}

func (o *opener) listen(listen, target netip.AddrPort) (portmap.Relay, error) {
	o.g.order()
	if o.err != nil {
		if err := o.err(listen); err != nil {
			return nil, err
		}
	}
	r := &fakeRelay{o, listen, target, make(chan error)}
	o.g.order()
	o.open = append(o.open, r)
	o.opened++
	return r, nil
}

func (r *fakeRelay) Run(ctx context.Context) (err error) {
	select {
	case <-ctx.Done():
	case err = <-r.broken:
	}
	r.o.g.order()
	for i, other := range r.o.open {
		if other == r {
			r.o.open = append(r.o.open[:i:i], r.o.open[i+1:]...)
		}
	}
	r.o.g.order()
	return err
}

func (r *fakeRelay) Status() portmap.RelayStatus { return portmap.RelayStatus{Total: 7} }

// relaying prepares a keeper with relays in a mode, on a router that behaves
// like secure.
func relaying(o *opener, mode portmap.RelayMode, behave func(*gateway)) func(*gateway, *portmap.Config) {
	return func(g *gateway, c *portmap.Config) {
		o.g, c.Relay, c.OpenRelay = g, mode, o.listen
		if behave != nil {
			behave(g)
		}
	}
}

// secure makes g refuse forwards to other hosts than the one that asks.
func secure(code int) func(*gateway) {
	return func(g *gateway) {
		g.onAdd = func(m fact.Mapping) error {
			if m.Internal.Addr() != g.local {
				return fault(code)
			}
			if old, err := g.read(key{m.Protocol, m.ExternalPort}); err == nil && old.Internal.Addr() != g.local {
				return fault(718)
			}
			g.put(m)
			return nil
		}
	}
}

// wantRelayed holds that the router leads here and the relay to the broker.
func wantRelayed(t *testing.T, g *gateway, k *portmap.Keeper, o *opener) {
	t.Helper()
	f := wantState(t, k, portmap.StateActive, fact.VerdictPass)
	if len(o.open) != 1 || o.open[0].listen != here || o.open[0].target != broker || g.table[tcp8883].Internal != here {
		t.Fatalf("%d relays open, table %v", len(o.open), g.table)
	}
	if f.Relay == nil || f.Relay.Listen != here || f.Relay.Target != broker || f.Relay.Total != 7 {
		t.Errorf("%+v", f.Relay)
	}
	if s := k.Status().Load().Link.Summary; !strings.Contains(s, "edgeguard's relay, which carries it to 192.168.1.10:8883, as read back") {
		t.Errorf("the link says %q", s)
	}
}

func TestRelayWhereTheRouterRefusesOtherHosts(t *testing.T) {
	for _, code := range []int{718, 606} {
		o := new(opener)
		keep(t, relaying(o, portmap.RelayAuto, secure(code)), func(g *gateway, k *portmap.Keeper) {
			wantRelayed(t, g, k, o)
			g.sleep(10 * time.Hour)
			wantRelayed(t, g, k, o)
			direct := 0
			for _, a := range g.adds {
				if a.Internal == broker {
					direct++
				}
			}
			if direct != 1 {
				t.Errorf("%d: asked for the service itself %d times in ten hours, want once", code, direct)
			}
			// Once a day it is, and the relay stays where that is refused.
			g.sleep(15 * time.Hour)
			wantRelayed(t, g, k, o)
			if o.opened != 1 {
				t.Errorf("%d: %d relays were opened", code, o.opened)
			}
			g.onAdd = nil
			g.sleep(25 * time.Hour)
			if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); len(o.open) != 0 || g.table[tcp8883].Internal != broker || f.Relay != nil {
				t.Errorf("%d: %d relays are open though none is needed; table %v", code, len(o.open), g.table)
			}
		}, func(g *gateway, _ *portmap.Keeper) {
			if len(o.open) != 0 || len(g.table) != 0 {
				t.Errorf("%d: %d relays are open after the end; table %v", code, len(o.open), g.table)
			}
		})
	}
}

func TestRelayIsRememberedOverRestarts(t *testing.T) {
	o := new(opener)
	lives(t, func(l *life) { l.prepare = relaying(o, portmap.RelayAuto, secure(718)) }, func(l *life) {
		l.prepare = relaying(o, portmap.RelayAuto, secure(718))
		l.during = func(g *gateway, k *portmap.Keeper) {
			wantRelayed(t, g, k, o)
			for _, a := range g.adds {
				t.Errorf("asked for %+v though all was known", a)
			}
		}
	}, func(l *life) {
		l.prepare = func(g *gateway, c *portmap.Config) {
			relaying(o, portmap.RelayAuto, nil)(g, c)
			g.identity = "uuid:2"
			clear(g.table)
		}
		l.during = func(g *gateway, k *portmap.Keeper) {
			wantState(t, k, portmap.StateActive, fact.VerdictPass)
			if g.table[tcp8883].Internal != broker || len(o.open) != 0 {
				t.Errorf("another router, and %d relays; table %v", len(o.open), g.table)
			}
		}
	})
}

func TestRelayOffIsOffered(t *testing.T) {
	for _, code := range []int{718, 606} {
		o := new(opener)
		keep(t, relaying(o, portmap.RelayOff, secure(code)), func(_ *gateway, k *portmap.Keeper) {
			if f := wantState(t, k, portmap.StateFailed, fact.VerdictFail); !strings.Contains(f.Action, `relay = "auto" under [portmap]`) || o.opened != 0 {
				t.Errorf("%d: %+v", code, f)
			}
		}, nil)
	}
}

func TestRelayOn(t *testing.T) {
	o := new(opener)
	keep(t, relaying(o, portmap.RelayOn, nil), func(g *gateway, k *portmap.Keeper) { wantRelayed(t, g, k, o) }, nil)
	// A service on this very host needs none.
	keep(t, relaying(o, portmap.RelayOn, func(g *gateway) { g.local = broker.Addr() }), func(g *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if len(o.open) != 0 || g.table[tcp8883].Internal != broker {
			t.Errorf("%d relays; table %v", len(o.open), g.table)
		}
	}, nil)
}

func TestRelayCarriesTCPOnly(t *testing.T) {
	o := new(opener)
	prepare := relaying(o, portmap.RelayAuto, secure(606))
	keep(t, func(g *gateway, c *portmap.Config) {
		prepare(g, c)
		c.Forwards = []portmap.Forward{{Service: "quic", Protocol: fact.UDP, ExternalPort: 443, Internal: netip.MustParseAddrPort("192.168.1.10:443")}}
	}, func(_ *gateway, k *portmap.Keeper) {
		if f := wantState(t, k, portmap.StateFailed, fact.VerdictFail); !strings.Contains(f.Action, "TCP only") || o.opened != 0 {
			t.Errorf("%+v", f)
		}
	}, nil)
}

func TestRelayWithPCP(t *testing.T) {
	o := new(opener)
	keep(t, relaying(o, portmap.RelayAuto, func(g *gateway) {
		noIGD(g, time.Hour, fact.MethodPCP)
		g.local = here.Addr()
	}), func(g *gateway, k *portmap.Keeper) {
		f := wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if f.Method != "pcp" || f.Relay == nil || g.maps[0].Internal != here {
			t.Errorf("%+v", f)
		}
		g.sleep(49 * time.Hour)
		if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Relay == nil || f.Down != 0 || o.opened != 1 {
			t.Errorf("%+v", f)
		}
	}, nil)
	if len(o.open) != 0 {
		t.Error("left open")
	}
	// No method at all: nothing is left listening.
	keep(t, relaying(o, portmap.RelayAuto, func(g *gateway) {
		noIGD(g, time.Hour)
		g.local = here.Addr()
	}), func(_ *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateManual, fact.VerdictWarn)
		if len(o.open) != 0 {
			t.Error("a relay listens for nobody")
		}
	}, nil)
}

func TestRelayThatCannotListen(t *testing.T) {
	o := &opener{err: func(netip.AddrPort) error { return syscall.EADDRINUSE }}
	keep(t, relaying(o, portmap.RelayOn, nil), func(g *gateway, k *portmap.Keeper) {
		f := wantState(t, k, portmap.StateFailed, fact.VerdictFail)
		if !strings.Contains(f.LastError, "cannot listen on 192.168.1.2:8883") || !strings.Contains(f.Action, "Free port 8883") {
			t.Errorf("%+v", f)
		}
		if len(g.adds) != 0 {
			t.Error("the router leads to a port that is somebody else's")
		}
		o.err = nil
		g.sleep(time.Minute)
		wantRelayed(t, g, k, o)
	}, nil)
	// In a container the host's address is not ours.
	o = &opener{err: func(listen netip.AddrPort) error {
		if listen == here {
			return syscall.EADDRNOTAVAIL
		}
		return nil
	}}
	keep(t, relaying(o, portmap.RelayOn, nil), func(g *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if o.open[0].listen != netip.MustParseAddrPort("0.0.0.0:8883") || g.table[tcp8883].Internal != here {
			t.Errorf("listens on %s, table %v", o.open[0].listen, g.table)
		}
	}, nil)
}

func TestRelayThatBreaksIsOpenedAgain(t *testing.T) {
	o := new(opener)
	keep(t, relaying(o, portmap.RelayOn, nil), func(g *gateway, k *portmap.Keeper) {
		g.sleep(10 * time.Second)
		o.open[0].broken <- errors.New("accept: too many open files")
		g.sleep(5 * time.Second)
		wantRelayed(t, g, k, o)
		// And where it cannot be, the router must not lead to whoever has the port.
		o.err = func(netip.AddrPort) error { return syscall.EADDRINUSE }
		o.open[0].broken <- errors.New("accept: too many open files")
		g.sleep(10 * time.Second)
		wantState(t, k, portmap.StateFailed, fact.VerdictFail)
		if len(g.table) != 0 {
			t.Errorf("left %v", g.table)
		}
	}, nil)
}

func TestRelayFollowsThisHostsAddress(t *testing.T) {
	o := new(opener)
	keep(t, relaying(o, portmap.RelayOn, rigid), func(g *gateway, k *portmap.Keeper) {
		g.local = netip.MustParseAddr("192.168.1.3")
		g.sleep(2 * time.Minute)
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		at := netip.AddrPortFrom(g.local, 8883)
		if len(o.open) != 1 || o.open[0].listen != at || g.table[tcp8883].Internal != at {
			t.Errorf("%d relays, table %v", len(o.open), g.table)
		}
	}, nil)
}
