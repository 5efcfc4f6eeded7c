//go:build linux

package lab_test

// A provider that answers all questions to port 53 itself: what it says of our
// record is nobody's proof, and no reason to write.

import (
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
	"github.com/miekg/dns"
)

// hijacked takes port 53 away from the home, for a resolver that is wrong about
// the name, and claims authority over it or not.
func (h *house) hijacked(t *testing.T, claims bool) {
	t.Helper()
	wrong := []string{`local-data: "` + h.name + ` A ` + lab.LiarAnswer.String() + `"`}
	if !claims {
		liar := h.StartLiar(t, h.WAN, lab.LiarAddr)
		wrong = []string{"forward-zone:", "\tname: " + h.name + ".", "\tforward-addr: " + liar.Addr.String()}
	}
	h.HijackDNS(t, h.StartUnboundWith(t, wrong...).Addr)
	answer, err := h.NAS.Ask(lab.ProvidersAddr, h.name, dns.TypeA) // where there is no DNS
	if err != nil {
		t.Fatalf("port 53 is not hijacked: this lab proves nothing: %v", err)
	}
	if len(answer.Answer) != 1 || answer.Answer[0].(*dns.A).A.String() != lab.LiarAnswer.String() || answer.Authoritative != claims {
		t.Fatalf("the hijacker answers other than it should:\n%v", answer)
	}
}

func TestHijackedPort53IsToldAndWritesNothingAgain(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	h.hijacked(t, false)
	h.toldAndWrittenOnce(t)
}

// A hijacker that claims authority gives itself away where it answers for a
// server that is none.
func TestHijackerThatClaimsAuthorityWritesNothingAgain(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	h.hijacked(t, true)
	h.toldAndWrittenOnce(t)
}

// hijackedWords are what the status says of it.
const hijackedWords = "answers DNS questions (port 53) in the place of the authoritative servers"

// toldAndWrittenOnce runs edgeguard where port 53 is hijacked: the record stays
// unconfirmed, and its link never passes.
func (h *house) toldAndWrittenOnce(t *testing.T) {
	t.Helper()
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "unconfirmed"))
	if err := saysOne(d, "ddns", hijackedWords)(); err != nil {
		t.Error(err)
	}
	// A second look, and a restart's look, change nothing about that.
	d.Stop(t)
	d.Start(t)
	lab.Eventually(t, lab.Patience, d.WantLink("wan", "pass"))
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "unconfirmed"))
	if err := d.WantLink("ddns", "pass")(); err == nil {
		t.Error("the link passes though nobody could be asked")
	}
	if got := len(h.inet.DuckDNS.Requests()); got != 1 {
		t.Errorf("the provider was written to %d times, want once: what a hijacker says is no reason to write", got)
	}
	if got := h.inet.DuckDNS.Addr(h.name); got != lab.WANAddr {
		t.Errorf("the provider has %v, want %v", got, lab.WANAddr)
	}
}

func TestRFC2136HijackedPort53IsToldAndWritesNothingAgain(t *testing.T) {
	t.Parallel() // it waits more than it works
	h, p := newPrimaryHome(t)
	// Updates go past port 53, so only the proof is in the hijacker's hands.
	section := p.Section(t, lab.PrimarySidePort, p.Secret)
	h.hijacked(t, false)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{DDNS: section})
	lab.Eventually(t, lab.Patience, wantPhase(d, "A", "unconfirmed"))
	if err := saysOne(d, "ddns", hijackedWords)(); err != nil {
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
