//go:build linux

package lab_test

// A line that comes and goes: every few hundred milliseconds another address.

import (
	"net/netip"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// flaps is how often the address changes here; bench/change does it a hundred
// times in a minute.
const flaps = 20

func TestFlappingAddressIsWrittenRarelyAndRightInTheEnd(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
	before := len(h.inet.DuckDNS.Requests())
	two := []netip.Addr{netip.MustParseAddr("11.22.33.61"), netip.MustParseAddr("11.22.33.62")}
	h.Flap(t, two, flaps, lab.FlapTime/5)
	h.SetWANAddress(t, newAddr)

	// Three in a minute is the promise, and all this lasts less than that.
	lab.Eventually(t, 2*lab.Patience, h.WAN.WantA(lab.InternetAddr, h.name, newAddr))
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
	if got := h.inet.DuckDNS.Addr(h.name); got != newAddr {
		t.Errorf("the provider has %v in the end, want %v", got, newAddr)
	}
	if got := len(h.inet.DuckDNS.Requests()) - before; got > 3 {
		t.Errorf("%d writes for %d flaps, want at most 3", got, flaps)
	}
}
