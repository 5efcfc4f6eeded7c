package pinhole_test

// The ordinary life of a pinhole: opened, checked, renewed, moved, closed.

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
)

func TestOpenedCheckedRenewedAndClosed(t *testing.T) {
	keep(t, nil, func(f *firewall, k *pinhole.Keeper) {
		p := want(t, k, pinhole.StateActive)
		if p.Service != "mqtt" || p.Protocol != fact.TCP || p.Internal != at(home) || p.Method != fact.MethodIGD || p.Router != f.router || p.LastError != "" {
			t.Errorf("status %+v", p)
		}
		if d := p.LeaseExpiresAt.Sub(f.begin); d != time.Hour {
			t.Errorf("it ends after %v", d)
		}
		wantSaid(t, f, "status, add, check 1")
		sleep(6 * time.Minute)
		wantSaid(t, f, "check 1")
		sleep(22 * time.Minute)
		f.said()
		sleep(4 * time.Minute)
		if said := f.said(); !strings.Contains(said, "update 1") || strings.Contains(said, "add") {
			t.Errorf("at half life: %s", said)
		}
		sleep(10 * time.Hour)
		if want(t, k, pinhole.StateActive); !f.open()[at(home)] {
			t.Error("it has ended")
		}
		if said := f.said(); strings.Contains(said, "add") || strings.Count(said, "update 1") < 18 {
			t.Errorf("in ten hours: %s", said)
		}
	}, func(f *firewall) {
		wantSaid(t, f, "delete 1")
		if len(f.open()) != 0 {
			t.Errorf("left open: %v", f.open())
		}
	})
}

func TestGoneIsOpenedAgain(t *testing.T) {
	for _, code := range []int{704, 402, 606, 501} { // miniupnpd 2.3.1 says 402 or 606 of an id that it does not know
		keep(t, nil, func(f *firewall, k *pinhole.Keeper) {
			f.said()
			f.set(func() {
				clear(f.table)
				f.onCheck = func(id uint16) (bool, error) {
					if _, ok := f.table[id]; ok {
						return true, nil
					}
					return false, fault(code)
				}
			})
			sleep(6 * time.Minute)
			wantSaid(t, f, "check 1, status, add, check 2")
			if want(t, k, pinhole.StateActive); !f.open()[at(home)] {
				t.Error("it is not there")
			}
		}, nil)
	}
}

func TestRenewalThatIsRefusedOpensAnew(t *testing.T) {
	keep(t, nil, func(f *firewall, k *pinhole.Keeper) {
		f.set(func() { f.onUpdate = func(uint16) error { return fault(704) } })
		sleep(26 * time.Minute)
		f.said()
		sleep(5 * time.Minute)
		if said := f.said(); !strings.Contains(said, "update 1, status, add, check 1") {
			t.Errorf("asked for: %s", said)
		}
		want(t, k, pinhole.StateActive)
	}, nil)
}

// After a restart of the router, our id may be another host's pinhole.
func TestAfterAKickTheOldIDIsNotUsed(t *testing.T) {
	stranger := fact.Pinhole{Protocol: fact.TCP, Internal: netip.MustParseAddrPort("[2a0e:77:1::66]:22"), Lease: time.Hour}
	keep(t, nil, func(f *firewall, k *pinhole.Keeper) {
		f.said()
		f.set(func() {
			clear(f.table)
			f.table[1], f.ends[1], f.last = stranger, time.Now().Add(time.Hour), 1
		})
		k.Kick("the router was found anew")
		synctest.Wait()
		wantSaid(t, f, "status, add, check 2")
		want(t, k, pinhole.StateActive)

		// And again, with no time to ask before the end.
		f.set(func() {
			clear(f.table)
			f.table[2], f.ends[2], f.last = stranger, time.Now().Add(time.Hour), 2
			f.onStatus = func() (bool, bool, error) { return false, false, errors.New("no answer") }
		})
		k.Kick("the router was found anew")
		synctest.Wait()
		f.said()
	}, func(f *firewall) {
		wantSaid(t, f, "add, delete 3")
		if open := f.open(); len(open) != 1 || !open[stranger.Internal] {
			t.Errorf("left open: %v", open)
		}
	})
}

