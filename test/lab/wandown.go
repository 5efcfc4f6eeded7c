//go:build linux

package lab

// The line to the provider: cut, mended, and meddled with.

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// CutWAN takes the router's link to the internet down, as a dead line does.
// The router keeps its address, and tells whoever wants to the outside that
// there is no way.
func (h *Home) CutWAN(t testing.TB) {
	t.Helper()
	if err := h.Router.ip("link set wan0 down"); err != nil {
		t.Fatal(err)
	}
}

// MendWAN takes the link up again; the route comes back with it. It returns
// when packets pass.
func (h *Home) MendWAN(t testing.TB) {
	t.Helper()
	if err := h.Router.ip("link set wan0 up"); err != nil {
		t.Fatal(err)
	}
	Eventually(t, Patience, h.Router.WantA(InternetAddr, nameServer, InternetAddr))
}

// Reconnect ends the router's session with the provider and begins another one
// after a while, with this address: meanwhile the line is dead and the router
// has no address. WANChanged is when the line was back.
func (h *Home) Reconnect(t testing.TB, addr netip.Addr, down time.Duration) {
	t.Helper()
	h.dropWANAddress(t)
	h.CutWAN(t)
	time.Sleep(down)
	if err := h.Router.ip("link set wan0 up"); err != nil {
		t.Fatal(err)
	}
	h.giveWANAddress(t, addr)
}

// HijackDNS makes the provider answer all questions to port 53 that leave the
// home from a server of its own, whoever they were sent to, as some do. The
// answers bear the address that was asked.
func (h *Home) HijackDNS(t testing.TB, server netip.Addr) {
	t.Helper()
	h.edge().Run(t, "nft", "add table ip hijack")
	h.edge().Run(t, "nft", "add chain ip hijack prerouting { type nat hook prerouting priority -110; }")
	for _, protocol := range []string{"udp", "tcp"} {
		h.edge().Run(t, "nft", fmt.Sprintf("add rule ip hijack prerouting iifname br0 ip daddr != 192.168.0.0/16 %s dport 53 dnat to %s", protocol, server))
	}
}

// FreeDNS ends HijackDNS.
func (h *Home) FreeDNS(t testing.TB) {
	t.Helper()
	h.edge().Run(t, "nft", "delete table ip hijack")
}
