package portmap_test

// What PCP and NAT-PMP answer: refusals, addresses and leases of all kinds.

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

func TestRefusalsOfPCPAndNATPMPInPlainWords(t *testing.T) {
	for _, c := range []struct {
		method fact.Method
		code   uint16
		want   string
	}{
		{fact.MethodPCP, 2, "does not permit this forward (PCP code 2)"},
		{fact.MethodPCP, 3, "does not take the request (PCP code 3)"},
		{fact.MethodPCP, 4, "does not take the request (PCP code 4)"},
		{fact.MethodPCP, 5, "does not take the request (PCP code 5)"},
		{fact.MethodPCP, 6, "does not take the request (PCP code 6)"},
		{fact.MethodPCP, 7, "no address from its provider, or does not know it (PCP code 7)"},
		{fact.MethodPCP, 8, "table of forwards is full (PCP code 8)"},
		{fact.MethodPCP, 9, "does not forward TCP ports (PCP code 9)"},
		{fact.MethodPCP, 10, "holds as many forwards as the router allows it (PCP code 10)"},
		{fact.MethodPCP, 11, "cannot give port 8883 of its address (PCP code 11)"},
		{fact.MethodPCP, 12, "another NAT between this host and the router (PCP code 12)"},
		{fact.MethodPCP, 13, "does not take the request (PCP code 13)"},
		{fact.MethodPCP, 99, "told to, code 99"},
		{fact.MethodNATPMP, 2, "does not permit this forward (NAT-PMP code 2)"},
		{fact.MethodNATPMP, 3, "no address from its provider, or does not know it (NAT-PMP code 3)"},
		{fact.MethodNATPMP, 4, "table of forwards is full (NAT-PMP code 4)"},
		{fact.MethodNATPMP, 5, "does not take the request (NAT-PMP code 5)"},
	} {
		keep(t, func(g *gateway, _ *portmap.Config) {
			noIGD(g, time.Hour)
			g.onMap = func(q fact.Request) (fact.Grant, error) {
				if q.Method == c.method {
					return fact.Grant{}, mapFault(c.method, c.code)
				}
				return fact.Grant{}, fact.ErrNotSpoken
			}
		}, func(g *gateway, k *portmap.Keeper) {
			f := wantState(t, k, portmap.StateFailed, fact.VerdictFail)
			if !strings.Contains(f.LastError, c.want) || f.Action == "" {
				t.Errorf("%s %d: %+v, want %q", c.method, c.code, f, c.want)
			}
			g.sleep(2 * time.Hour)
			if n := len(g.maps); n < 4 || n > 60 {
				t.Errorf("%s %d: asked %d times in two hours", c.method, c.code, n)
			}
		}, nil)
	}
}

func TestWhatTheRouterSaysOfItsOwnAddressIsNoted(t *testing.T) {
	for addr, want := range map[string]string{
		"100.64.3.4":  "the router's own address is 100.64.3.4, which is not public",
		"0.0.0.0":     "it has no address of its own yet",
		"11.22.33.44": "granted by PCP, which cannot be read back",
	} {
		keep(t, func(g *gateway, _ *portmap.Config) {
			noIGD(g, time.Hour, fact.MethodPCP)
			g.onMap = func(q fact.Request) (fact.Grant, error) {
				return fact.Grant{External: netip.AddrPortFrom(netip.MustParseAddr(addr), q.ExternalPort), Lease: time.Hour}, nil
			}
		}, func(_ *gateway, k *portmap.Keeper) {
			if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); !strings.Contains(f.Note, want) {
				t.Errorf("%s: %+v, want %q", addr, f, want)
			}
		}, nil)
	}
}

// TestGrantsOfAnyLength: a lease of a second does not make a storm, and one of
// a century is not believed.
func TestGrantsOfAnyLength(t *testing.T) {
	for lease, most := range map[time.Duration]int{time.Second: 361, time.Minute: 140, 100 * 365 * 24 * time.Hour: 2} {
		keep(t, func(g *gateway, c *portmap.Config) {
			noIGD(g, lease, fact.MethodPCP)
			c.Methods = []fact.Method{fact.MethodPCP}
		}, func(g *gateway, k *portmap.Keeper) {
			f := wantState(t, k, portmap.StateActive, fact.VerdictPass)
			if f.LeaseExpiresAt.Sub(g.begin) > 7*24*time.Hour {
				t.Errorf("%v: ends at %v", lease, f.LeaseExpiresAt)
			}
			g.sleep(time.Hour)
			wantState(t, k, portmap.StateActive, fact.VerdictPass)
			if n := len(g.maps); n > most {
				t.Errorf("%v: asked %d times in an hour", lease, n)
			}
		}, nil)
	}
}

// A router whose rule denies the port says so by UPnP-IGD, and by PCP offers
// another: it is the rule that people must be told of, and nobody's taking.
func TestAPortThatIsOfferedAfterARefusalIsNoConflict(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.local = broker.Addr()
		g.onAdd = func(fact.Mapping) error { return fault(606) }
		g.onMap = func(q fact.Request) (fact.Grant, error) {
			return fact.Grant{External: netip.AddrPortFrom(wan, q.ExternalPort+1), Lease: time.Hour}, nil
		}
		g.onUnmap = func(fact.Request) error { return nil }
	}, func(g *gateway, k *portmap.Keeper) {
		if f := wantState(t, k, portmap.StateFailed, fact.VerdictFail); !strings.Contains(f.LastError, "error 606") || f.Conflict != "" {
			t.Errorf("%+v", f)
		}
		for _, m := range g.back {
			if m.ExternalPort != 8884 {
				t.Errorf("gave back %+v", m)
			}
		}
		if len(g.maps) == 0 || len(g.back) != len(g.maps) {
			t.Errorf("asked %d times and gave back %d", len(g.maps), len(g.back))
		}
	}, nil)
}
