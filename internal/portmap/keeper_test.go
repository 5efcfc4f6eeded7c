package portmap_test

// The ordinary life of a forward: made, kept, renewed, taken away.

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

func TestMadeReadBackRenewedAndTakenAway(t *testing.T) {
	keep(t, nil, func(g *gateway, k *portmap.Keeper) {
		f := wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if f.Method != "igd" || f.Router != g.Describe() || f.LastError != "" {
			t.Errorf("status %+v", f)
		}
		if d := f.LeaseExpiresAt.Sub(g.begin); d < 59*time.Minute || d > time.Hour {
			t.Errorf("the lease ends after %v", d)
		}
		if want := entry(broker.String(), "edgeguard mqtt", time.Hour); g.adds[0].Mapping != want {
			t.Errorf("asked for %+v, want %+v", g.adds[0].Mapping, want)
		}
		if len(g.gets) != 2 {
			t.Errorf("%d reads at the start, want one before and one after", len(g.gets))
		}
		g.sleep(59 * time.Second)
		if len(g.gets) < 3 || g.gets[2] < 30*time.Second {
			t.Errorf("read again at %v, want between 30 and 60 s", g.gets[2:])
		}
		g.sleep(2 * time.Hour)
		times := g.addTimes()
		for i := 1; i < len(times); i++ {
			if gap := times[i] - times[i-1]; gap < 29*time.Minute || gap > 31*time.Minute {
				t.Errorf("renewed after %v, want half life", gap)
			}
		}
		if len(times) != 5 {
			t.Errorf("asked at %v, want five times in two hours", times)
		}
	}, func(g *gateway, _ *portmap.Keeper) {
		if !slices.Equal(g.dels, []uint16{8883}) || len(g.table) != 0 {
			t.Errorf("deleted %v, left %v", g.dels, g.table)
		}
	})
}

func TestMissingIsMadeAgainAtOnce(t *testing.T) {
	keep(t, nil, func(g *gateway, k *portmap.Keeper) {
		g.sleep(10 * time.Minute)
		delete(g.table, tcp8883)
		g.sleep(time.Minute)
		if len(g.adds) != 2 {
			t.Fatalf("asked at %v", g.addTimes())
		}
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		delete(g.table, tcp8883)
		k.Kick("the router was found anew")
		g.sleep(0)
		if len(g.adds) != 3 {
			t.Errorf("a kick did not bring it back at once: %v", g.addTimes())
		}
	}, nil)
}

func TestOwnEntryOfAnEarlierRunIsKept(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) { g.put(entry(broker.String(), "edgeguard mqtt", 50*time.Minute)) },
		func(g *gateway, k *portmap.Keeper) {
			wantState(t, k, portmap.StateActive, fact.VerdictPass)
			g.sleep(19 * time.Minute)
			if len(g.adds) != 0 {
				t.Errorf("asked at %v with more than half of it left", g.addTimes())
			}
			g.sleep(2 * time.Minute)
			if len(g.adds) != 1 {
				t.Errorf("asked at %v, want once, at half life", g.addTimes())
			}
		}, nil)
}

func TestGhostWithoutAnEndIsMadeAgain(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) { g.put(entry(broker.String(), "edgeguard mqtt", 0)) },
		func(g *gateway, k *portmap.Keeper) {
			if len(g.adds) != 1 || g.table[tcp8883].Lease != time.Hour {
				t.Fatalf("asked at %v, table %v", g.addTimes(), g.table)
			}
			g.sleep(5 * time.Minute)
			g.put(entry(broker.String(), "edgeguard mqtt", 0)) // the router has restarted
			g.sleep(time.Minute)
			if len(g.adds) != 2 {
				t.Errorf("asked at %v", g.addTimes())
			}
			wantState(t, k, portmap.StateActive, fact.VerdictPass)
		}, nil)
}

func TestRouterThatShowsNoLeasesIsRenewedByTheClock(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onGet = func(k key) (fact.Mapping, error) {
			m, err := g.read(k)
			m.Lease = 0
			return m, err
		}
	}, func(g *gateway, _ *portmap.Keeper) {
		g.sleep(65 * time.Minute)
		if n := len(g.adds); n != 3 {
			t.Errorf("asked at %v, want every half hour", g.addTimes())
		}
	}, nil)
}

func TestRouterThatAlwaysShowsTheWholeLease(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onGet = func(k key) (fact.Mapping, error) {
			m, err := g.read(k)
			if err == nil {
				m.Lease = time.Hour
			}
			return m, err
		}
	}, func(g *gateway, _ *portmap.Keeper) {
		g.sleep(65 * time.Minute)
		if n := len(g.adds); n != 3 {
			t.Errorf("asked at %v, want every half hour", g.addTimes())
		}
	}, nil)
}

