package portmap_test

// PCP and NAT-PMP: when they are asked, what is believed, and what is given
// back.

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

var wan = netip.MustParseAddr("11.22.33.44")

// noIGD makes g a router without UPnP-IGD that speaks the given methods and
// grants what is asked for, and the broker's host the one that asks.
func noIGD(g *gateway, lease time.Duration, speaks ...fact.Method) {
	g.local, g.identity, g.name = broker.Addr(), "", ""
	none := fmt.Errorf("%w 192.168.1.1", fact.ErrNoRouter)
	g.onGet = func(key) (fact.Mapping, error) { return fact.Mapping{}, none }
	g.onAdd = func(fact.Mapping) error { return none }
	g.grants(lease, speaks...)
}

// grants makes g grant what is asked for by the given methods.
func (g *gateway) grants(lease time.Duration, speaks ...fact.Method) {
	g.onMap = func(q fact.Request) (fact.Grant, error) {
		for _, m := range speaks {
			if q.Method == m {
				return fact.Grant{External: netip.AddrPortFrom(wan, q.ExternalPort), Lease: lease}, nil
			}
		}
		return fact.Grant{}, fact.ErrNotSpoken
	}
	g.onUnmap = func(fact.Request) error { return nil }
}

// methods are the methods of all askings so far, in order.
func (g *gateway) methods() (list []fact.Method) {
	for _, a := range g.maps {
		list = append(list, a.Method)
	}
	return list
}

func mapFault(m fact.Method, code uint16) error {
	return &fact.MapFault{Method: m, Code: code, Text: fmt.Sprintf("told to, code %d", code)}
}

func TestPCPWhereThereIsNoIGD(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) { noIGD(g, time.Hour, fact.MethodPCP) }, func(g *gateway, k *portmap.Keeper) {
		f := wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if f.Method != "pcp" || f.ReadBackAt.IsZero() || f.LeaseExpiresAt.Sub(g.begin) != time.Hour {
			t.Errorf("status %+v", f)
		}
		if s := k.Status().Load().Link.Summary; s != "The router forwards port 8883 to 192.168.1.10:8883, as granted by PCP until 01:00 UTC." {
			t.Errorf("the link says %q", s)
		}
		q := g.maps[0].Request
		if q.Internal != broker || q.ExternalPort != 8883 || q.Lease != time.Hour || q.Nonce == [12]byte{} {
			t.Errorf("asked %+v", q)
		}
		g.sleep(27 * time.Minute)
		if len(g.maps) != 1 {
			t.Errorf("asked %d times with more than half of it left", len(g.maps))
		}
		g.sleep(7 * time.Minute)
		if len(g.maps) != 2 || g.maps[1].Request != q {
			t.Errorf("asked %+v, want once more, at half life, with the same nonce", g.maps)
		}
	}, func(g *gateway, _ *portmap.Keeper) {
		if len(g.back) != 1 || g.back[0].Nonce != g.maps[0].Nonce {
			t.Errorf("gave back %+v", g.back)
		}
	})
}

func TestNATPMPAfterPCP(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) { noIGD(g, 10*time.Minute, fact.MethodNATPMP) }, func(g *gateway, k *portmap.Keeper) {
		if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Method != "natpmp" {
			t.Errorf("status %+v", f)
		}
		g.sleep(50 * time.Minute)
		// At half of what was granted, and PCP is not asked again each time.
		if n := len(g.maps); n < 10 || n > 13 {
			t.Errorf("asked %v", g.methods())
		}
		for _, m := range g.methods()[1:] {
			if m != fact.MethodNATPMP {
				t.Errorf("asked %v", g.methods())
			}
		}
	}, nil)
}

func TestOtherMethodsWhereIGDRefuses(t *testing.T) {
	for _, code := range []int{401, 402, 501, 602, 606, 715, 724, 725, 728, 729} {
		keep(t, func(g *gateway, _ *portmap.Config) {
			g.local = broker.Addr()
			g.onAdd = func(fact.Mapping) error { return fault(code) }
			g.grants(time.Hour, fact.MethodPCP)
		}, func(g *gateway, k *portmap.Keeper) {
			if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Method != "pcp" {
				t.Errorf("%d: %+v", code, f)
			}
			adds := len(g.adds)
			g.sleep(55 * time.Minute)
			if len(g.adds) != adds {
				t.Errorf("%d: IGD was asked again though PCP works: %v", code, g.addTimes())
			}
			g.onAdd = nil
			g.sleep(10 * time.Minute)
			if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Method != "igd" {
				t.Errorf("%d: IGD was not tried again within the hour: %+v", code, f)
			}
			if len(g.back) != 1 || g.back[0].Nonce != g.maps[0].Nonce {
				t.Errorf("%d: what PCP made was not given back: %+v", code, g.back)
			}
		}, nil)
	}
}

