package portmap_test

// A service that is not found yet: what is on the router for it stays.

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

func waitFor(f portmap.Forward) portmap.Forward {
	f.Internal = netip.AddrPort{}
	return f
}

func TestHandOverToOneThatWaitsWithdrawsNothing(t *testing.T) {
	succession(t, func(*gateway, *portmap.Config) {},
		func(g *gateway, _ *portmap.Keeper) {
			if len(g.table) != 1 {
				t.Fatalf("%v", g.table)
			}
		},
		func(c *portmap.Config) { c.Forwards, c.Waiting = nil, []portmap.Forward{waitFor(mqtt)} }, false,
		func(g *gateway, k *portmap.Keeper) {
			if l := k.Status().Load().Link; l.Verdict != fact.VerdictUnknown || !strings.Contains(l.Summary, "mqtt") {
				t.Errorf("the link is %+v", l)
			}
		},
		func(g *gateway, _ *portmap.Keeper) {
			if len(g.table) != 1 || deleted(g, mqtt.ExternalPort) != 0 {
				t.Errorf("the forward is gone: %v", g.table)
			}
		})
}

// What is there for it stays beside other forwards, which come and go.
func TestOthersGoOnBesideOneThatWaits(t *testing.T) {
	succession(t, func(*gateway, *portmap.Config) {},
		func(*gateway, *portmap.Keeper) {},
		func(c *portmap.Config) {
			c.Forwards, c.Waiting = []portmap.Forward{wireguard}, []portmap.Forward{waitFor(mqtt)}
		}, false,
		func(g *gateway, k *portmap.Keeper) {
			if len(g.table) != 2 || deleted(g, mqtt.ExternalPort) != 0 {
				t.Errorf("the router forwards %v", g.table)
			}
			if l := k.Status().Load().Link; l.Verdict != fact.VerdictUnknown {
				t.Errorf("the link is %+v", l)
			}
		}, func(g *gateway, _ *portmap.Keeper) {
			if len(g.table) != 1 {
				t.Errorf("the router forwards %v", g.table)
			}
		})
}