func TestRenewalThatDoesNotLengthenTheLease(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onAdd = func(m fact.Mapping) error {
			if _, err := g.read(key{m.Protocol, m.ExternalPort}); err != nil {
				g.put(m)
			}
			return nil
		}
	}, func(g *gateway, k *portmap.Keeper) {
		g.sleep(3 * time.Hour)
		// At half life, and anew as the end nears.
		if n, d := len(g.adds), len(g.dels); n > 8 || d < 2 || d > 3 {
			t.Errorf("asked %d times in three hours, deleted %d times", n, d)
		}
		if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Down != 0 {
			t.Errorf("it was missing for %v", f.Down)
		}
		if gap := longestGap(g.gets); gap > 61*time.Second {
			t.Errorf("not looked at for %v", gap)
		}
	}, nil)
}

func longestGap(times []time.Duration) (longest time.Duration) {
	for i := 1; i < len(times); i++ {
		longest = max(longest, times[i]-times[i-1])
	}
	return longest
}

func TestOnlyPermanentLeases(t *testing.T) {
	for _, code := range []int{725, 402} {
		keep(t, func(g *gateway, _ *portmap.Config) {
			g.onAdd = func(m fact.Mapping) error {
				if m.Lease != 0 {
					return fault(code)
				}
				g.put(m)
				return nil
			}
		}, func(g *gateway, k *portmap.Keeper) {
			f := wantState(t, k, portmap.StateActive, fact.VerdictPass)
			if !f.LeaseExpiresAt.IsZero() || !strings.Contains(f.Note, "without an end") {
				t.Errorf("%d: status %+v", code, f)
			}
			g.sleep(2 * time.Hour)
			delete(g.table, tcp8883)
			g.sleep(time.Minute)
			var leases []time.Duration
			for _, a := range g.adds {
				leases = append(leases, a.Lease)
			}
			// Remembered: the third asking does not try an hour again.
			if !slices.Equal(leases, []time.Duration{time.Hour, 0, 0}) {
				t.Errorf("%d: asked for leases %v", code, leases)
			}
			// Another router is another matter.
			g.identity = "uuid:2"
			delete(g.table, tcp8883)
			g.sleep(60 * time.Second)
			if g.adds[3].Lease != time.Hour {
				t.Errorf("%d: another router was asked for %v", code, g.adds[3].Lease)
			}
		}, func(g *gateway, _ *portmap.Keeper) {
			if len(g.table) != 0 {
				t.Errorf("%d: left without an end in the router: %v", code, g.table)
			}
		})
	}
}

func TestLeasesThatEndAtOnceAreGivenUp(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onAdd = func(m fact.Mapping) error {
			if m.Lease > 0 {
				m.Lease = 5 * time.Second // DD-WRT
			}
			g.put(m)
			return nil
		}
	}, func(g *gateway, k *portmap.Keeper) {
		g.sleep(5 * time.Minute)
		f := wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if last := g.adds[len(g.adds)-1]; last.Lease != 0 || len(g.adds) > 6 {
			t.Errorf("asked %d times, last for %v; %+v", len(g.adds), last.Lease, f)
		}
	}, nil)
}

func TestDescriptionsThatTheRouterChanges(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onAdd = func(m fact.Mapping) error {
			m.Description = "UPnP"
			g.put(m)
			return nil
		}
	}, func(g *gateway, k *portmap.Keeper) {
		g.sleep(65 * time.Minute)
		if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); len(g.adds) != 3 || f.Note != "" {
			t.Errorf("asked at %v: it was not renewed as ours; %+v", g.addTimes(), f)
		}
	}, func(g *gateway, _ *portmap.Keeper) {
		if len(g.table) != 0 {
			t.Errorf("left in the router: %v", g.table)
		}
	})
}

func TestServiceThatMovedToAnotherPortOfTheSameHost(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.put(entry("192.168.1.10:1883", "edgeguard mqtt", 50*time.Minute))
	},
		func(g *gateway, k *portmap.Keeper) {
			wantState(t, k, portmap.StateActive, fact.VerdictPass)
			if g.table[tcp8883].Internal != broker {
				t.Errorf("table %v", g.table)
			}
		}, nil)
}