func TestOneTableForAllMethods(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.local = broker.Addr()
		g.onAdd = func(fact.Mapping) error { return fault(501) }
		g.grants(time.Hour, fact.MethodPCP)
		give := g.onMap
		g.onMap = func(q fact.Request) (fact.Grant, error) {
			g.put(entry(q.Internal.String(), "PCP MAP", q.Lease)) // as miniupnpd lists it
			return give(q)
		}
		g.onUnmap = func(q fact.Request) error { delete(g.table, key{q.Protocol, q.ExternalPort}); return nil }
	}, func(g *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		g.onAdd = nil
		g.sleep(65 * time.Minute)
		f := wantState(t, k, portmap.StateActive, fact.VerdictPass)
		if f.Method != "igd" || f.Down != 0 || g.table[tcp8883].Description != "edgeguard mqtt" {
			t.Errorf("%+v, table %v", f, g.table)
		}
	}, func(g *gateway, _ *portmap.Keeper) {
		if len(g.table) != 0 {
			t.Errorf("left %v", g.table)
		}
	})
}

func TestAConflictStaysAConflict(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.local = broker.Addr()
		g.put(entry("192.168.1.20:8883", "xyz", 0))
		g.grants(time.Hour, fact.MethodPCP)
	}, func(g *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateConflict, fact.VerdictFail)
		if len(g.maps) != 0 {
			t.Errorf("asked by %v for a port that is another's", g.methods())
		}
	}, nil)
}

func TestNothingElseIsAskedWhereNothingIsKnown(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.local = broker.Addr()
		g.onGet = func(key) (fact.Mapping, error) { return fact.Mapping{}, errors.New("connection reset") }
		g.grants(time.Hour, fact.MethodPCP)
	}, func(g *gateway, k *portmap.Keeper) {
		wantState(t, k, portmap.StateFailed, fact.VerdictFail)
		if len(g.maps) != 0 {
			t.Errorf("asked by %v", g.methods())
		}
	}, nil)
}

func TestAnotherPortIsGivenBackAtOnce(t *testing.T) {
	for _, method := range []fact.Method{fact.MethodPCP, fact.MethodNATPMP} {
		keep(t, func(g *gateway, c *portmap.Config) {
			noIGD(g, time.Hour, method)
			give := g.onMap
			g.onMap = func(q fact.Request) (fact.Grant, error) {
				got, err := give(q)
				got.External = netip.AddrPortFrom(wan, q.ExternalPort+1)
				return got, err
			}
		}, func(g *gateway, k *portmap.Keeper) {
			f := wantState(t, k, portmap.StateConflict, fact.VerdictFail)
			if f.Conflict != "port 8883 is taken on the router: it offered 8884 instead" || !f.LeaseExpiresAt.IsZero() {
				t.Errorf("%s: %+v", method, f)
			}
			if len(g.back) != 1 || g.back[0].ExternalPort != 8884 || g.back[0].Method != method {
				t.Errorf("%s: gave back %+v", method, g.back)
			}
			g.sleep(30 * time.Minute)
			if n := len(g.back); n < 6 || n > 8 || n != len(g.maps)/map[fact.Method]int{fact.MethodPCP: 1, fact.MethodNATPMP: 2}[method] {
				t.Errorf("%s: asked %d times and gave back %d in half an hour, want every five minutes", method, len(g.maps), n)
			}
			g.grants(time.Hour, method)
			g.sleep(6 * time.Minute)
			wantState(t, k, portmap.StateActive, fact.VerdictPass)
		}, nil)
	}
}

func TestOnlyForTheHostThatAsks(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		noIGD(g, time.Hour, fact.MethodPCP)
		g.local = netip.MustParseAddr("192.168.1.2")
	}, func(g *gateway, k *portmap.Keeper) {
		f := wantState(t, k, portmap.StateManual, fact.VerdictWarn)
		if !strings.Contains(f.LastError, "forward only to the host that asks, which is 192.168.1.2, and not to 192.168.1.10") || len(g.maps) != 0 {
			t.Errorf("asked %v: %+v", g.methods(), f)
		}
	}, nil)
}

func TestAKickAsksAgainWithTheSameNonce(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) { noIGD(g, time.Hour, fact.MethodPCP) }, func(g *gateway, k *portmap.Keeper) {
		g.sleep(5 * time.Minute)
		k.Kick("the router was found anew")
		g.sleep(0)
		if len(g.maps) != 2 || g.maps[1].Request != g.maps[0].Request {
			t.Errorf("asked %+v", g.maps)
		}
		if f := forward(k); f.Woken != "the router was found anew" {
			t.Errorf("%+v", f)
		}
		// Asking may bring the next hint: these are followed once a minute.
		for range 300 {
			k.Hint("an event of the router's")
			g.sleep(time.Second)
		}
		if n := len(g.maps); n < 5 || n > 8 {
			t.Errorf("asked %d times in five minutes of hints", n)
		}
	}, nil)
}

