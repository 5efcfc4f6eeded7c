package handed_test

// When the watcher asks, and what it believes until when.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/edgeguard/edgeguard/internal/lan/dhcp"
	"github.com/edgeguard/edgeguard/internal/lan/handed"
	"github.com/edgeguard/edgeguard/internal/lan/radv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// home is a network that a test plays.
type home struct {
	*testing.T
	*handed.Watcher
	mu      sync.Mutex // guards the rest
	place   handed.Place
	noPlace error
	servers []dhcp.Server
	failed  error
	asked   []time.Duration // since the start
	solicit []int
	said    chan radv.Advertisement
	deaf    error
	calls   []netip.AddrPort
	unseen  bool
	moved   chan struct{}
	misled  bool
	begun   time.Time
}

// live runs a watcher in a bubble; set, which may be nil, comes before it.
func live(t *testing.T, set func(h *home), happens func(h *home)) {
	synctest.Test(t, func(t *testing.T) {
		h := &home{T: t, said: make(chan radv.Advertisement), moved: make(chan struct{}, 1), begun: time.Now(), place: handed.Place{
			Interface: "eth0", Index: 2, Local: netip.MustParseAddr("192.168.1.10"), Router: netip.MustParseAddr("192.168.1.1"),
			Own: []netip.Addr{netip.MustParseAddr("192.168.1.10")},
		}}
		if set != nil {
			set(h)
		}
		h.Watcher = handed.New(handed.Config{
			Place: func() (handed.Place, error) {
				h.mu.Lock()
				defer h.mu.Unlock()
				return h.place, h.noPlace
			},
			Through: func() ([]netip.AddrPort, bool) {
				h.mu.Lock()
				defer h.mu.Unlock()
				return h.calls, !h.unseen
			},
			Misled: func(s handed.Status) bool {
				h.mu.Lock()
				defer h.mu.Unlock()
				return h.misled && len(s.DHCP) > 0
			},
			Moved: h.moved,
		}.On(func(_ context.Context, at dhcp.Place) ([]dhcp.Server, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if at != (dhcp.Place{Interface: h.place.Interface, Local: h.place.Local, Router: h.place.Router}) {
				t.Errorf("asked at %+v", at)
			}
			h.asked = append(h.asked, time.Since(h.begun))
			return h.servers, h.failed
		}, func(ctx context.Context, opened func(), heard func(radv.Advertisement)) error {
			if h.deaf != nil {
				return h.deaf
			}
			opened()
			for {
				select {
				case <-ctx.Done():
					return nil
				case a := <-h.said:
					heard(a)
				}
			}
		}, func(index int) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.solicit = append(h.solicit, index)
			return nil
		}))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- h.Watcher.Run(ctx) }()
		happens(h)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// change changes the network.
func (h *home) change(how func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	how()
}

// wants compares part of the status with text.
func (h *home) wants(part func(s handed.Status) any, want string) {
	h.Helper()
	synctest.Wait()
	if got := fmt.Sprint(part(h.Status().Load())); got != want {
		h.Errorf("after %v: %s, want %s", time.Since(h.begun), got, want)
	}
}

func servers(s handed.Status) any {
	if s.DHCP == nil {
		return "unknown"
	}
	text := []string{}
	for _, d := range s.DHCP {
		text = append(text, fmt.Sprint(d.Address, d.DNS))
	}
	return text
}

func routers(s handed.Status) any {
	if s.Routers == nil {
		return "unknown"
	}
	text := []string{}
	for _, r := range s.Routers {
		text = append(text, fmt.Sprint(r.Router, r.DNS))
	}
	return text
}

func through(s handed.Status) any {
	if s.ThroughRouter == nil {
		return "unknown"
	}
	return s.ThroughRouter
}

func at(seconds ...time.Duration) (list []time.Duration) {
	for _, s := range seconds {
		list = append(list, s*time.Second)
	}
	return list
}

func (h *home) askedAt(seconds ...time.Duration) {
	h.Helper()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.asked, at(seconds...)) {
		h.Errorf("asked at %v, want %v", h.asked, at(seconds...))
	}
}