func TestAddressChanges(t *testing.T) {
	keep(t, nil, func(f *firewall, k *pinhole.Keeper) {
		f.said()
		f.set(func() { f.address = moved })
		sleep(31 * time.Second)
		wantSaid(t, f, "status, add, check 2, delete 1")
		if p := want(t, k, pinhole.StateActive); p.Internal != at(moved) {
			t.Errorf("status %+v", p)
		}
		if open := f.open(); len(open) != 1 || !open[at(moved)] {
			t.Errorf("open: %v", open)
		}
		f.set(func() { f.address = home })
		k.Kick("the address has changed")
		synctest.Wait()
		if p := want(t, k, pinhole.StateActive); p.Internal != at(home) {
			t.Errorf("status %+v", p)
		}
		if open := f.open(); len(open) != 1 || !open[at(home)] {
			t.Errorf("open: %v", open)
		}
	}, nil)
}

// Unknown is not gone: nothing is closed, and nothing is asked.
func TestUnknownAddressChangesNothing(t *testing.T) {
	keep(t, nil, func(f *firewall, k *pinhole.Keeper) {
		f.said()
		for _, addr := range []netip.Addr{{}, netip.MustParseAddr("fd00::10"), netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("192.168.1.10")} {
			f.set(func() { f.address = addr })
			k.Kick("nobody knows")
			sleep(10 * time.Minute)
			if p := want(t, k, pinhole.StateWaiting); p.Note == "" || p.Internal != at(home) {
				t.Errorf("status %+v", p)
			}
			wantSaid(t, f, "")
		}
		f.set(func() { f.address = home })
		sleep(31 * time.Second)
		wantSaid(t, f, "status, add, check 1")
		want(t, k, pinhole.StateActive)
	}, nil)
}

func TestUnknownFromTheStart(t *testing.T) {
	keep(t, func(f *firewall, _ *pinhole.Config) { f.address = netip.Addr{} }, func(f *firewall, k *pinhole.Keeper) {
		sleep(time.Hour)
		want(t, k, pinhole.StateWaiting)
	}, func(f *firewall) { wantSaid(t, f, "") })
}

func TestOldPinholeIsClosedOnceTheRouterAnswers(t *testing.T) {
	keep(t, nil, func(f *firewall, k *pinhole.Keeper) {
		f.said()
		lost := errors.New("no answer")
		f.set(func() { f.address, f.onDelete = moved, func(uint16) error { return lost } })
		sleep(31 * time.Second)
		wantSaid(t, f, "status, add, check 2, delete 1")
		sleep(time.Minute)
		wantSaid(t, f, "")
		f.set(func() { f.onDelete = nil })
		sleep(2 * time.Minute)
		wantSaid(t, f, "delete 1")
		// The same, and the router never answers to that.
		f.set(func() { f.address, f.onDelete = home, func(uint16) error { return lost } })
		sleep(2 * time.Hour)
		f.said()
		sleep(time.Hour)
		if said := f.said(); strings.Contains(said, "delete") {
			t.Errorf("asked for what has ended: %s", said)
		}
	}, nil)
}

// The router restarts before the old one could be closed, and gives its number
// to another host.
func TestOldPinholesIDIsAskedForAfterAKick(t *testing.T) {
	keep(t, nil, func(f *firewall, k *pinhole.Keeper) {
		lost := errors.New("no answer")
		f.set(func() { f.address, f.onDelete = moved, func(uint16) error { return lost } })
		sleep(31 * time.Second)
		f.said()
		stranger := fact.Pinhole{Protocol: fact.TCP, Internal: netip.MustParseAddrPort("[2a0e:77:1::66]:22"), Lease: time.Hour}
		f.set(func() {
			clear(f.table)
			f.table[1], f.ends[1], f.last, f.onDelete = stranger, time.Now().Add(time.Hour), 1, nil
		})
		k.Kick("the router was found anew")
		synctest.Wait()
		wantSaid(t, f, "status, add, check 2, add, delete 3")
		if open := f.open(); len(open) != 2 || !open[stranger.Internal] || !open[at(moved)] {
			t.Errorf("open: %v", open)
		}
	}, nil)
}

