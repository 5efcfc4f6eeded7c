package portmap_test

// Forwards that a person makes, and what is said of them.

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

func TestManualAsksNothingAndGivesTheSteps(t *testing.T) {
	for name, by := range map[string]func(*portmap.Config){
		"not enabled": func(c *portmap.Config) { c.Enabled = false },
		"no methods":  func(c *portmap.Config) { c.Methods = []fact.Method{} },
	} {
		keep(t, func(_ *gateway, c *portmap.Config) {
			by(c)
			c.GatewayAddr = func() (netip.Addr, error) { return netip.MustParseAddr("192.168.1.1"), nil }
		}, func(g *gateway, k *portmap.Keeper) {
			k.Kick("the router was found anew")
			k.Hint("an event of the router's")
			g.sleep(time.Hour)
			f := wantState(t, k, portmap.StateManual, fact.VerdictUnknown)
			if len(g.gets)+len(g.adds)+len(g.maps)+len(g.back)+len(g.dels) != 0 {
				t.Errorf("%s: the router was asked", name)
			}
			all := strings.Join(f.Steps, "\n")
			for _, want := range []string{"http://192.168.1.1/", "protocol TCP, external port 8883, to 192.168.1.10, internal port 8883", "this address for good"} {
				if !strings.Contains(all, want) {
					t.Errorf("%s: the steps are %q, without %q", name, f.Steps, want)
				}
			}
			if f.Method != "manual" || !strings.Contains(f.Action, "(1) Open the router's page, http://192.168.1.1/") || !strings.Contains(f.Action, "(5) ") {
				t.Errorf("%s: %+v", name, f)
			}
			if s := k.Status().Load().Link.Summary; s != "Forwarding port 8883 is left to you, and whether it is done cannot be seen from here." {
				t.Errorf("%s: the link says %q", name, s)
			}
		}, func(g *gateway, _ *portmap.Keeper) {
			if len(g.gets)+len(g.dels)+len(g.back) != 0 {
				t.Errorf("%s: the router was asked at the end", name)
			}
		})
	}
}

func TestManualWithoutARouterAtAll(t *testing.T) {
	k := portmap.New(portmap.Config{Forwards: []portmap.Forward{mqtt}}, nil)
	wantState(t, k, portmap.StateManual, fact.VerdictUnknown)
}

func TestManualIsCheckedFromInside(t *testing.T) {
	var seen portmap.Reach
	keep(t, func(g *gateway, c *portmap.Config) {
		c.Enabled = false
		c.Reached = func(service string) portmap.Reach {
			g.order()
			if service != "mqtt" {
				t.Errorf("asked for %q", service)
			}
			return seen
		}
	}, func(g *gateway, k *portmap.Keeper) {
		for _, c := range []struct {
			reach   portmap.Reach
			verdict fact.Verdict
			want    string
		}{
			{portmap.Reach{}, fact.VerdictUnknown, "cannot be seen from here"},
			{portmap.Reach{State: portmap.Reached, Words: "its certificate was shown at 11.22.33.44"}, fact.VerdictPass, "works: mqtt was reached at its public address (its certificate was shown at 11.22.33.44)"},
			{portmap.Reach{State: portmap.NotReached, Words: "no answer"}, fact.VerdictWarn, "the forward is missing, or the router does not lead its own home there (no NAT loopback)"},
			{portmap.Reach{Words: "it was not tried yet"}, fact.VerdictUnknown, "cannot be seen from here (it was not tried yet)"},
		} {
			seen = c.reach
			g.sleep(time.Minute)
			wantState(t, k, portmap.StateManual, c.verdict)
			link := k.Status().Load().Link
			if !strings.Contains(link.Summary, c.want) {
				t.Errorf("the link says %q, want %q", link.Summary, c.want)
			}
			seenFrom := strings.HasPrefix(link.Action, "Try mqtt from outside")
			if len(link.Action) > 512 {
				t.Errorf("%d octets, of which the end is cut off: %s", len(link.Action), link.Action)
			}
			if (link.Action == "") != (c.verdict == fact.VerdictPass) || seenFrom != (c.verdict == fact.VerdictWarn) {
				t.Errorf("with %v: %q", c.reach.State, link.Action)
			}
		}
		// What is seen comes in at once, and nobody is asked.
		seen = portmap.Reach{State: portmap.Reached}
		g.order()
		k.Refresh()
		g.sleep(0)
		wantState(t, k, portmap.StateManual, fact.VerdictPass)
		if len(g.gets) != 0 {
			t.Error("the router was asked")
		}
	}, nil)
}

func TestARouterThatSpeaksNothingIsLeftToThePerson(t *testing.T) {
	reached := portmap.Reach{}
	keep(t, func(g *gateway, c *portmap.Config) {
		noIGD(g, time.Hour)
		c.GatewayAddr = func() (netip.Addr, error) { return netip.MustParseAddr("192.168.1.1"), nil }
		c.Reached = func(string) portmap.Reach { g.order(); return reached }
	}, func(g *gateway, k *portmap.Keeper) {
		f := wantState(t, k, portmap.StateManual, fact.VerdictWarn)
		if !strings.Contains(f.Action, "UPnP") || len(f.Steps) != 5 || f.Router != "router at 192.168.1.1" {
			t.Errorf("%+v", f)
		}
		g.sleep(time.Hour)
		if n := len(g.gets); n < 12 || n > 40 {
			t.Errorf("asked %d times in an hour", n)
		}
		reached.State = portmap.Reached
		g.sleep(2 * time.Minute)
		wantState(t, k, portmap.StateManual, fact.VerdictPass)
		// Somebody switches UPnP on.
		g.onGet, g.onAdd, g.identity = nil, nil, "uuid:1"
		k.Kick("the router was found anew")
		g.sleep(0)
		if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Steps != nil || f.Reach != (portmap.Reach{}) {
			t.Errorf("%+v", f)
		}
		// A router that did it before and is silent now is no case for the steps.
		noIGD(g, time.Hour)
		g.sleep(3 * time.Minute)
		if f := wantState(t, k, portmap.StateFailed, fact.VerdictFail); !strings.Contains(f.LastError, "it did before") {
			t.Errorf("%+v", f)
		}
	}, nil)
}

