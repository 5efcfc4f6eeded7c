//go:build linux

package lab_test

// A provider that answers all questions to port 53 itself: what it says of our
// record is nobody's proof, and no reason to write.

import (
	"net/netip"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
	"github.com/miekg/dns"
)

// stale is what the hijacker's resolver says of the home's name.
const stale = "11.22.33.66"

// hijacked takes port 53 away from the home, for a resolver that lies about
// the name.
func (h *house) hijacked(t *testing.T) {
	t.Helper()
	liar := h.StartUnboundWith(t, `local-data: "`+h.name+` A `+stale+`"`)
	h.HijackDNS(t, liar.Addr)
	if err := h.NAS.WantA(lab.PrimaryAddr, h.name, netip.MustParseAddr(stale))(); err != nil {
		t.Fatalf("port 53 is not hijacked: this lab proves nothing: %v", err)
	}
}

func TestHijackedPort53IsToldAndWritesNothingAgain(t *testing.T) {
	h := newHome(t, lab.DuckDNSName)
	h.hijacked(t)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "unconfirmed"))
	if err := saysOne(d, "ddns", "could not be confirmed", "could not confirm", "intercept")(); err != nil {
		t.Error(err)
	}
	// A second look, and a restart's look, change nothing about that.
	d.Stop(t)
	d.Start(t)
	lab.Eventually(t, lab.Patience, d.WantLink("wan", "pass"))
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "unconfirmed"))
	if got := len(h.inet.DuckDNS.Requests()); got != 1 {
		t.Errorf("the provider was written to %d times, want once: what a hijacker says is no reason to write", got)
	}
	if got := h.inet.DuckDNS.Addr(h.name); got != lab.WANAddr {
		t.Errorf("the provider has %v, want %v", got, lab.WANAddr)
	}
}

func TestRFC2136HijackedPort53IsToldAndWritesNothingAgain(t *testing.T) {
	h, p := newPrimaryHome(t)
	// Updates go past port 53, so only the proof is in the hijacker's hands.
	section := p.Section(t, lab.PrimarySidePort, p.Secret)
	h.hijacked(t)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{DDNS: section})
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "unconfirmed"))
	if err := saysOne(d, "ddns", "could not be confirmed", "could not confirm", "intercept")(); err != nil {
		t.Error(err)
	}
	if err := p.Want(lab.PrimaryName, dns.TypeA, lab.WANAddr)(); err != nil {
		t.Error(err)
	}
	d.Stop(t)
	d.Start(t)
	lab.Eventually(t, lab.Patience, d.WantLink("wan", "pass"))
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "unconfirmed"))
	if got := p.Updates(); got != 1 {
		t.Errorf("%d updates were sent, want one", got)
	}
	h.FreeDNS(t)
	d.Stop(t)
	d.Start(t)
	lab.Eventually(t, lab.Patience, d.WantLink("ddns", "pass"))
	if got := p.Updates(); got != 1 {
		t.Errorf("%d updates were sent once the hijacker was gone, want the one before", got)
	}
}
