package locate_test

// Seeking a device: by ARP, and where that is not allowed, through the kernel.

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/locate"
)

const mac = "aa:bb:cc:dd:ee:ff"

// wire is a network whose devices answer after a millisecond.
type wire struct {
	seeker  *locate.Seeker
	mute    bool // we may not speak ARP
	mu      sync.Mutex
	devices map[netip.Addr]string // guarded by mu
	table   []locate.Sighting     // guarded by mu; the kernel's
	asked   int                   // guarded by mu
	moved   []string              // guarded by mu
}

func newWire(network string) *wire {
	w := &wire{devices: map[netip.Addr]string{}}
	prefixes := func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(network)} }
	w.seeker = locate.NewSeeker(locate.SeekerConfig{
		Ask: func(addr netip.Addr) error {
			if w.mute {
				return errors.New("not allowed")
			}
			w.ask(addr, w.seeker.Heard)
			return nil
		},
		Prod: func(addr netip.Addr) {
			w.ask(addr, func(s locate.Sighting) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.table = append(w.table, s)
			})
		},
		Table: func() ([]locate.Sighting, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Clone(w.table), nil
		},
		Prefixes: prefixes, LAN: prefixes, Own: func() []netip.Addr { return nil },
		Moved: func(mac string) { // called by who holds no lock of ours
			w.mu.Lock()
			defer w.mu.Unlock()
			w.moved = append(w.moved, mac)
		},
	})
	return w
}

func (w *wire) ask(addr netip.Addr, answer func(locate.Sighting)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if who, ok := w.devices[addr]; ok {
		time.AfterFunc(time.Millisecond, func() { answer(locate.Sighting{Addr: addr, MAC: who, Sure: true}) })
	}
}

func TestSeekerFindsADeviceAndFollowsIt(t *testing.T) {
	for _, mute := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWire("192.168.1.7/24")
			w.mute = mute
			for _, addr := range []netip.Addr{two, netip.MustParseAddr("192.168.1.254")} {
				w.mu.Lock()
				clear(w.devices)
				w.table = nil
				w.devices[addr], w.devices[one] = mac, "00:00:00:00:00:01"
				w.mu.Unlock()
				time.Sleep(time.Minute)
				got, err := w.seeker.Find(t.Context(), mac)
				if err != nil || !slices.Equal(got, []netip.Addr{addr}) {
					t.Errorf("mute %v: found %v, %v; want %v", mute, got, err, addr)
				}
			}
			if _, err := w.seeker.Find(t.Context(), "00:00:00:00:00:99"); !errors.Is(err, locate.ErrSilent) {
				t.Errorf("a device that is not there: %v", err)
			}
		})
	}
}

func TestSeekerAsksThroughABoundedNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire("10.1.2.3/8")
		if _, err := w.seeker.Find(t.Context(), mac); !errors.Is(err, locate.ErrSilent) {
			t.Error(err)
		}
		if w.asked != 1022 {
			t.Errorf("%d addresses were asked for, want those of a /22", w.asked)
		}
	})
}

func TestSeekerAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire("192.168.1.7/24")
		w.devices[one] = mac
		look := func(mac string, addr netip.Addr) locate.Liveness { return w.seeker.Alive(t.Context(), mac, addr) }
		for _, c := range []struct {
			mac  string
			addr netip.Addr
			want locate.Liveness
		}{
			{mac, one, locate.There}, {"", one, locate.There}, {"00:00:00:00:00:02", one, locate.Gone}, {mac, two, locate.Gone},
			{mac, netip.MustParseAddr("192.168.2.1"), locate.Unsure},
		} {
			if got := look(c.mac, c.addr); got != c.want {
				t.Errorf("%s at %v: %v, want %v", c.mac, c.addr, got, c.want)
			}
		}
		w.mute = true
		if got := look(mac, one); got != locate.Unsure {
			t.Errorf("without ARP: %v", got)
		}
		w.mute = false
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := w.seeker.Alive(ctx, mac, two); got != locate.Unsure {
			t.Errorf("without time: %v", got)
		}
	})
}

// What is heard of the LAN is bounded, and a device that moves is told of once.
func TestSeekerHearsMoves(t *testing.T) {
	w := newWire("192.168.1.7/24")
	for range 3 {
		w.seeker.Heard(locate.Sighting{Addr: one, MAC: mac})
	}
	if !slices.Equal(w.moved, []string{mac}) {
		t.Errorf("told of %q", w.moved)
	}
	addr := netip.MustParseAddr("10.0.0.0")
	for range 100_000 {
		addr = addr.Next()
		w.seeker.Heard(locate.Sighting{Addr: addr, MAC: mac})
	}
	w.seeker.Heard(locate.Sighting{Addr: netip.MustParseAddr("fe80::1"), MAC: mac})
}