func TestAnotherPortOutsideIsAWarning(t *testing.T) {
	keep(t, func(_ *gateway, c *portmap.Config) {
		c.Forwards = []portmap.Forward{{Service: "mqtt", Protocol: fact.TCP, ExternalPort: 443, Internal: broker}}
	}, func(g *gateway, k *portmap.Keeper) {
		f := wantState(t, k, portmap.StateActive, fact.VerdictWarn)
		for _, want := range []string{"port 443 outside and port 8883 at home", "DNS cannot change a port", "only port 8883 answers"} {
			if !strings.Contains(f.Warning, want) {
				t.Errorf("the warning is %q, without %q", f.Warning, want)
			}
		}
		if g.table[key{fact.TCP, 443}].Internal != broker || !strings.Contains(k.Status().Load().Link.Summary, "DNS cannot change a port") {
			t.Errorf("table %v, link %+v", g.table, k.Status().Load().Link)
		}
	}, nil)
}

func TestTCPAndUDPOfOnePortAreTwoForwards(t *testing.T) {
	keep(t, func(g *gateway, c *portmap.Config) {
		udp := mqtt
		udp.Service, udp.Protocol, udp.Internal = "coap", fact.UDP, netip.MustParseAddrPort("192.168.1.11:8883")
		c.Forwards = []portmap.Forward{mqtt, udp}
		g.put(fact.Mapping{Protocol: fact.UDP, ExternalPort: 8883, Internal: netip.MustParseAddrPort("192.168.1.20:8883"), Description: "xyz", Enabled: true})
	}, func(g *gateway, k *portmap.Keeper) {
		s := k.Status().Load()
		if s.Forwards[0].State != portmap.StateActive || s.Forwards[1].State != portmap.StateConflict {
			t.Errorf("status %+v", s.Forwards)
		}
		delete(g.table, key{fact.UDP, 8883})
		g.sleep(6 * time.Minute)
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if g.table[key{fact.UDP, 8883}].Internal.Addr() != netip.MustParseAddr("192.168.1.11") || g.table[tcp8883].Internal != broker {
			t.Errorf("table %v", g.table)
		}
	}, func(g *gateway, _ *portmap.Keeper) {
		if len(g.table) != 0 || !slices.Equal(g.dels, []uint16{8883, 8883}) {
			t.Errorf("left %v, deleted %v", g.table, g.dels)
		}
	})
	// By PCP too.
	keep(t, func(g *gateway, c *portmap.Config) {
		noIGD(g, time.Hour, fact.MethodPCP)
		udp := mqtt
		udp.Protocol = fact.UDP
		c.Forwards = []portmap.Forward{mqtt, udp}
	}, func(g *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if len(g.maps) != 2 || g.maps[0].Nonce == g.maps[1].Nonce || g.maps[1].Protocol != fact.UDP {
			t.Errorf("asked %+v", g.maps)
		}
		if s := k.Status().Load().Link.Summary; s != "All 2 ports are forwarded." {
			t.Errorf("the link says %q", s)
		}
	}, nil)
}

// In a container on a bridge, nobody knows who is on this host until it is told.
func TestPCPWithoutAnAddressOfOursAsksForIt(t *testing.T) {
	o := new(opener)
	for _, mode := range []portmap.RelayMode{portmap.RelayOff, portmap.RelayAuto} {
		prepare := relaying(o, mode, nil)
		keep(t, func(g *gateway, c *portmap.Config) {
			prepare(g, c)
			noIGD(g, time.Hour, fact.MethodPCP, fact.MethodNATPMP)
			g.local = netip.Addr{}
			c.GatewayAddr = func() (netip.Addr, error) { return netip.MustParseAddr("192.168.1.1"), nil }
		}, func(g *gateway, k *portmap.Keeper) {
			f := wantState(t, k, portmap.StateManual, fact.VerdictWarn)
			if !strings.HasPrefix(f.Action, "Set address under [lan]") || strings.Contains(f.Note+f.LastError, "relay") {
				t.Errorf("%+v", f)
			}
			if len(g.maps) != 0 || o.opened != 0 {
				t.Errorf("asked for %+v, with %d relays", g.maps, o.opened)
			}
		}, nil)
	}
}

// A router in secure mode says of a service elsewhere what it says of a port
// that is taken: without an address of ours, that is what is missing.
func TestSecureModeWithoutAnAddressOfOursAsksForIt(t *testing.T) {
	keep(t, func(g *gateway, c *portmap.Config) {
		g.local = netip.Addr{}
		g.onAdd = func(fact.Mapping) error { return fault(718) }
		c.GatewayAddr = func() (netip.Addr, error) { return netip.MustParseAddr("192.168.1.1"), nil }
	}, func(_ *gateway, k *portmap.Keeper) {
		if f := wantState(t, k, portmap.StateFailed, fact.VerdictFail); !strings.HasPrefix(f.Action, "Set address under [lan]") {
			t.Errorf("%+v", f)
		}
	}, nil)
}
