//go:build linux

package lab

// Homes whose router is itself behind a NAT: another router in the house, or
// the provider's.

import (
	"fmt"
	"net/netip"
	"testing"
)

// NAT is what stands between the home's router and the internet.
type NAT int

const (
	// NoNAT: the router has the public address itself.
	NoNAT NAT = iota
	// DoubleNAT: another router stands in front, as where somebody put one of
	// their own behind the provider's. It has the public address; the home's
	// router has OuterNet.
	DoubleNAT
	// CarrierNAT: the provider has no public address for the home (RFC 6598).
	// Nothing in front of the router speaks UPnP.
	CarrierNAT
)

var (
	// OuterNet is the network between the two routers of DoubleNAT, and
	// CarrierNet that of CarrierNAT. The first host is in front.
	OuterNet   = netip.MustParsePrefix("192.168.178.0/24")
	CarrierNet = netip.MustParsePrefix("100.64.0.0/10")

	homeNet = netip.MustParsePrefix("192.168.77.0/24")
)

func (n NAT) between() netip.Prefix {
	if n == CarrierNAT {
		return CarrierNet
	}
	return OuterNet
}

// inside is the address of what is in front, seen from the router.
func (n NAT) inside() netip.Addr { return n.between().Addr().Next() }

// RouterWAN is the address that the home's router has on its public side.
func (h *Home) RouterWAN() netip.Addr {
	if h.behind == NoNAT {
		return h.wanAddr
	}
	return h.behind.inside().Next()
}

// wireOuter puts Outer between the internet and the router.
func (h *Home) wireOuter() error {
	bits := h.behind.between().Bits()
	err := h.Outer.ips(
		"link add br0 type veth peer name wan0 netns "+h.Router.ns,
		fmt.Sprintf("addr add %s/%d dev br0", h.behind.inside(), bits),
		"link set br0 up",
	)
	if err != nil {
		return err
	}
	err = h.Router.ips(
		fmt.Sprintf("addr add %s/%d dev wan0", h.RouterWAN(), bits),
		"link set wan0 up",
		fmt.Sprintf("route replace default via %s", h.behind.inside()),
	)
	if err != nil {
		return err
	}
	return h.Outer.loadNAT(h.dir)
}

// StartOuterRouter starts the UPnP, NAT-PMP and PCP service of the router in
// front, in a home with DoubleNAT.
func (h *Home) StartOuterRouter(t testing.TB, lines ...string) *Process {
	t.Helper()
	if h.behind != DoubleNAT {
		t.Fatal("StartOuterRouter needs a home with DoubleNAT")
	}
	return h.Outer.startUPnP(t, OuterNet, append([]string{"uuid=00000000-0000-4000-8000-00000000ed6f"}, lines...))
}