var fritz = []dhcp.Server{{Address: netip.MustParseAddr("192.168.1.1"), DNS: []netip.Addr{netip.MustParseAddr("192.168.1.1")}}}

func TestWhenItAsks(t *testing.T) {
	live(t, func(h *home) { h.servers = fritz }, func(h *home) {
		h.wants(servers, "unknown")
		time.Sleep(time.Hour)
		h.askedAt(10, 1810)
		h.wants(servers, "[192.168.1.1 [192.168.1.1]]")
		if want := []int{2, 2}; !slices.Equal(h.solicit, want) {
			t.Errorf("the routers were asked on %v, want %v", h.solicit, want)
		}
		// A mere look after a move that was none asks nobody.
		h.moved <- struct{}{}
		time.Sleep(time.Second)
		h.askedAt(10, 1810)
		h.change(func() { h.place.Local = netip.MustParseAddr("192.168.1.11") })
		h.moved <- struct{}{}
		time.Sleep(2 * time.Second)
		h.askedAt(10, 1810, 3601)
	})
}

// Whoever corrects the DHCP wants to see that it is well.
func TestItAsksSoonerWhileDevicesAreMisled(t *testing.T) {
	live(t, func(h *home) { h.servers, h.misled = fritz, true }, func(h *home) {
		time.Sleep(5 * time.Minute)
		h.askedAt(10, 130, 250)
		h.change(func() { h.misled = false })
		time.Sleep(time.Hour)
		h.askedAt(10, 130, 250, 370, 2170)
	})
}

func TestWhatFailsChangesNothing(t *testing.T) {
	live(t, func(h *home) { h.failed = errors.New("the network is down") }, func(h *home) {
		time.Sleep(11 * time.Second)
		h.wants(servers, "unknown")
		h.wants(func(s handed.Status) any { return s.DHCPError }, "the network is down")
		h.change(func() { h.failed, h.servers = nil, fritz })
		time.Sleep(time.Minute)
		h.wants(servers, "[192.168.1.1 [192.168.1.1]]")
		h.wants(func(s handed.Status) any { return s.DHCPError + s.CheckedAt.Sub(h.begun).String() }, "1m10s")
		// The next round fails, or is lost: what was known stays.
		h.change(func() { h.failed, h.servers = errors.New("the network is down"), nil })
		time.Sleep(31 * time.Minute)
		h.wants(servers, "[192.168.1.1 [192.168.1.1]]")
		h.change(func() { h.failed = nil })
		h.change(func() { h.noPlace = errors.New("no gateway") })
		time.Sleep(5 * time.Minute)
		h.wants(servers, "[192.168.1.1 [192.168.1.1]]")
		h.change(func() { h.noPlace = nil })
		time.Sleep(65 * time.Second)
		h.change(func() { h.asked = nil })
		time.Sleep(15 * time.Second)
		h.wants(servers, "[]") // silent twice in a row
	})
}

func TestNobodyAnswersOnlyAfterTwoRounds(t *testing.T) {
	live(t, nil, func(h *home) {
		time.Sleep(15 * time.Second)
		h.askedAt(10)
		h.wants(servers, "unknown")
		time.Sleep(10 * time.Second)
		h.askedAt(10, 20)
		h.wants(servers, "[]")
	})
}

func TestWithoutPermissionItAsksRarely(t *testing.T) {
	live(t, func(h *home) { h.failed, h.deaf = dhcp.ErrPermission, radv.ErrPermission }, func(h *home) {
		time.Sleep(20 * time.Minute)
		h.askedAt(10)
		h.wants(servers, "unknown")
		h.wants(routers, "unknown")
		h.wants(func(s handed.Status) any { return s.DHCPError + "; " + s.RoutersError },
			"the DHCP servers cannot be asked without the permission NET_RAW; the IPv6 routers cannot be heard without the permission NET_RAW")
	})
}

