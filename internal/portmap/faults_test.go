package portmap_test

// Every error code of UPnP-IGD: what is done about it, and what is said.

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

// TestEveryCodeHasItsReaction refuses each Add with one code, on a router that
// speaks nothing else, for a broker on this host or on another.
func TestEveryCodeHasItsReaction(t *testing.T) {
	hour := time.Hour
	for _, c := range []struct {
		code   int
		other  bool            // the broker is on another host
		leases []time.Duration // asked for in the first round
		reads  int             // in the first round
		want   string
		action string
	}{
		{401, false, []time.Duration{hour}, 1, "offers no way to add a forward (error 401)", "by hand"},
		{602, false, []time.Duration{hour}, 1, "offers no way to add a forward (error 602)", "by hand"},
		{402, false, []time.Duration{hour, 0}, 1, "with a lease and without", "by hand"},
		{501, false, []time.Duration{hour}, 1, "without a reason: error 501", "restarting it"},
		{606, false, []time.Duration{hour}, 1, "does not permit this forward (error 606)", "Allow this host"},
		{606, true, []time.Duration{hour}, 1, "192.168.1.10 is another host", "Run edgeguard on 192.168.1.10"},
		{714, false, []time.Duration{hour}, 1, "error 714", "restarting it"},
		{715, false, []time.Duration{hour}, 1, "only for one named host", "by hand"},
		{716, false, []time.Duration{hour}, 1, "takes port 8883 for no real port", "by hand"},
		{718, false, []time.Duration{hour}, 2, "is taken (error 718), but lists nobody", "choose another external_port"},
		{718, true, []time.Duration{hour}, 2, "secure mode refuses a forward to another host", "Run edgeguard on 192.168.1.10"},
		{724, false, []time.Duration{hour}, 1, "only to the same port inside", "the same"},
		{725, false, []time.Duration{hour, 0}, 1, "only forwards without an end", "by hand"},
		{726, false, []time.Duration{hour}, 1, "for all hosts in the internet", "by hand"},
		{727, false, []time.Duration{hour}, 1, "only all ports at once", "by hand"},
		{728, false, []time.Duration{hour}, 1, "table of forwards is full", "Delete forwards"},
		{729, false, []time.Duration{hour}, 1, "taken by a forward set up in the router", "Delete the router's own rule"},
		{732, false, []time.Duration{hour}, 1, "error 732", "by hand"},
		{899, false, []time.Duration{hour}, 1, "error 899 (told to)", "by hand"},
	} {
		keep(t, func(g *gateway, _ *portmap.Config) {
			if !c.other {
				g.local = broker.Addr()
			}
			g.onAdd = func(fact.Mapping) error { return fault(c.code) }
		}, func(g *gateway, k *portmap.Keeper) {
			f := wantState(t, k, portmap.StateFailed, fact.VerdictFail)
			if !strings.Contains(f.LastError, c.want) || !strings.Contains(f.Action, c.action) {
				t.Errorf("%d: %q, %q, want %q, %q", c.code, f.LastError, f.Action, c.want, c.action)
			}
			if len(g.adds) != len(c.leases) || len(g.gets) != c.reads {
				t.Fatalf("%d: asked %+v, read at %v", c.code, g.adds, g.gets)
			}
			for i, lease := range c.leases {
				if g.adds[i].Lease != lease {
					t.Errorf("%d: asked %d. for %v, want %v", c.code, i+1, g.adds[i].Lease, lease)
				}
			}
			g.onAdd = nil
			g.sleep(31 * time.Minute)
			wantState(t, k, portmap.StateActive, fact.VerdictPass)
		}, nil)
	}
}

func TestFritzBoxIsToldWhereToAllowIt(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.local, g.name = broker.Addr(), "AVM FRITZ!Box 7590 at 192.168.178.1"
		g.onAdd = func(fact.Mapping) error { return fault(606) }
	}, func(_ *gateway, k *portmap.Keeper) {
		if f := wantState(t, k, portmap.StateFailed, fact.VerdictFail); !strings.Contains(f.Action, "Selbstständige Portfreigaben") {
			t.Errorf("%+v", f)
		}
	}, nil)
}

// listing is a gateway that can list its table.
type listing struct {
	*gateway
	more bool
}

func (l listing) Table(context.Context, int) ([]fact.Mapping, bool, error) {
	var list []fact.Mapping
	for i, host := range []string{"192.168.1.30", "192.168.1.20", "192.168.1.20", "192.168.1.40"} {
		list = append(list, fact.Mapping{ExternalPort: uint16(i + 1), Internal: netip.AddrPortFrom(netip.MustParseAddr(host), 1)})
	}
	return list, l.more, nil
}

func TestAFullTableNamesWhoFillsIt(t *testing.T) {
	for more, want := range map[bool]string{
		false: "(error 728): it has 4 entries, and 192.168.1.20 holds the most of them, 2",
		true:  "(error 728): it has more than 4 entries, and",
	} {
		keepOn(t, func(g *gateway, _ *portmap.Config) portmap.Gateway {
			g.onAdd = func(fact.Mapping) error { return fault(728) }
			return listing{g, more}
		}, nil, func(_ *gateway, k *portmap.Keeper) {
			if f := wantState(t, k, portmap.StateFailed, fact.VerdictFail); !strings.Contains(f.LastError, want) {
				t.Errorf("%q, want %q", f.LastError, want)
			}
		}, nil)
	}
}