func TestARenewalThatFailsLeavesWhatWasGranted(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		after portmap.State
	}{
		"silence": {fact.ErrNotSpoken, portmap.StateFailed},
		"refusal": {mapFault(fact.MethodPCP, 8), portmap.StateFailed},
		"unknown": {errors.New("no certain answer"), portmap.StateUnconfirmed},
	} {
		keep(t, func(g *gateway, _ *portmap.Config) { noIGD(g, time.Hour, fact.MethodPCP) }, func(g *gateway, k *portmap.Keeper) {
			g.onMap = func(fact.Request) (fact.Grant, error) { return fact.Grant{}, c.err }
			g.sleep(45 * time.Minute)
			if f := wantState(t, k, portmap.StateActive, fact.VerdictWarn); !strings.Contains(f.LastError, "stands, but renewing it failed") {
				t.Errorf("%s: %+v", name, f)
			}
			g.sleep(20 * time.Minute)
			if f := forward(k); f.State != c.after {
				t.Errorf("%s: it has ended and is %+v", name, f)
			}
			g.grants(time.Hour, fact.MethodPCP)
			g.sleep(16 * time.Minute)
			if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Down < time.Minute {
				t.Errorf("%s: it was down for %v", name, f.Down)
			}
			first := g.maps[0].Nonce
			for _, q := range g.maps {
				if q.Method == fact.MethodPCP && q.Nonce != first {
					t.Errorf("%s: another nonce", name)
				}
			}
		}, nil)
	}
}

func TestTheNonceOutlivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "forwards.json")
	var nonce [12]byte
	for life := range 2 {
		keep(t, func(g *gateway, c *portmap.Config) {
			c.StateFile = file
			noIGD(g, time.Hour, fact.MethodPCP)
			g.onUnmap = func(fact.Request) error { return fact.ErrNotSpoken }
		}, func(g *gateway, k *portmap.Keeper) {
			if life == 0 {
				nonce = g.maps[0].Nonce
				kill(t, file)
			} else if g.maps[0].Nonce != nonce || len(g.gets) != 0 {
				t.Errorf("asked with %x, want %x; IGD was tried first %d times", g.maps[0].Nonce, nonce, len(g.gets))
			}
		}, nil)
		if life == 0 {
			revive(t, file)
		}
	}
}

func TestTheNonceIsKeptWhereTheEndWasNotHeard(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		kept bool
	}{
		"deleted": {nil, false},
		"refused": {mapFault(fact.MethodPCP, 2), false},
		"silence": {fact.ErrNotSpoken, true},
		"unknown": {errors.New("no certain answer"), true},
	} {
		file := filepath.Join(t.TempDir(), "forwards.json")
		keep(t, func(g *gateway, cfg *portmap.Config) {
			cfg.StateFile = file
			noIGD(g, time.Hour, fact.MethodPCP)
			g.onUnmap = func(fact.Request) error { return c.err }
		}, nil, nil)
		text, err := os.ReadFile(file)
		if err != nil || strings.Contains(string(text), "nonce") != c.kept {
			t.Errorf("%s: the file says %s, %v", name, text, err)
		}
	}
}

func TestMethodsInTheOrderOfTheConfig(t *testing.T) {
	keep(t, func(g *gateway, c *portmap.Config) {
		g.local = broker.Addr()
		g.grants(time.Hour, fact.MethodPCP, fact.MethodNATPMP)
		c.Methods = []fact.Method{fact.MethodNATPMP, fact.MethodIGD}
	}, func(g *gateway, k *portmap.Keeper) {
		if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Method != "natpmp" || len(g.gets)+len(g.adds) != 0 {
			t.Errorf("%+v", f)
		}
	}, nil)
}

func TestAnotherRouterIsAskedFromTheFirstMethod(t *testing.T) {
	keep(t, func(g *gateway, _ *portmap.Config) {
		g.local = broker.Addr()
		g.onAdd = func(fact.Mapping) error { return fault(606) }
		g.grants(time.Hour, fact.MethodPCP)
	}, func(g *gateway, k *portmap.Keeper) {
		g.sleep(time.Minute)
		g.identity, g.onAdd = "uuid:2", nil
		k.Kick("the router was found anew")
		g.sleep(0)
		if f := wantState(t, k, portmap.StateActive, fact.VerdictPass); f.Method != "igd" {
			t.Errorf("%+v", f)
		}
	}, nil)
}
