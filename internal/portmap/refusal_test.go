package portmap_test

// Everything that goes wrong, and what is said of it.

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

func TestConflictIsNamedAndLeftAlone(t *testing.T) {
	for _, c := range []struct {
		holder fact.Mapping
		want   string
	}{
		{entry("192.168.1.20:8883", "xyz", 52*time.Minute), "port 8883 is held by 192.168.1.20 'xyz' for another 52 minutes"},
		{entry("192.168.1.20:8883", "", 0), "port 8883 is held by 192.168.1.20, without an end"},
		{entry("192.168.1.20:8883", "edgeguard mqtt", 0), "port 8883 is held by 192.168.1.20 'edgeguard mqtt', without an end"},
		{entry("192.168.1.10:1883", "xyz", 80*time.Hour), "port 8883 is held by port 1883 of 192.168.1.10 'xyz' for another 3 days"},
		// A lease of a week, a second after it was given.
		{entry("192.168.1.20:8883", "xyz", 7*24*time.Hour-time.Second), "port 8883 is held by 192.168.1.20 'xyz' for another 7 days"},
	} {
		keep(t, func(g *gateway, _ *portmap.Config) { g.put(c.holder) }, func(g *gateway, k *portmap.Keeper) {
			if f := wantState(t, k, portmap.StateConflict, fact.VerdictFail); f.Conflict != c.want || f.LastError != "" {
				t.Errorf("%q, want %q", f.Conflict, c.want)
			}
			g.sleep(30 * time.Minute)
			if n := len(g.gets); n < 6 || n > 8 {
				t.Errorf("looked %d times in half an hour, want every five minutes", n)
			}
			if len(g.adds) != 0 {
				t.Error("the port was asked for")
			}
		}, func(g *gateway, _ *portmap.Keeper) {
			if len(g.dels) != 0 || g.table[tcp8883].Internal != c.holder.Internal {
				t.Errorf("deleted %v, left %v", g.dels, g.table)
			}
		})
	}
}

func TestConflictEndsWithTheOthersLease(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) { g.put(entry("192.168.1.20:8883", "xyz", time.Minute)) },
		func(g *gateway, k *portmap.Keeper) {
			wantState(t, k, portmap.StateConflict, fact.VerdictFail)
			g.sleep(63 * time.Second)
			wantState(t, k, portmap.StateActive, fact.VerdictPass)
		}, nil)
}

func TestForwardSetUpByHandIsLeftAlone(t *testing.T) {
	byHand := entry(broker.String(), "my broker", 0)
	keep(t, func(g *gateway, _ *portmap.Config) { g.put(byHand) }, func(g *gateway, k *portmap.Keeper) {
		g.sleep(2 * time.Hour)
		if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); !strings.Contains(f.Note, "'my broker'") {
			t.Errorf("status %+v", f)
		}
		if len(g.adds) != 0 {
			t.Errorf("asked at %v", g.addTimes())
		}
	}, func(g *gateway, _ *portmap.Keeper) {
		if len(g.dels) != 0 || g.table[tcp8883] != byHand {
			t.Errorf("deleted %v, left %v", g.dels, g.table)
		}
	})
}

func TestForwardThatIsSwitchedOff(t *testing.T) {
	off := entry(broker.String(), "my broker", 0)
	off.Enabled = false
	keep(t, func(g *gateway, _ *portmap.Config) { g.put(off) }, func(g *gateway, k *portmap.Keeper) {
		if f := wantState(t, k, portmap.StateFailed, fact.VerdictFail); !strings.Contains(f.LastError, "switched off") || len(g.adds) != 0 {
			t.Errorf("status %+v", f)
		}
	}, nil)
}

func TestRefusalsInPlainWords(t *testing.T) {
	for code, want := range map[int]string{
		606: "does not permit", 724: "same port", 728: "table of forwards is full", 729: "set up in the router", 501: "without a reason",
		718: "secure mode refuses a forward to another host than the one asking", 715: "(error 715): it forwards only for one named host", 999: "error 999 (told to)",
	} {
		keep(t, func(g *gateway, _ *portmap.Config) { g.onAdd = func(fact.Mapping) error { return fault(code) } },
			func(g *gateway, k *portmap.Keeper) {
				f := wantState(t, k, portmap.StateFailed, fact.VerdictFail)
				if !strings.Contains(f.LastError, want) || f.Action == "" {
					t.Errorf("%d: %+v, want %q", code, f, want)
				}
				g.sleep(2 * time.Hour)
				if n := len(g.adds); n < 4 || n > 30 {
					t.Errorf("%d: asked %d times in two hours", code, n)
				}
				g.onAdd = nil
				g.sleep(30 * time.Minute)
				wantState(t, k, portmap.StateActive, fact.VerdictPass)
			}, nil)
	}
}

func TestRefusalBecauseTheWANIsNotPublic(t *testing.T) {
	now := time.Now()
	for want, seen := range map[string]fact.Observation{
		"WAN address is 100.64.3.4, which is not public: forwarding cannot work":  fact.KnownAddr(netip.MustParseAddr("100.64.3.4"), "igd", now),
		"WAN address is 192.168.0.2, which is not public: forwarding cannot work": fact.KnownAddr(netip.MustParseAddr("192.168.0.2"), "igd", now),
		"WAN address is missing or not public: forwarding cannot work":            fact.NoAddr("igd", now),
		"without a reason: error 501":                                             fact.UnknownAddr("igd", now),
	} {
		keep(t, func(g *gateway, _ *portmap.Config) {
			g.onAdd = func(fact.Mapping) error { return fault(501) }
			g.onExternal = func() (fact.Observation, error) { return seen, nil }
		}, func(_ *gateway, k *portmap.Keeper) {
			if f := wantState(t, k, portmap.StateFailed, fact.VerdictFail); !strings.Contains(f.LastError, want) {
				t.Errorf("%q, want %q", f.LastError, want)
			}
		}, nil)
	}
}

