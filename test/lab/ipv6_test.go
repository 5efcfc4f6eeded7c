//go:build linux

package lab_test

// IPv6 in the lab, and the AAAA record that edgeguard makes of it.

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
	"github.com/miekg/dns"
)

// deprecated wants a host's addresses in a prefix, one at least, to be so.
func deprecated(t *testing.T, host *lab.Host, prefix netip.Prefix) func() error {
	return func() error {
		all, seen := host.Addresses6(t), 0
		for _, a := range all {
			if prefix.Contains(a.Addr) {
				seen++
				if !a.Deprecated {
					return fmt.Errorf("%s is not deprecated", a.Addr)
				}
			}
		}
		if seen == 0 {
			return fmt.Errorf("no address in %s: %+v", prefix, all)
		}
		return nil
	}
}

func TestKernelMakesAddressesOfWhatIsAnnounced(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartPublicDNS(t)
	h.GiveIPv6(t)
	h.StartEcho6(t)
	h.NAS.SetTemporaryAddresses(t)
	h.Announce(t, lab.HomePrefix, time.Hour, time.Hour)
	stable := h.NAS.StableAddress6(t, lab.HomePrefix)
	var temporary netip.Addr
	lab.Eventually(t, lab.Patience, func() error {
		for _, a := range h.NAS.Addresses6(t) {
			if a.Temporary && !a.Tentative {
				temporary = a.Addr
				return nil
			}
		}
		return fmt.Errorf("no temporary address: %+v", h.NAS.Addresses6(t))
	})
	echo := "https://[" + lab.ElsewhereAddr6.String() + "]/"
	got, err := fetch(h.NAS, h.CA, "GET", echo, "")
	if err != nil || strings.TrimSpace(got) != temporary.String() {
		t.Errorf("the world sees %q, %v; the host prefers %s", got, err, temporary)
	}

	h.Announce(t, lab.NewPrefix, time.Hour, time.Hour)
	h.Announce(t, lab.HomePrefix, time.Hour, 0)
	moved := h.NAS.StableAddress6(t, lab.NewPrefix)
	lab.Eventually(t, lab.Patience, deprecated(t, h.NAS, lab.HomePrefix))
	if stable == moved || !lab.NewPrefix.Contains(moved) {
		t.Errorf("the host's address was %s and is %s", stable, moved)
	}
	answer, err := h.WAN.Ask(lab.InternetAddr, lab.Echo6Name, dns.TypeAAAA)
	if err != nil || len(answer.Answer) != 1 {
		t.Errorf("the echo service's name: %v, %v", answer, err)
	}
}

// The AAAA record is the NAS's address that stays, not the one the kernel
// prefers for calls of its own, and follows the prefix overnight. A stays as it
// is throughout.
func TestRFC2136AAAAFollowsThePrefix(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, p := newPrimaryHome(t)
	h.GiveIPv6(t)
	h.StartEcho6(t)
	h.NAS.SetTemporaryAddresses(t)
	h.Announce(t, lab.HomePrefix, time.Hour, time.Hour)
	stable := h.NAS.StableAddress6(t, lab.HomePrefix)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{DDNS: p.Section(t, lab.PrimaryServer, p.Secret, "A", "AAAA")})
	lab.Eventually(t, 2*lab.Patience, p.Want(lab.PrimaryName, dns.TypeAAAA, stable))
	lab.Eventually(t, lab.Patience, p.Want(lab.PrimaryName, dns.TypeA, lab.WANAddr))
	lab.Eventually(t, lab.Patience, wantPhase(d, "AAAA", "verified"))
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))

	h.Announce(t, lab.NewPrefix, time.Hour, time.Hour)
	h.Announce(t, lab.HomePrefix, time.Hour, 0)
	moved := h.NAS.StableAddress6(t, lab.NewPrefix)
	lab.Eventually(t, 2*lab.Patience, p.Want(lab.PrimaryName, dns.TypeAAAA, moved))
	lab.Eventually(t, lab.Patience, wantPhase(d, "AAAA", "verified"))
	if err := p.Want(lab.PrimaryName, dns.TypeA, lab.WANAddr)(); err != nil {
		t.Error(err)
	}
}

// The AAAA record of a service on another device: the prefix of the day, and
// the device's own groups.
func TestRFC2136AAAASaysTheDeviceOfTheService(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, p := newPrimaryHome(t)
	h.GiveIPv6(t)
	h.StartEcho6(t)
	h.Announce(t, lab.HomePrefix, time.Hour, time.Hour)
	device := h.Pi.StableAddress6(t, lab.HomePrefix).As16()
	groups := netip.AddrFrom16([16]byte(append(make([]byte, 8), device[8:]...)))
	section := p.Section(t, lab.PrimaryServer, p.Secret, "AAAA") + fmt.Sprintf("ipv6_host = %q\n", groups)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{DDNS: section})
	for _, prefix := range []netip.Prefix{lab.HomePrefix, lab.NewPrefix} {
		h.Announce(t, prefix, time.Hour, time.Hour)
		if prefix != lab.HomePrefix {
			h.Announce(t, lab.HomePrefix, time.Hour, 0)
		}
		at := h.Pi.StableAddress6(t, prefix)
		if at == h.NAS.StableAddress6(t, prefix) {
			t.Fatal("both hosts have one address: this lab proves nothing")
		}
		lab.Eventually(t, 2*lab.Patience, p.Want(lab.PrimaryName, dns.TypeAAAA, at))
		lab.Eventually(t, lab.Patience, wantPhase(d, "AAAA", "verified"))
	}
	if err := p.Want(lab.PrimaryName, dns.TypeA)(); err != nil {
		t.Error("nobody asked for an A record:", err)
	}
}
