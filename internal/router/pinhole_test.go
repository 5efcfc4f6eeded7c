package router_test

// Pinholes: PCP over IPv6, with the IPv6 default router.

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/pcptest"
)

var loopback6 = netip.MustParseAddrPort("[::1]:8883")

// over6 is mqtt for a service that has an IPv6 address.
func over6() fact.Request {
	q := mqtt(fact.MethodPCP)
	q.Internal = loopback6
	return q
}

func TestMapOverIPv6(t *testing.T) {
	fake := pcptest.Start(t, loopback6.Addr())
	r := router.New(router.Config{
		Gateway:       func() (netip.Addr, error) { return netip.Addr{}, errors.New("no IPv4 here") },
		Gateway6:      func() (netip.Addr, error) { return loopback6.Addr(), nil },
		AllowLoopback: true,
	})
	r.ControlPort(fake.Port(), 2)
	q := over6()
	got, err := r.Map(t.Context(), q)
	if err != nil || got.External != loopback6 || got.Lease != time.Hour {
		t.Fatalf("granted %+v, %v", got, err)
	}
	if table := fake.Table(); len(table) != 1 || table[0].Internal != loopback6 || table[0].Nonce != q.Nonce {
		t.Errorf("table %+v", table)
	}
	if s := r.Status().Load(); s.SpeaksIPv6 != loopback6.Addr() || s.Speaks != nil || s.Address.IsValid() || s.Found {
		t.Errorf("status %+v", s)
	}
	// Its epoch is followed, too.
	fake.Restart()
	before := r.Status().Load().Generation
	if _, err := r.Map(t.Context(), q); err != nil || r.Status().Load().Generation != before+1 {
		t.Errorf("after a restart: %v, generation %d", err, r.Status().Load().Generation)
	}
	// miniupnpd does not delete what has been renewed: then it ends soon.
	fault := (*fact.MapFault)(nil)
	fake.Behave(func(b *pcptest.Behaviour) {
		b.RefuseDeletion, b.Lifetime = 2, func(asked uint32) uint32 { return max(asked, 120) }
	})
	if err := r.Unmap(t.Context(), q); !errors.As(err, &fault) || fault.Code != 2 || !strings.Contains(err.Error(), "ends by itself in 2m0s") || fake.Table()[0].Lifetime != 120 {
		t.Errorf("a pinhole that stays: %v, %+v", err, fake.Table())
	}
	fake.Behave(func(b *pcptest.Behaviour) { b.RefuseDeletion, b.Lifetime = 0, nil })
	if err := r.Unmap(t.Context(), q); err != nil || len(fake.Table()) != 0 {
		t.Errorf("Unmap: %v, %+v", err, fake.Table())
	}
	fake.Behave(func(b *pcptest.Behaviour) { b.Code = 2 })
	if _, err := r.Map(t.Context(), q); !errors.As(err, &fault) || fault.Code != 2 || fault.Method != fact.MethodPCP {
		t.Errorf("a refusal: %v", err)
	}
	// The same host from another port is not the router.
	fake.Behave(func(b *pcptest.Behaviour) { b.Code, b.From = 0, loopback6.Addr() })
	for range 2 {
		if got, err := r.Map(t.Context(), q); !errors.Is(err, fact.ErrNotSpoken) {
			t.Errorf("an answer from another port: %+v, %v", got, err)
		}
	}
	if s := r.Status().Load(); s.SpeaksIPv6.IsValid() {
		t.Errorf("status %+v", s)
	}
}

func TestNoPinholeWithoutAnIPv6Router(t *testing.T) {
	for name, c := range map[string]struct {
		gateway6  func() (netip.Addr, error)
		loopback  bool
		internal  string
		words     string
		notSpoken bool
	}{
		"nobody gave one":       {nil, true, "[::1]:8883", "no IPv6 default router", true},
		"there is none now":     {at("", errors.New("no route today")), true, "[::1]:8883", "no route today", true},
		"IPv4":                  {at("192.168.1.1", nil), true, "[::1]:8883", "no address of an IPv6 router", false},
		"link-local, no zone":   {at("fe80::1", nil), true, "[::1]:8883", "no address of an IPv6 router", false},
		"a group":               {at("ff02::1%lo", nil), true, "[::1]:8883", "no address of an IPv6 router", false},
		"this host":             {at("::1", nil), false, "[::1]:8883", "no address of an IPv6 router", false},
		"a service not on here": {at("::1", nil), true, "[2001:db8::1]:8883", "no address of this host", false},
	} {
		r := router.New(router.Config{
			Gateway:  func() (netip.Addr, error) { return netip.MustParseAddr("127.0.0.2"), nil },
			Gateway6: c.gateway6, AllowLoopback: c.loopback,
		})
		q := over6()
		q.Internal = netip.MustParseAddrPort(c.internal)
		_, err := r.Map(t.Context(), q)
		if err == nil || errors.Is(err, fact.ErrNotSpoken) != c.notSpoken || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
		q.Method = fact.MethodNATPMP
		if _, err := r.Map(t.Context(), q); !errors.Is(err, fact.ErrNotSpoken) {
			t.Errorf("%s, by NAT-PMP: %v", name, err)
		}
	}
}

// at returns a Gateway6.
func at(addr string, err error) func() (netip.Addr, error) {
	a, _ := netip.ParseAddr(addr)
	return func() (netip.Addr, error) { return a, err }
}