// TestLinksysSays501ForNoEntry: the conversation gives both errors then.
func TestLinksysSays501ForNoEntry(t *testing.T) {
	both := func(g *gateway) func(key) (fact.Mapping, error) {
		return func(k key) (fact.Mapping, error) {
			m, err := g.read(k)
			if err != nil {
				err = &bothErrors{err, fault(501)}
			}
			return m, err
		}
	}
	keep(t, func(g *gateway, _ *portmap.Config) { g.onGet = both(g) }, func(g *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		delete(g.table, tcp8883)
		g.sleep(time.Minute)
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
	}, nil)
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onGet = both(g)
		g.onAdd = func(fact.Mapping) error { return fault(718) }
	}, func(_ *gateway, k *portmap.Keeper) {
		if f := wantState(t, k, portmap.StateFailed, fact.VerdictFail); !strings.Contains(f.LastError, "names nobody else who holds the port") {
			t.Errorf("%+v", f)
		}
	}, nil)
}

type bothErrors struct{ a, b error }

func (e *bothErrors) Error() string   { return e.a.Error() + ": " + e.b.Error() }
func (e *bothErrors) Unwrap() []error { return []error{e.a, e.b} }

// TestLeasesShorterThanAskedFor: what a router gives is a whole lease.
func TestLeasesShorterThanAskedFor(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onAdd = func(m fact.Mapping) error {
			m.Lease = min(m.Lease, 10*time.Minute)
			g.put(m)
			return nil
		}
	}, func(g *gateway, k *portmap.Keeper) {
		g.sleep(time.Hour)
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if n := len(g.adds); n < 11 || n > 14 || len(g.dels) != 0 {
			t.Errorf("asked %d times in an hour, want at half of ten minutes; deleted %v", n, g.dels)
		}
	}, nil)
}

// TestTechnicolorsDay: the lease is a day, whatever is asked for.
func TestTechnicolorsDay(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onAdd = func(m fact.Mapping) error { m.Lease = 24 * time.Hour; g.put(m); return nil }
	}, func(g *gateway, k *portmap.Keeper) {
		g.sleep(25 * time.Hour)
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if n := len(g.adds); n != 3 {
			t.Errorf("asked at %v, want twice a day", g.addTimes())
		}
	}, nil)
}

// TestTakenIsReadBack: error 718 means what the router's table says then.
func TestTakenIsReadBack(t *testing.T) {
	off := entry(broker.String(), "edgeguard mqtt", time.Hour)
	off.Enabled = false
	for name, c := range map[string]struct {
		found   fact.Mapping
		err     error
		state   portmap.State
		verdict fact.Verdict
		want    string // in Conflict, LastError or Note
	}{
		"ours":         {entry(broker.String(), "edgeguard mqtt", 50*time.Minute), nil, portmap.StateActive, fact.VerdictPass, ""},
		"ours and off": {off, nil, portmap.StateFailed, fact.VerdictFail, "switched off there"},
		"by hand":      {entry(broker.String(), "my broker", 0), nil, portmap.StateActive, fact.VerdictPass, "'my broker'"},
		"another's":    {entry("192.168.1.20:8883", "xyz", 52*time.Minute), nil, portmap.StateConflict, fact.VerdictFail, "8883 is held by 192.168.1.20 'xyz' for another 52 minutes"},
		"unreadable":   {fact.Mapping{}, fault(401), portmap.StateFailed, fact.VerdictFail, "by whom could not be read"},
	} {
		keep(t, func(g *gateway, _ *portmap.Config) {
			g.onAdd = func(fact.Mapping) error {
				g.onGet = func(key) (fact.Mapping, error) { return c.found, c.err }
				return fault(718)
			}
		}, func(g *gateway, k *portmap.Keeper) {
			f := wantState(t, k, c.state, c.verdict)
			if !strings.Contains(f.Conflict+f.LastError+f.Note, c.want) {
				t.Errorf("%s: %+v, want %q", name, f, c.want)
			}
			if len(g.adds) != 1 || len(g.dels) != 0 {
				t.Errorf("%s: asked %d times, deleted %v", name, len(g.adds), g.dels)
			}
		}, nil)
	}
}

// TestTakenByOurOwnOtherMethod: the grant stands, and no forward is said to be
// another's.
func TestTakenByOurOwnOtherMethod(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.local = broker.Addr()
		g.onAdd = func(fact.Mapping) error { return fault(606) }
		g.grants(time.Hour, fact.MethodPCP)
	}, func(g *gateway, k *portmap.Keeper) {
		g.put(entry(broker.String(), "PCP MAP", time.Hour))
		g.onAdd = func(fact.Mapping) error { return fault(718) }
		k.Kick("the router was found anew")
		g.sleep(0)
		if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Method != "pcp" || len(g.adds) != 2 {
			t.Errorf("asked at %v: %+v", g.addTimes(), f)
		}
	}, nil)
}