func TestARunTakesUpWhatTheLastOneOpened(t *testing.T) {
	path := stateFile(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFirewall()
		cfg := config(f)
		cfg.StateFile = path
		lost := errors.New("no answer")
		runIn(t, f, cfg, func(f *firewall, k *pinhole.Keeper) {
			want(t, k, pinhole.StateActive)
			f.set(func() { f.onDelete = func(uint16) error { return lost } }) // as if killed: it stays
		})
		f.set(func() { f.onDelete = nil })
		wantSaid(t, f, "status, add, check 1"+strings.Repeat(", delete 1", 5)) // once a second

		// The same config: its id is asked for before it is used.
		runIn(t, f, cfg, func(f *firewall, k *pinhole.Keeper) {
			want(t, k, pinhole.StateActive)
			f.set(func() { f.onDelete = func(uint16) error { return lost } })
		})
		f.set(func() { f.onDelete = nil })
		wantSaid(t, f, "status, add, check 1"+strings.Repeat(", delete 1", 5)) // once a second

		// Another address, and another config: the old one is closed.
		f.set(func() { f.address = moved })
		runIn(t, f, cfg, func(f *firewall, k *pinhole.Keeper) {
			wantSaid(t, f, "status, add, check 2, add, delete 1")
			f.set(func() { f.onDelete = func(uint16) error { return lost } })
		})
		f.set(func() { f.onDelete = nil })
		f.said()
		cfg.Pinholes = nil
		runIn(t, f, cfg, func(f *firewall, k *pinhole.Keeper) {
			wantSaid(t, f, "add, delete 2")
		})
		if len(f.open()) != 0 {
			t.Errorf("left open: %v", f.open())
		}
		runIn(t, f, cfg, nil)
		wantSaid(t, f, "")
	})
}

func TestAnotherRoutersPinholeIsLeftAlone(t *testing.T) {
	keep(t, nil, func(f *firewall, k *pinhole.Keeper) {
		f.said()
		f.set(func() {
			f.identity = "uuid:2"
			clear(f.table)
			f.last = 0
		})
		k.Kick("another router")
		synctest.Wait()
		wantSaid(t, f, "status, add, check 1")
		want(t, k, pinhole.StateActive)
	}, func(f *firewall) { wantSaid(t, f, "delete 1") })
}

// Our number on one router is nothing on another, also where nobody said that
// it is another one.
func TestAnotherRouterIsNoticedWithoutAKick(t *testing.T) {
	keep(t, nil, func(f *firewall, k *pinhole.Keeper) {
		f.said()
		f.set(func() {
			f.identity = "uuid:2"
			f.table[1] = fact.Pinhole{Protocol: fact.TCP, Internal: netip.MustParseAddrPort("[2a0e:77:1::66]:22"), Lease: time.Hour}
		})
		sleep(6 * time.Minute)
		wantSaid(t, f, "status, add, check 2")
		want(t, k, pinhole.StateActive)
	}, func(f *firewall) { wantSaid(t, f, "delete 2") })
}

func TestBlindRoutersAreBelieved(t *testing.T) {
	keep(t, func(f *firewall, _ *pinhole.Config) {
		f.onCheck = func(uint16) (bool, error) { return false, fault(401) }
	}, func(f *firewall, k *pinhole.Keeper) {
		if p := want(t, k, pinhole.StateActive); p.Note == "" || p.LastError != "" {
			t.Errorf("status %+v", p)
		}
		wantSaid(t, f, "status, add, check 1")
		sleep(2*time.Hour + time.Minute)
		wantSaid(t, f, "update 1, update 1, update 1, update 1")
	}, nil)
}

func TestSilenceKeepsWhatStandsUntilItsEnd(t *testing.T) {
	keep(t, nil, func(f *firewall, k *pinhole.Keeper) {
		lost := errors.New("no answer")
		f.set(func() {
			f.onStatus = func() (bool, bool, error) { return false, false, lost }
			f.onAdd = func(fact.Pinhole) error { return lost }
			f.onCheck = func(uint16) (bool, error) { return false, lost }
			f.onUpdate = func(uint16) error { return lost }
		})
		sleep(6 * time.Minute)
		if p := want(t, k, pinhole.StateUnconfirmed); p.LeaseExpiresAt.IsZero() {
			t.Errorf("status %+v", p)
		}
		sleep(time.Hour)
		if p := want(t, k, pinhole.StateFailed); !p.LeaseExpiresAt.IsZero() {
			t.Errorf("status %+v", p)
		}
		f.set(func() { f.onStatus, f.onAdd, f.onCheck, f.onUpdate = nil, nil, nil, nil })
		sleep(6 * time.Minute)
		want(t, k, pinhole.StateActive)
	}, nil)
}

// Whoever is kicked by what his own failure set off must not spin.
func TestKicksWithoutEndAreBounded(t *testing.T) {
	keep(t, func(f *firewall, _ *pinhole.Config) {
		f.onAdd = func(fact.Pinhole) error { return fault(501) }
	}, func(f *firewall, k *pinhole.Keeper) {
		for i := range 3600 {
			k.Kick(fmt.Sprint(i))
			sleep(time.Second)
		}
		if n := strings.Count(f.said(), "add"); n < 3 || n > 90 {
			t.Errorf("asked %d times in an hour of kicks", n)
		}
	}, nil)
}