func TestConflictThatOnlyAddShows(t *testing.T) {
	taken := entry("192.168.1.20:8883", "xyz", 0)
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onAdd = func(fact.Mapping) error { g.put(taken); return fault(718) } // between our look and our asking
	}, func(_ *gateway, k *portmap.Keeper) {
		if f := wantState(t, k, portmap.StateConflict, fact.VerdictFail); !strings.Contains(f.Conflict, "192.168.1.20 'xyz'") {
			t.Errorf("%+v", f)
		}
	}, nil)
}

func TestUnknownOutcomeIsReadBackFirst(t *testing.T) {
	lost := errors.New("no certain answer to AddPortMapping")
	// It got through after all.
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onAdd = func(m fact.Mapping) error { g.put(m); return lost }
	}, func(g *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if len(g.adds) != 1 || len(g.gets) != 2 {
			t.Errorf("%d askings, %d reads", len(g.adds), len(g.gets))
		}
	}, func(g *gateway, _ *portmap.Keeper) {
		if len(g.table) != 0 {
			t.Errorf("left %v", g.table)
		}
	})
	// It did not, and for a while the router cannot be read either.
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onAdd = func(fact.Mapping) error {
			g.onGet = func(key) (fact.Mapping, error) { return fact.Mapping{}, lost }
			return lost
		}
	}, func(g *gateway, k *portmap.Keeper) {
		if f := wantState(t, k, portmap.StateUnconfirmed, fact.VerdictWarn); !strings.Contains(f.LastError, "could not confirm") {
			t.Errorf("%+v", f)
		}
		g.sleep(time.Minute)
		if len(g.adds) != 1 {
			t.Errorf("asked at %v without reading back", g.addTimes())
		}
		g.onGet, g.onAdd = nil, nil
		g.sleep(5 * time.Minute)
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
	}, nil)
	// It did not, and the router says so.
	keep(t, func(g *gateway, _ *portmap.Config) { g.onAdd = func(fact.Mapping) error { return lost } },
		func(_ *gateway, k *portmap.Keeper) {
			wantState(t, k, portmap.StateFailed, fact.VerdictFail)
		}, nil)
}

func TestReadBackThatFails(t *testing.T) {
	keep(t, nil, func(g *gateway, k *portmap.Keeper) {
		g.onGet = func(key) (fact.Mapping, error) { return fact.Mapping{}, errors.New("reset by peer") }
		g.sleep(5 * time.Minute)
		if f := wantState(t, k, portmap.StateUnconfirmed, fact.VerdictWarn); len(g.adds) != 1 {
			t.Errorf("asked at %v; %+v", g.addTimes(), f)
		}
	}, nil)
}

func TestTakenAndNotListed(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) { g.onAdd = func(fact.Mapping) error { return nil } },
		func(_ *gateway, k *portmap.Keeper) {
			if f := wantState(t, k, portmap.StateUnconfirmed, fact.VerdictWarn); !strings.Contains(f.LastError, "does not list it") {
				t.Errorf("%+v", f)
			}
		}, nil)
}

func TestRouterThatCannotBeReadIsStillAsked(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onGet = func(key) (fact.Mapping, error) { return fact.Mapping{}, fault(401) }
	}, func(g *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateUnconfirmed, fact.VerdictWarn)
		g.sleep(65 * time.Minute)
		if n := len(g.adds); n < 2 || n > 4 {
			t.Errorf("asked at %v, want at half life", g.addTimes())
		}
	}, nil)
}

func TestRenewalThatIsRefused(t *testing.T) {
	keep(t, nil, func(g *gateway, k *portmap.Keeper) {
		g.onAdd = func(fact.Mapping) error { return fault(606) }
		g.sleep(45 * time.Minute)
		f := wantState(t, k, portmap.StateActive, fact.VerdictWarn)
		if !strings.Contains(f.LastError, "stands, but renewing it failed") || f.LeaseExpiresAt.IsZero() {
			t.Errorf("%+v", f)
		}
		g.sleep(20 * time.Minute)
		wantState(t, k, portmap.StateFailed, fact.VerdictFail)
	}, nil)
}

func TestNoRouter(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onGet = func(key) (fact.Mapping, error) {
			return fact.Mapping{}, fmt.Errorf("%w 192.168.1.1", fact.ErrNoRouter)
		}
	}, func(g *gateway, k *portmap.Keeper) {
		f := wantState(t, k, portmap.StateManual, fact.VerdictWarn)
		if !strings.Contains(f.Action, "UPnP") || len(g.adds) != 0 {
			t.Errorf("%+v", f)
		}
		g.sleep(time.Hour)
		if n := len(g.gets); n < 12 || n > 40 {
			t.Errorf("asked %d times in an hour", n)
		}
		g.onGet = nil
		k.Kick("the router was found anew")
		g.sleep(0)
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
	}, nil)
}

func TestKicksDoNotHurryARouterThatKeepsRefusing(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) { g.onAdd = func(fact.Mapping) error { return fault(606) } },
		func(g *gateway, k *portmap.Keeper) {
			for range 600 {
				k.Kick("the router was found anew")
				g.sleep(time.Second)
			}
			if n := len(g.adds); n < 5 || n > 16 {
				t.Errorf("asked %d times in ten minutes of kicks", n)
			}
		}, nil)
}
