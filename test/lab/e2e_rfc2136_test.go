//go:build linux

package lab_test

// A zone of one's own: edgeguard keeps the record in a real BIND by TSIG
// (RFC 2136, RFC 8945), and proves it at the same BIND.

import (
	"fmt"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
	"github.com/miekg/dns"
)

// newPrimaryHome is newHome for the name at the primary.
func newPrimaryHome(t *testing.T) (*house, *lab.Primary) {
	t.Helper()
	h := newHome(t, lab.PrimaryName)
	return h, h.StartPrimary(t)
}

func TestRFC2136ColdStart(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, p := newPrimaryHome(t)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{DDNS: p.Section(t, lab.PrimaryServer, p.Secret)})
	lab.Eventually(t, lab.Patience, h.works)
	lab.Eventually(t, lab.Patience, d.WantLink("ddns", "pass"))
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
	if err := p.Want(lab.PrimaryName, dns.TypeA, lab.WANAddr)(); err != nil {
		t.Error(err)
	}
	if got := p.Updates(); got != 1 {
		t.Errorf("%d updates were sent for one change", got)
	}

	h.SetWANAddress(t, newAddr)
	lab.Eventually(t, 2*lab.Patience, p.Want(lab.PrimaryName, dns.TypeA, newAddr))
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
	if got := p.Updates(); got != 2 {
		t.Errorf("%d updates were sent for two changes", got)
	}
	noToken(t, h, d, p.Secret)
}

// What was changed by hand while the daemon was away is put right by the look
// that a start takes, and an address that was added beside ours goes.
func TestRFC2136EditByHandIsPutRight(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, edit := range []struct {
		name string
		do   func(t *testing.T, p *lab.Primary)
	}{
		{"another address", func(t *testing.T, p *lab.Primary) { p.Edit(t, lab.PrimaryName, dns.TypeA, newAddr) }},
		{"a second address", func(t *testing.T, p *lab.Primary) { p.Edit(t, lab.PrimaryName, dns.TypeA, lab.WANAddr, newAddr) }},
		{"deleted", func(t *testing.T, p *lab.Primary) { p.Edit(t, lab.PrimaryName, dns.TypeA) }},
	} {
		t.Run(edit.name, func(t *testing.T) {
			t.Parallel()
			h, p := newPrimaryHome(t)
			d := h.StartEdgeguard(t, lab.EdgeguardOptions{DDNS: p.Section(t, lab.PrimaryServer, p.Secret)})
			lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
			d.Stop(t)
			edit.do(t, p)
			d.Start(t)
			lab.Eventually(t, 2*lab.Patience, p.Want(lab.PrimaryName, dns.TypeA, lab.WANAddr))
			lab.Eventually(t, lab.Patience, wantPhase(d, "A", "verified"))
			if got := p.Updates(); got != 2 {
				t.Errorf("%d updates were sent, want one at first and one to put it right", got)
			}
		})
	}
}

func TestRFC2136WrongKeyStopsUntilTheConfigChanges(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, p := newPrimaryHome(t)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{DDNS: p.Section(t, lab.PrimaryServer, "bm90IHRoZSBrZXkgdGhhdCBpcyBhZ3JlZWQgdXBvbg==")})
	lab.Eventually(t, lab.Patience, d.WantLink("ddns", "fail"))
	if err := saysOne(d, "ddns", "key", "token", "TSIG", "secret")(); err != nil {
		t.Error(err)
	}
	forged := p.Forged()
	if forged == 0 {
		t.Fatal("the primary saw no forged update: this test proves nothing")
	}
	d.Stop(t)
	d.Start(t)
	lab.Eventually(t, lab.Patience, d.WantLink("wan", "pass"))
	lab.Eventually(t, lab.Patience, d.WantLink("ddns", "fail"))
	if again := p.Forged(); again != forged {
		t.Errorf("the stop did not outlive a restart: %d updates before, %d after", forged, again)
	}

	d.Stop(t)
	d.WriteConfig(t, h.reconfigured(t, d, p))
	d.Start(t)
	lab.Eventually(t, lab.Patience, p.Want(lab.PrimaryName, dns.TypeA, lab.WANAddr))
	lab.Eventually(t, lab.Patience, d.WantLink("ddns", "pass"))
}

// reconfigured is the daemon's config with the right key, and its old state.
func (h *house) reconfigured(t *testing.T, d *lab.Daemon, p *lab.Primary) string {
	t.Helper()
	text := h.EdgeguardConfig(t, lab.EdgeguardOptions{DDNS: p.Section(t, lab.PrimaryServer, p.Secret)})
	return replaceLine(t, text, "state_dir = ", fmt.Sprintf("state_dir = %q", d.StateDir))
}

func TestRFC2136WaitsForThePrimaryAndRecovers(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, trouble := range []struct {
		name      string
		from, end func(t *testing.T, p *lab.Primary)
	}{
		{"down", func(_ *testing.T, p *lab.Primary) { p.Kill() }, func(t *testing.T, p *lab.Primary) { p.Start(t) }},
		{"SERVFAIL", func(t *testing.T, p *lab.Primary) { p.Break(t) }, func(t *testing.T, p *lab.Primary) { p.Mend(t) }},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			t.Parallel()
			h, p := newPrimaryHome(t)
			trouble.from(t, p)
			d := h.StartEdgeguard(t, lab.EdgeguardOptions{DDNS: p.Section(t, lab.PrimaryServer, p.Secret)})
			lab.Eventually(t, 2*lab.Patience, func() error { return failsOnce(d) })
			trouble.end(t, p)
			lab.Eventually(t, 3*lab.Patience, p.Want(lab.PrimaryName, dns.TypeA, lab.WANAddr))
			lab.Eventually(t, lab.Patience, d.WantLink("ddns", "pass"))
		})
	}
}
