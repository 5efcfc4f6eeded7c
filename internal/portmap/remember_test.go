package portmap_test

// What outlives a restart, and what is ours by its record alone.

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

// lives runs one keeper after another with one state file and one table, each
// but the last ended by a power cut: the file stays as it was and so does the
// table.
func lives(t *testing.T, all ...func(life *life)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "forwards.json")
	var table map[key]fact.Mapping
	for i, each := range all {
		last := i == len(all)-1
		l := &life{}
		each(l)
		keep(t, func(g *gateway, c *portmap.Config) {
			c.StateFile = file
			for _, m := range table {
				g.put(m)
			}
			if l.prepare != nil {
				l.prepare(g, c)
			}
		}, func(g *gateway, k *portmap.Keeper) {
			if l.during != nil {
				l.during(g, k)
			}
			if !last {
				kill(t, file)
				table = map[key]fact.Mapping{}
				for k, m := range g.table {
					table[k] = m
				}
			}
		}, func(g *gateway, k *portmap.Keeper) {
			if l.after != nil {
				l.after(g, k)
			}
		})
		if !last {
			revive(t, file)
		}
	}
}

type life struct {
	prepare func(*gateway, *portmap.Config)
	during  func(*gateway, *portmap.Keeper)
	after   func(*gateway, *portmap.Keeper)
}

var movedTo = netip.MustParseAddrPort("192.168.1.30:8883")

// rigid makes g refuse to change an entry that leads to another host, as many
// routers do.
func rigid(g *gateway) {
	g.onAdd = func(m fact.Mapping) error {
		if old, err := g.read(key{m.Protocol, m.ExternalPort}); err == nil && old.Internal.Addr() != m.Internal.Addr() {
			return fault(718)
		}
		g.put(m)
		return nil
	}
}

func TestOurEntryToTheOldAddressIsReplaced(t *testing.T) {
	for name, behave := range map[string]func(*gateway){
		"overwrites": nil,
		"refuses":    rigid,
		"pretends": func(g *gateway) {
			g.onAdd = func(m fact.Mapping) error {
				if _, err := g.read(key{m.Protocol, m.ExternalPort}); err != nil {
					g.put(m)
				}
				return nil
			}
		},
	} {
		lives(t, func(*life) {}, func(l *life) {
			l.prepare = func(g *gateway, c *portmap.Config) {
				c.Forwards = slices.Clone(c.Forwards)
				c.Forwards[0].Internal = movedTo
				if behave != nil {
					behave(g)
				}
			}
			l.during = func(g *gateway, k *portmap.Keeper) {
				wantState(t, k, portmap.StateActive, fact.VerdictPass)
				if g.table[tcp8883].Internal != movedTo {
					t.Errorf("%s: table %v", name, g.table)
				}
				if want := behave != nil; want != (len(g.dels) == 1) {
					t.Errorf("%s: deleted %v", name, g.dels)
				}
			}
			l.after = func(g *gateway, _ *portmap.Keeper) {
				if len(g.table) != 0 {
					t.Errorf("%s: left %v", name, g.table)
				}
			}
		})
	}
}

func TestWithoutARecordAnothersEntryIsNeverTouched(t *testing.T) {
	for name, spoil := range map[string]func(*gateway){
		"another router":      func(g *gateway) { g.identity = "uuid:2" },
		"another description": func(g *gateway) { g.put(entry(broker.String(), "edgeguard web", time.Hour)) },
		"another client":      func(g *gateway) { g.put(entry("192.168.1.11:8883", "edgeguard mqtt", time.Hour)) },
	} {
		lives(t, func(*life) {}, func(l *life) {
			var before fact.Mapping
			l.prepare = func(g *gateway, c *portmap.Config) {
				c.Forwards = slices.Clone(c.Forwards)
				c.Forwards[0].Internal = movedTo
				spoil(g)
				before = g.table[tcp8883]
			}
			l.during = func(g *gateway, k *portmap.Keeper) {
				wantState(t, k, portmap.StateConflict, fact.VerdictFail)
				g.sleep(time.Hour / 2)
			}
			l.after = func(g *gateway, _ *portmap.Keeper) {
				if g.table[tcp8883] != before || len(g.dels)+len(g.adds) != 0 {
					t.Errorf("%s: asked %v, deleted %v, left %v", name, g.adds, g.dels, g.table)
				}
			}
		})
	}
}

