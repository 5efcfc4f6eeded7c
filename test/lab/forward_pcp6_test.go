//go:build linux

package lab_test

// A pinhole by PCP over IPv6, on a real miniupnpd.

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/pcp"
	"github.com/edgeguard/edgeguard/test/lab"
)

func TestForwardPCPOpensAPinhole(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.GiveIPv6(t)
	h.Announce(t, lab.HomePrefix, time.Hour, time.Hour)
	own := h.NAS.StableAddress6(t, lab.HomePrefix)
	at := netip.AddrPortFrom(own, lab.BrokerPort)
	h.StartPCPRouter(t)
	greet(t, h.NAS, at)
	if err := hears(h.Phone, at, at); err != nil {
		t.Fatalf("in the LAN: %v", err)
	}
	if err := hearsNow(h.WAN, at, at); err == nil {
		t.Fatal("the router lets everybody in: this lab proves nothing")
	}
	m := startMapper(t, h)
	q := fact.Request{Method: fact.MethodPCP, Protocol: fact.TCP, Internal: at, ExternalPort: at.Port(), Lease: 10 * time.Minute, Nonce: pcp.NewNonce()}
	got := m.do(t, "map", q)
	if got.Grant.External != at || got.Grant.Lease != q.Lease || !got.Status.SpeaksIPv6.IsLinkLocalUnicast() || got.Status.SpeaksIPv6.Zone() != "eth0" {
		t.Errorf("granted %+v by %v", got.Grant, got.Status.SpeaksIPv6)
	}
	t.Logf("granted %s for %v by %s in %v", got.Grant.External, got.Grant.Lease, got.Status.SpeaksIPv6, got.Took)
	if err := hears(h.WAN, at, at); err != nil {
		t.Errorf("through the pinhole: %v", err)
	}
	// That one port of that one host, and no other.
	for _, other := range []netip.AddrPort{netip.AddrPortFrom(own, at.Port()+1), netip.AddrPortFrom(h.Pi.StableAddress6(t, lab.HomePrefix), at.Port())} {
		host := h.NAS
		if other.Addr() != own {
			host = h.Pi
		}
		greet(t, host, other)
		if err := hears(h.Phone, other, other); err != nil {
			t.Errorf("in the LAN: %v", err)
		}
		if err := hearsNow(h.WAN, other, other); err == nil {
			t.Errorf("%s is open, too", other)
		}
	}
	m.do(t, "unmap", q)
	if err := hearsNow(h.WAN, at, at); err == nil {
		t.Error("the pinhole is still open")
	}
	m.do(t, "map", q)
	// It is renewed by the same request, and there is one rule all the same.
	m.do(t, "map", q)
	if err := hears(h.WAN, at, at); err != nil {
		t.Errorf("renewed: %v", err)
	}
	if rules := strings.Count(h.Router.Run(t, "nft", "list", "chain", "inet", "filter", "miniupnpd"), "accept"); rules != 1 {
		t.Errorf("%d rules for one pinhole", rules)
	}
	// miniupnpd 2.3.1 loses the nonce with the renewal, and then refuses to
	// delete the pinhole: it ends two minutes later and not ten.
	last, err := m.try(order{"unmap", q})
	open := hearsNow(h.WAN, at, at) == nil
	switch {
	case err != nil:
		t.Error(err)
	case last.Err == "" && open:
		t.Error("the pinhole is still open")
	case last.Err != "" && (last.Fault == nil || last.Fault.Code != 2 || !strings.Contains(last.Err, "ends by itself in 2m0s")):
		t.Errorf("it is not given back: %s", last.Err)
	}
	t.Logf("renewed and given back: open %t, %s", open, last.Err)
}