func heardOn(index int, router, server string, life time.Duration) radv.Advertisement {
	a := radv.Advertisement{Router: netip.MustParseAddr(router), Interface: index, Lifetime: life}
	if server != "" {
		a.DNS, a.DNSLifetime = []netip.Addr{netip.MustParseAddr(server)}, life
	}
	return a
}

func TestRoutersAreHeard(t *testing.T) {
	live(t, nil, func(h *home) {
		h.said <- heardOn(2, "fe80::1", "fd00::1", 30*time.Minute) // before the first round
		h.said <- heardOn(7, "fe80::7", "fd00::7", time.Hour)      // on a bridge of an engine's
		time.Sleep(11 * time.Second)
		h.wants(routers, "[fe80::1 [fd00::1]]")
		h.said <- heardOn(2, "fe80::1", "fd00::2", 30*time.Minute)
		time.Sleep(2 * time.Second)
		h.wants(routers, "[fe80::1 [fd00::2]]")
		time.Sleep(29 * time.Minute)
		h.wants(routers, "[fe80::1 [fd00::2]]")
		time.Sleep(2 * time.Minute)
		h.wants(routers, "[]")
		for i := range 3 * handed.MaxRouters {
			h.said <- heardOn(2, fmt.Sprintf("fe80::%x", i+1), "", time.Hour)
		}
		time.Sleep(2 * time.Second)
		if n := len(h.Status().Load().Routers); n != handed.MaxRouters-1 { // and the one on the bridge
			t.Errorf("%d routers are remembered", n)
		}
	})
}

// A router that says the same again is no news; one that counts down is none.
func TestTheSameAgainIsNoNews(t *testing.T) {
	live(t, func(h *home) { h.servers = fritz }, func(h *home) {
		h.said <- heardOn(2, "fe80::1", "fd00::1", 30*time.Minute)
		time.Sleep(12 * time.Second)
		synctest.Wait()
		_, changed := h.Status().Get()
		for n := range 10 {
			h.said <- heardOn(2, "fe80::1", "fd00::1", time.Duration(30-n)*time.Minute)
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		select {
		case <-changed:
			t.Errorf("it is published anew: %+v", h.Status().Load())
		default:
		}
	})
}

func TestOnlyCallsThatLastAreDevices(t *testing.T) {
	one, two := netip.MustParseAddrPort("192.168.1.1:40001"), netip.MustParseAddrPort("192.168.1.1:40002")
	live(t, func(h *home) { h.unseen = true }, func(h *home) {
		time.Sleep(11 * time.Second)
		h.wants(through, "unknown")
		h.change(func() { h.unseen = false })
		time.Sleep(5 * time.Minute)
		h.wants(through, "[]")
		h.change(func() { h.calls = []netip.AddrPort{one} })
		time.Sleep(5 * time.Minute) // seen once, as our own look at the loopback may be
		h.wants(through, "[]")
		h.change(func() { h.calls = []netip.AddrPort{two} })
		time.Sleep(time.Minute)
		h.wants(through, "[]")
		h.change(func() { h.calls = []netip.AddrPort{one, two} })
		time.Sleep(6 * time.Minute)
		h.wants(through, "[192.168.1.1]")
		h.change(func() { h.calls = nil })
		time.Sleep(6 * time.Minute)
		h.wants(through, "[]")
	})
}

func TestInAnotherNetworkNobodyIsAsked(t *testing.T) {
	live(t, func(h *home) { h.place.Interface = "" }, func(h *home) {
		time.Sleep(2 * time.Hour)
		h.askedAt()
		h.wants(servers, "unknown")
		h.wants(func(s handed.Status) any { return s.DHCPError }, "this host is not in the router's network, as in a container on a bridge, so what its DHCP hands out is not heard here")
		h.change(func() { h.place.Interface = "eth0" })
		h.moved <- struct{}{}
		time.Sleep(time.Second)
		h.askedAt(7200)
	})
}