func TestForwardsThatTheConfigNoLongerHasAreDeleted(t *testing.T) {
	web := portmap.Forward{Service: "web", Protocol: fact.TCP, ExternalPort: 443, Internal: netip.MustParseAddrPort("192.168.1.11:443")}
	both := func(l *life) {
		l.prepare = func(_ *gateway, c *portmap.Config) { c.Forwards = []portmap.Forward{mqtt, web} }
	}
	lives(t, both, func(l *life) {
		l.during = func(g *gateway, k *portmap.Keeper) {
			wantState(t, k, portmap.StateActive, fact.VerdictPass)
			if !slices.Equal(g.dels, []uint16{443}) || len(g.table) != 1 {
				t.Errorf("deleted %v, left %v", g.dels, g.table)
			}
		}
	}, func(l *life) {
		l.during = func(g *gateway, _ *portmap.Keeper) {
			if len(g.dels) != 0 {
				t.Errorf("deleted %v again", g.dels)
			}
		}
	})
	// Somebody has taken the port since.
	lives(t, both, func(l *life) {
		l.prepare = func(g *gateway, _ *portmap.Config) {
			m := g.table[key{fact.TCP, 443}]
			m.Description = "xyz"
			g.put(m)
		}
		l.after = func(g *gateway, _ *portmap.Keeper) {
			if slices.Contains(g.dels, 443) || len(g.table) != 1 {
				t.Errorf("deleted %v, left %v", g.dels, g.table)
			}
		}
	})
	// It cannot be read at first.
	lives(t, both, func(l *life) {
		l.prepare = func(g *gateway, _ *portmap.Config) {
			g.onGet = func(k key) (fact.Mapping, error) {
				if k.port == 443 {
					return fact.Mapping{}, errors.New("reset by peer")
				}
				return g.read(k)
			}
		}
		l.during = func(g *gateway, _ *portmap.Keeper) {
			g.sleep(5 * time.Minute)
			if len(g.dels) != 0 {
				t.Errorf("deleted %v unread", g.dels)
			}
			g.onGet = nil
			g.sleep(2 * time.Minute)
			if !slices.Equal(g.dels, []uint16{443}) {
				t.Errorf("deleted %v", g.dels)
			}
		}
	})
}

func TestPermanentLeasesAreRememberedOverRestarts(t *testing.T) {
	odd := func(g *gateway, _ *portmap.Config) {
		g.onAdd = func(m fact.Mapping) error {
			if m.Lease != 0 {
				return fault(725)
			}
			g.put(m)
			return nil
		}
	}
	lives(t, func(l *life) { l.prepare = odd }, func(l *life) {
		l.prepare = func(g *gateway, c *portmap.Config) {
			odd(g, c)
			clear(g.table)
		}
		l.during = func(g *gateway, k *portmap.Keeper) {
			wantState(t, k, portmap.StateActive, fact.VerdictPass)
			if len(g.adds) != 1 || g.adds[0].Lease != 0 {
				t.Errorf("asked %+v, want once, without an end", g.adds)
			}
		}
	})
}

func TestRouterThatChangesItsMindAboutLeases(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onAdd = func(m fact.Mapping) error {
			if m.Lease != 0 {
				return fault(725)
			}
			g.put(m)
			return nil
		}
	}, func(g *gateway, k *portmap.Keeper) {
		g.onAdd = func(m fact.Mapping) error { // a firmware update
			if m.Lease == 0 {
				return fault(402)
			}
			g.put(m)
			return nil
		}
		clear(g.table)
		g.sleep(2 * time.Minute)
		f := wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if f.LeaseExpiresAt.IsZero() || strings.Contains(f.Note, "without an end") {
			t.Errorf("%+v", f)
		}
	}, nil)
}

func TestADamagedStateFileStopsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "forwards.json")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	keep(t, func(_ *gateway, c *portmap.Config) { c.StateFile = file }, func(_ *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
	}, nil)
	if _, err := os.Stat(file + ".bad"); err != nil {
		t.Errorf("it was not set aside: %v", err)
	}
}

func TestACleanEndLeavesNothingToRemember(t *testing.T) {
	file := filepath.Join(t.TempDir(), "forwards.json")
	keep(t, func(_ *gateway, c *portmap.Config) { c.StateFile = file }, nil, nil)
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), "8883") {
		t.Errorf("the file says %s, %v", text, err)
	}
}

func TestARouterWithoutAnIdentityIsKnownByItsAddress(t *testing.T) {
	file := filepath.Join(t.TempDir(), "forwards.json")
	at := func(addr string) func(*gateway, *portmap.Config) {
		return func(g *gateway, c *portmap.Config) {
			c.StateFile = file
			c.GatewayAddr = func() (netip.Addr, error) { return netip.MustParseAddr(addr), nil }
			noIGD(g, time.Hour, fact.MethodNATPMP)
		}
	}
	for _, c := range []struct {
		addr  string
		first fact.Method
	}{{"192.168.1.1", fact.MethodPCP}, {"192.168.1.1", fact.MethodNATPMP}, {"192.168.2.1", fact.MethodPCP}} {
		keep(t, at(c.addr), func(g *gateway, k *portmap.Keeper) {
			wantState(t, k, portmap.StateActive, fact.VerdictPass)
			if g.maps[0].Method != c.first {
				t.Errorf("%s: asked by %v, want %s first", c.addr, g.methods(), c.first)
			}
		}, nil)
	}
}

func TestARouterThatTellsItsNameLaterIsTheSame(t *testing.T) {
	keep(t, func(g *gateway, c *portmap.Config) {
		c.GatewayAddr = func() (netip.Addr, error) { return netip.MustParseAddr("192.168.1.1"), nil }
		noIGD(g, time.Hour, fact.MethodPCP)
	}, func(g *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		g.identity, g.onGet, g.onAdd = "uuid:1", nil, nil
		k.Kick("the router was found anew")
		g.sleep(0)
		if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Method != "igd" || f.Down != 0 {
			t.Errorf("%+v", f)
		}
		if len(g.back) != 1 || g.back[0].Nonce != g.maps[0].Nonce {
			t.Errorf("gave back %+v", g.back)
		}
		// Its IGD goes, and PCP carries on until it is back.
		noIGD(g, time.Hour, fact.MethodPCP)
		g.sleep(2 * time.Minute)
		if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Method != "pcp" {
			t.Errorf("%+v", f)
		}
		g.identity, g.onGet, g.onAdd = "uuid:1", nil, nil
		k.Kick("the router was found anew")
		g.sleep(0)
		if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Method != "igd" || len(g.back) != 2 {
			t.Errorf("%+v, gave back %+v", f, g.back)
		}
	}, nil)
}

func TestWhatARouterGrantedDoesNotStandOnAnother(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.local = broker.Addr()
		g.onAdd = func(fact.Mapping) error { return fault(606) }
		g.grants(time.Hour, fact.MethodPCP)
	}, func(g *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		g.identity = "uuid:2"
		g.grants(time.Hour)
		g.sleep(0)
		k.Kick("the router was found anew")
		g.sleep(0)
		wantState(t, k, portmap.StateFailed, fact.VerdictFail)
	}, nil)
}

func TestOurOwnEntryIsNoConflictWhileItCannotBeRead(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) { g.local = broker.Addr() }, func(g *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		noIGD(g, time.Hour, fact.MethodPCP)
		give := g.onMap
		g.onMap = func(q fact.Request) (fact.Grant, error) {
			q.ExternalPort++
			return give(q)
		}
		g.sleep(2 * time.Minute)
		if f := wantState(t, k, portmap.StateUnconfirmed, fact.VerdictWarn); !strings.Contains(f.LastError, "edgeguard's own forward by UPnP-IGD may still hold") || len(g.back) == 0 {
			t.Errorf("%+v", f)
		}
		g.sleep(2 * time.Hour)
		wantState(t, k, portmap.StateConflict, fact.VerdictFail)
	}, nil)
}
