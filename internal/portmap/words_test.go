package portmap_test

// What people read of a forward: what happened, and what to do.

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

func TestWordsOfTheLink(t *testing.T) {
	lost := errors.New("the router did not answer within 5s")
	for name, c := range map[string]struct {
		prepare         func(*gateway, *portmap.Config)
		then            func(*gateway)
		summary, action string // parts
		never           string // in neither
	}{
		"a router that could never be asked": {func(g *gateway, _ *portmap.Config) {
			g.onGet = func(key) (fact.Mapping, error) { return fact.Mapping{}, lost }
		}, nil, "Whether the internet reaches mqtt is not known: the router could not be asked", "restarting it often helps", "does not forward"},
		"a renewal that fails": {nil, func(g *gateway) {
			g.onAdd = func(fact.Mapping) error { return fault(501) }
			g.sleep(32 * time.Minute)
		}, "the forward stands, but renewing it failed: the router refused the forward without a reason: error 501 (told to); it ends at 01:00 UTC unless that succeeds", "restarting", ""},
		"a router that fell silent": {nil, func(g *gateway) {
			noIGD(g, time.Hour)
			g.sleep(3 * time.Minute)
		}, "though it did before", "Look whether UPnP is still switched on in the router", "methods ="},
		"an entry that is called as ours": {func(g *gateway, _ *portmap.Config) {
			g.put(entry("192.168.1.20:8883", "edgeguard mqtt", 0))
		}, nil, "port 8883 is held by 192.168.1.20 'edgeguard mqtt', without an end", "another one's in this home", "wait for its end"},
		"an entry that is another's": {func(g *gateway, _ *portmap.Config) {
			g.put(entry("192.168.1.20:8883", "xyz", time.Hour))
		}, nil, "port 8883 is held by 192.168.1.20 'xyz' for another 60 minutes", "or wait for its end", "edgeguard's"},
		"PCP for another host": {func(g *gateway, c *portmap.Config) {
			c.Methods = []fact.Method{fact.MethodPCP}
		}, nil, "forward only to the host that asks, which is 192.168.1.2", "Run edgeguard on 192.168.1.10 itself", "UPnP in the router"},
		"a refusal that is told better than by another port": {func(g *gateway, c *portmap.Config) {
			onThisHost(c)
			g.onAdd = func(fact.Mapping) error { return fault(606) }
			speaking(g, 8884)
		}, nil, "the router does not permit this forward (error 606)", "Allow this host to forward ports", "8884"},
		"no router at all": {func(g *gateway, c *portmap.Config) {
			noIGD(g, time.Hour)
			c.GatewayAddr = func() (netip.Addr, error) { return netip.MustParseAddr("192.168.1.1"), nil }
		}, nil, "must be forwarded by hand", "(5) In the DHCP settings, let 192.168.1.10 keep this address for good.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			keep(t, c.prepare, func(g *gateway, k *portmap.Keeper) {
				if c.then != nil {
					c.then(g)
				}
				link := k.Status().Load().Link
				if !strings.Contains(link.Summary, c.summary) || !strings.Contains(link.Action, c.action) || len(link.Evidence) != 1 {
					t.Errorf("%+v", link)
				}
				if c.never != "" && strings.Contains(link.Summary+link.Action, c.never) {
					t.Errorf("it speaks of %q: %+v", c.never, link)
				}
				for _, text := range append(link.Evidence, link.Summary, link.Action) {
					if len(text) > 512 { // what is more is cut off
						t.Errorf("%d octets: %s", len(text), text)
					}
				}
			}, nil)
		})
	}
}
