//go:build linux

package lab_test

// Ends and beginnings: of the line to the provider, and of the daemon.

import (
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
	"github.com/miekg/dns"
)

// outage is how long the line is down. It is what happens, not what is waited
// for.
const outage = 40 * time.Second

// A line that is down for a while and comes back with another address, as every
// night in some homes, and one that comes back with the old one.
func TestReconnectIsFollowed(t *testing.T) {
	t.Parallel() // it waits more than it works
	for name, addr := range map[string]netip.Addr{"another address": newAddr, "the same address": lab.WANAddr} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, lab.DuckDNSName)
			d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
			lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
			lab.Eventually(t, lab.Patience, h.works)
			h.Reconnect(t, addr, outage)
			back := h.WANChanged()
			lab.Eventually(t, lab.Patience, h.WAN.WantA(lab.InternetAddr, h.name, addr))
			t.Logf("right %v after the line was back", time.Since(back).Round(10*time.Millisecond))
			lab.Eventually(t, lab.Patience, d.WantLink("wan", "pass"))
			lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
			lab.Eventually(t, 2*lab.Patience, h.works)
			want := 1
			if addr != lab.WANAddr {
				want = 2
			}
			if got := len(h.inet.DuckDNS.Requests()); got != want {
				t.Errorf("%d writes, want %d", got, want)
			}
		})
	}
}

// With on_exit = "delete" a stop takes the record away, and nothing else of the
// name; a crash takes nothing away.
func TestOnExitDeletesTheRecord(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, p := newPrimaryHome(t)
	ours := netip.MustParseAddr("2a0e:99::1") // an AAAA record that was made by hand
	p.Edit(t, lab.PrimaryName, dns.TypeAAAA, ours)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{DDNS: p.Section(t, lab.PrimaryServer, p.Secret) + "on_exit = \"delete\"\n"})
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
	d.Kill()
	if err := p.Want(lab.PrimaryName, dns.TypeA, lab.WANAddr)(); err != nil {
		t.Error("after a crash:", err)
	}
	d.Start(t)
	lab.Eventually(t, lab.Patience, d.WantLink("ddns", "pass"))
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for rtype, want := range map[uint16][]netip.Addr{dns.TypeA: nil, dns.TypeAAAA: {ours}} {
		if err := p.Want(lab.PrimaryName, rtype, want...)(); err != nil {
			t.Error("after a stop:", err)
		}
	}
	d.Start(t)
	lab.Eventually(t, 2*lab.Patience, p.Want(lab.PrimaryName, dns.TypeA, lab.WANAddr))
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
}
