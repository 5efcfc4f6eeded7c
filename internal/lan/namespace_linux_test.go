package lan_test

// A host whose real addresses, routes and links come and go: this test program
// once more, in a network namespace of its own.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/lan"
	"github.com/edgeguard/edgeguard/internal/netnstest"
)

// interfaces makes two interfaces, d0 and d1.
func interfaces(t *testing.T) {
	t.Helper()
	netnstest.IP(t, "link add d0 type veth peer name d1")
	netnstest.IP(t, "link set d0 up")
	netnstest.IP(t, "link set d1 up")
}

func TestGlobalIPv6OfARealKernel(t *testing.T) {
	if !netnstest.Own(t) {
		return
	}
	if _, err := lan.GlobalIPv6(""); !errors.Is(err, lan.ErrNoIPv6Route) {
		t.Errorf("without a route: %v", err)
	}
	if _, err := lan.GatewayIPv6(); !errors.Is(err, lan.ErrNoIPv6Route) {
		t.Errorf("without a route: %v", err)
	}
	interfaces(t)
	if list, err := lan.GlobalIPv6("d0"); err != nil || list != nil {
		t.Errorf("without an address: %v, %v", list, err)
	}
	if _, err := lan.GlobalIPv6("nosuch0"); err == nil {
		t.Error("an interface that is not there has addresses")
	}
	netnstest.IP(t, "address add 2a02:8071:1::1/64 dev d0 nodad valid_lft 7200 preferred_lft 3600")
	netnstest.IP(t, "address add 2a02:8071:2::1/64 dev d0 nodad valid_lft 90000 preferred_lft 80000")
	netnstest.IP(t, "address add 2a02:8071:3::1/64 dev d0 nodad valid_lft 90000 preferred_lft 0")
	netnstest.IP(t, "address add fd00::1/64 dev d0 nodad")
	netnstest.IP(t, "address add 2a02:8071:4::1/64 dev d1 nodad")
	netnstest.IP(t, "route add default via fe80::1 dev d1 metric 2000")
	netnstest.IP(t, "route add default via fe80::1 dev d0 metric 1000")
	if router, err := lan.GatewayIPv6(); err != nil || router.String() != "fe80::1%d0" {
		t.Errorf("the router is %v, %v", router, err)
	}
	for _, iface := range []string{"d0", ""} {
		list, err := lan.GlobalIPv6(iface)
		if err != nil || len(list) != 2 {
			t.Fatalf("%q: %+v, %v", iface, list, err)
		}
		first := lan.IPv6Addr{Addr: netip.MustParseAddr("2a02:8071:2::1"), Bits: 64, Preferred: list[0].Preferred}
		if list[0] != first || list[0].Preferred > 80000*time.Second || list[0].Preferred < 79000*time.Second || list[1].Addr.String() != "2a02:8071:1::1" {
			t.Errorf("%q: %+v", iface, list)
		}
	}
	netnstest.IP(t, "route del default via fe80::1 dev d0 metric 1000")
	netnstest.IP(t, "route add default via 2a02:8071:2::99 dev d0 metric 500")
	if router, err := lan.GatewayIPv6(); err != nil || router.String() != "2a02:8071:2::99" {
		t.Errorf("the router that was written by hand is %v, %v", router, err)
	}
	netnstest.IP(t, "-6 route replace default metric 400 nexthop via fe80::3 dev d0 nexthop via fe80::4 dev d1")
	if router, err := lan.GatewayIPv6(); err != nil || router != netip.MustParseAddr("fe80::3%d0") && router != netip.MustParseAddr("fe80::4%d1") {
		t.Errorf("the router of several is %v, %v", router, err)
	}
	netnstest.IP(t, "-6 route del default via fe80::3 dev d0 metric 400")
	netnstest.IP(t, "-6 route del default via fe80::4 dev d1 metric 400")
	netnstest.IP(t, "route del default via 2a02:8071:2::99 dev d0 metric 500")
	list, err := lan.GlobalIPv6("")
	if err != nil || len(list) != 1 || list[0].Addr.String() != "2a02:8071:4::1" || list[0].Preferred != lan.Forever || !list[0].Stable {
		t.Errorf("of the other route: %+v, %v", list, err)
	}
}

func TestChangesOfARealKernel(t *testing.T) {
	if !netnstest.Own(t) {
		return
	}
	interfaces(t)
	ctx, cancel := context.WithCancel(t.Context())
	heard, ended := make(chan string, 4096), make(chan error, 1)
	go func() { ended <- lan.Changes(ctx, func(kind string) { heard <- kind }) }()
	// Whether it listens yet shows only in that it hears.
	for n, listening := 0, false; !listening; n++ {
		netnstest.IP(t, fmt.Sprintf("address add 10.77.1.%d/24 dev d0", n+1))
		select {
		case kind := <-heard:
			listening = kind == lan.ChangeAddress
		case <-time.After(200 * time.Millisecond):
			if n > 250 {
				t.Fatal("nothing is heard")
			}
		}
	}
	for _, step := range []struct{ do, want string }{
		{"address add 2a02:8071:1::1/64 dev d0 nodad valid_lft 7200 preferred_lft 3600", lan.ChangeAddress},
		{"address change 2a02:8071:1::1/64 dev d0 valid_lft 7200 preferred_lft 0", lan.ChangeAddress},
		{"route add default via fe80::1 dev d0", lan.ChangeRoute},
		{"route del default via fe80::1 dev d0", lan.ChangeRoute},
		{"link set d1 down", lan.ChangeLink},
		{"address del 2a02:8071:1::1/64 dev d0", lan.ChangeAddress},
	} {
		settle(heard)
		netnstest.IP(t, step.do)
		for kind := ""; kind != step.want; {
			select {
			case kind = <-heard:
			case <-time.After(3 * time.Minute):
				t.Fatalf("%q was not heard as %q", step.do, step.want)
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Changes returned %v", err)
	}
}

// settle waits until nothing has been heard for a while.
func settle(heard <-chan string) {
	for {
		select {
		case <-heard:
		case <-time.After(300 * time.Millisecond):
			return
		}
	}
}

func TestChangesEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := lan.Changes(ctx, func(string) {}); err != nil {
		t.Error(err)
	}
}