func TestStopDeletesOnlyWhatIsReadBackAsOurs(t *testing.T) {
	var before fact.Mapping
	keep(t, nil, func(g *gateway, _ *portmap.Keeper) {
		before = entry("192.168.1.20:8883", "edgeguard mqtt", 0)
		g.put(before) // somebody has taken the port since we last looked
	}, func(g *gateway, _ *portmap.Keeper) {
		if len(g.dels) != 0 || g.table[tcp8883] != before {
			t.Errorf("deleted %v, left %v", g.dels, g.table)
		}
	})
	keep(t, nil, func(g *gateway, _ *portmap.Keeper) {
		g.onGet = func(key) (fact.Mapping, error) { return fact.Mapping{}, errors.New("unreachable") }
	}, func(g *gateway, _ *portmap.Keeper) {
		if len(g.dels) != 0 {
			t.Errorf("deleted %v unread", g.dels)
		}
	})
}

func TestDescriptionIsPlainAndShort(t *testing.T) {
	keep(t, func(_ *gateway, c *portmap.Config) {
		c.Forwards[0].Service = "wörk\n" + strings.Repeat("x", 100)
	}, func(g *gateway, _ *portmap.Keeper) {
		if got := g.adds[0].Description; len(got) != 64 || !strings.HasPrefix(got, "edgeguard w_rk_x") {
			t.Errorf("described as %q", got)
		}
	}, nil)
}

func TestSeveralForwards(t *testing.T) {
	keep(t, func(g *gateway, c *portmap.Config) {
		c.Forwards = append(c.Forwards, portmap.Forward{Service: "web", Protocol: fact.TCP, ExternalPort: 443,
			Internal: netip.MustParseAddrPort("192.168.1.11:443")})
		g.put(entry("192.168.1.20:8883", "xyz", 0))
	}, func(g *gateway, k *portmap.Keeper) {
		s := k.Status().Load()
		if s.Forwards[0].State != portmap.StateConflict || s.Forwards[1].State != portmap.StateActive {
			t.Errorf("status %+v", s.Forwards)
		}
		if s.Link.Verdict != fact.VerdictFail || len(s.Link.Evidence) != 2 || !strings.Contains(s.Link.Summary, "mqtt") {
			t.Errorf("link %+v", s.Link)
		}
		delete(g.table, tcp8883)
		k.Kick("the router was found anew")
		g.sleep(0)
		if link := k.Status().Load().Link; link.Verdict != fact.VerdictPass || !strings.Contains(link.Summary, "all 2 ports") {
			t.Errorf("link %+v", link)
		}
	}, func(g *gateway, _ *portmap.Keeper) {
		if len(g.table) != 0 {
			t.Errorf("left %v", g.table)
		}
	})
}

func TestNothingButTheTimeIsPublishedOnceAMinute(t *testing.T) {
	keep(t, func(_ *gateway, c *portmap.Config) { c.ReadBack = 10 * time.Second }, func(g *gateway, k *portmap.Keeper) {
		g.sleep(2 * time.Minute)
		before, changes := forward(k), 0
		for range 20 * 60 {
			_, changed := k.Status().Get()
			g.sleep(time.Second)
			select {
			case <-changed:
				changes++
				now := forward(k)
				if now.ReadBackAt.Sub(before.ReadBackAt) < time.Minute {
					t.Errorf("published again after %v", now.ReadBackAt.Sub(before.ReadBackAt))
				}
				before.ReadBackAt = now.ReadBackAt
				if !reflect.DeepEqual(before, now) {
					t.Errorf("readings that say the same were published: %+v, %+v", before, now)
				}
			default:
			}
		}
		if changes < 15 || changes > 20 {
			t.Errorf("%d changes in twenty minutes, want one a minute, of the time it was read back", changes)
		}
	}, nil)
}

func TestEntriesThatVanishAtOnceAreMadeWithoutAnEnd(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.onAdd = func(m fact.Mapping) error {
			if m.Lease == 0 {
				g.put(m)
			}
			return nil
		}
	}, func(g *gateway, k *portmap.Keeper) {
		g.sleep(5 * time.Minute)
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if n := len(g.adds); n != 3 {
			t.Errorf("asked at %v, want two leases and then none", g.addTimes())
		}
	}, nil)
}

func TestReadAgainWithinAMinuteHoweverSeldomOtherwise(t *testing.T) {
	keep(t, func(_ *gateway, c *portmap.Config) { c.ReadBack = 20 * time.Minute }, func(g *gateway, _ *portmap.Keeper) {
		g.sleep(time.Minute)
		if len(g.gets) != 3 || g.gets[2] < 30*time.Second {
			t.Errorf("read at %v, want once between 30 and 60 s after it was made", g.gets)
		}
		g.sleep(15 * time.Minute)
		if len(g.gets) != 3 {
			t.Errorf("read at %v, want no more for twenty minutes", g.gets)
		}
	}, nil)
}
