package portmap_test

// What wakes the keeper, how often, and what is said of it afterwards.

import (
	"errors"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

func TestAHintBringsALookAtOnce(t *testing.T) {
	keep(t, nil, func(g *gateway, k *portmap.Keeper) {
		g.sleep(10 * time.Minute)
		delete(g.table, tcp8883)
		k.Hint("an event of the router's")
		g.sleep(0)
		f := wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if len(g.adds) != 2 || f.Woken != "an event of the router's" || f.Down == 0 || f.Down > time.Second {
			t.Errorf("asked at %v: %+v", g.addTimes(), f)
		}
		g.sleep(5 * time.Minute)
		if f := forward(k); f.Woken != "an event of the router's" || f.Down == 0 {
			t.Errorf("looks that found all well forgot what had happened: %+v", f)
		}
		delete(g.table, tcp8883)
		g.sleep(time.Minute)
		if f := forward(k); f.Woken != "" {
			t.Errorf("the clock found it, and the status says %+v", f)
		}
	}, nil)
}

func TestAFloodOfHintsIsOneLookInFiveSeconds(t *testing.T) {
	keep(t, nil, func(g *gateway, k *portmap.Keeper) {
		g.sleep(2 * time.Minute)
		before := len(g.gets)
		for range 10_000 {
			k.Hint("an event of the router's")
			time.Sleep(10 * time.Millisecond)
		}
		g.sleep(0)
		if n := len(g.gets) - before; n < 15 || n > 21 {
			t.Errorf("%d looks in 100 s of hints, want one in five seconds", n)
		}
		for i := before + 1; i < len(g.gets)-1; i++ {
			if gap := g.gets[i+1] - g.gets[i]; gap < 4900*time.Millisecond {
				t.Errorf("two looks %v apart", gap)
			}
		}
		// The last one is not lost.
		k.Hint("an event of the router's")
		g.sleep(time.Second)
		delete(g.table, tcp8883)
		k.Hint("an event of the router's")
		k.Hint("an event of the router's")
		g.sleep(5 * time.Second)
		if len(g.table) != 1 {
			t.Error("the last hint of a flood was lost")
		}
	}, nil)
}

func TestHowLongItWasMissing(t *testing.T) {
	keep(t, nil, func(g *gateway, k *portmap.Keeper) {
		g.sleep(10 * time.Minute)
		// A power cut: nothing answers for 40 s, then the table is empty.
		g.onGet = func(key) (fact.Mapping, error) { return fact.Mapping{}, errors.New("no route to host") }
		k.Hint("a call to the router failed")
		g.sleep(40 * time.Second)
		if f := wantState(t, k, portmap.StateUnconfirmed, fact.VerdictWarn); f.Down != 0 {
			t.Errorf("%+v", f)
		}
		g.onGet = nil
		clear(g.table)
		k.Kick("the router was found anew")
		g.sleep(time.Minute)
		f := wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if f.Down < 40*time.Second || f.Down > 100*time.Second || f.Woken != "the router was found anew" {
			t.Errorf("%+v", f)
		}
		// Silence alone is not the loss of a forward.
		g.onGet = func(key) (fact.Mapping, error) { return fact.Mapping{}, errors.New("no route to host") }
		g.sleep(2 * time.Minute)
		g.onGet = nil
		g.sleep(6 * time.Minute)
		if again := wantState(t, k, portmap.StateActive, fact.VerdictPass); again.Down != f.Down {
			t.Errorf("it was there all the time, and down for %v", again.Down)
		}
	}, nil)
}

// TestTrafficWithinItsBudget counts the calls of an idle hour: about 2 KiB each,
// and no more than 10 KiB a minute for all that edgeguard asks of the router.
func TestTrafficWithinItsBudget(t *testing.T) {
	for forwards, most := range map[int]int{1: 64, 2: 128, 6: 126} {
		keep(t, func(_ *gateway, c *portmap.Config) {
			c.Forwards = nil
			for i := range forwards {
				f := mqtt
				f.ExternalPort += uint16(i)
				f.Internal = broker
				c.Forwards = append(c.Forwards, f)
			}
		}, func(g *gateway, _ *portmap.Keeper) {
			g.sleep(5 * time.Minute)
			before := len(g.gets) + len(g.adds)
			g.sleep(time.Hour)
			n := len(g.gets) + len(g.adds) - before
			if least := most * 4 / 5; n < least || n > most+8*forwards {
				t.Errorf("%d forwards: %d calls in an idle hour, want between %d and %d", forwards, n, least, most+8*forwards)
			}
		}, nil)
	}
}
