package status_test

// The certificate that edgeguard keeps: its section, and its part in the link.

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status"
)

// certificateLink is the link certificate of in.
func certificateLink(t *testing.T, in status.Inputs) status.Link {
	t.Helper()
	for _, l := range status.NewBuilder(noSecrets).Build(in, noon).Chain {
		if l.ID == "certificate" {
			return l
		}
	}
	t.Fatal("there is no link certificate")
	return status.Link{}
}

func TestTheLinkCertificateIsTheWorseOfBoth(t *testing.T) {
	const pass, warn, fail, unknown = fact.VerdictPass, fact.VerdictWarn, fact.VerdictFail, fact.VerdictUnknown
	for _, c := range []struct {
		seen, kept fact.Verdict
		want       fact.Verdict
		summary    string
		action     string
	}{
		{pass, pass, pass, "seen", "do this about seen"},
		{warn, pass, warn, "seen", "do this about seen"},
		{fail, pass, fail, "seen", "do this about seen"},
		{unknown, pass, unknown, "seen", "do this about seen"},
		{pass, unknown, unknown, "kept", "do this about kept"},
		{pass, warn, warn, "kept", "do this about kept"},
		{unknown, warn, warn, "kept", "do this about kept"},
		{warn, fail, fail, "kept", "do this about kept"},
		// Both find fault: its keeper knows why, and what is to be done.
		{warn, warn, warn, "kept", "do this about kept"},
		{fail, fail, fail, "kept", "do this about kept"},
		{fail, warn, fail, "seen", "do this about kept"},
		{fail, unknown, fail, "seen", "do this about kept"},
	} {
		in := full("x")
		in.Hairpin.Certificate, in.Certificate.Link = link(c.seen, "seen"), link(c.kept, "kept")
		got := certificateLink(t, in)
		if got.Status != c.want || got.Summary != c.summary || *got.Action != c.action {
			t.Errorf("seen %v, kept %v: %v, %q, %q", c.seen, c.kept, got.Status, got.Summary, *got.Action)
		}
		other := map[string]string{"seen": "kept", "kept": "seen"}[c.summary]
		want := []string{"seen " + c.summary, other, "seen " + other}
		if c.kept != pass {
			want = append(want, "to do about what is served: do this about seen")
		}
		if !slices.Equal(got.Evidence, want) {
			t.Errorf("seen %v, kept %v: the evidence is %q, want %q", c.seen, c.kept, got.Evidence, want)
		}
	}
}

func TestAKeeperThatSaysNothingChangesNothing(t *testing.T) {
	in := full("x")
	in.Certificate = cert.Status{}
	alone := certificateLink(t, in)
	for name, kept := range map[string]cert.Status{
		"mode none":      {Mode: cert.None, Phase: cert.PhaseOff, Link: link(fact.VerdictFail, "odd")},
		"no mode":        {Phase: cert.PhaseOff, Link: link(fact.VerdictFail, "odd")},
		"the zero link":  {Mode: cert.ACME, Phase: cert.PhaseKept},
		"pass, no words": {Mode: cert.ACME, Link: fact.Link{Verdict: fact.VerdictPass}},
	} {
		in.Certificate = kept
		got := certificateLink(t, in)
		if got.Status != alone.Status || got.Summary != alone.Summary || *got.Action != *alone.Action || !slices.Equal(got.Evidence, alone.Evidence) {
			t.Errorf("%s: %+v, not %+v", name, got, alone)
		}
	}
}

// A keeper in whose words there is nothing to do leaves what is to be done about
// what is seen.
func TestWhatIsToBeDoneIsNotLost(t *testing.T) {
	in := full("x")
	in.Hairpin.Certificate = link(fact.VerdictFail, "seen")
	in.Certificate.Link = fact.Link{Verdict: fact.VerdictWarn, Summary: "kept"}
	if got := certificateLink(t, in); *got.Action != "do this about seen" || slices.Contains(got.Evidence, "to do about what is served: do this about seen") {
		t.Errorf("%+v", got)
	}
}

func TestOthersLookAfterTheCertificate(t *testing.T) {
	in := full("x")
	in.Certificate = cert.Status{Mode: cert.None, Phase: cert.PhaseOff}
	s := status.NewBuilder(noSecrets).Build(in, noon)
	if k := s.Certificate; k == nil || k.Mode != "none" || k.Names != nil || k.Serving != nil || k.Held != nil {
		t.Errorf("the section is %+v", k)
	}
	if page := rendered(t, s); strings.Contains(page, `id="certificate"`) {
		t.Error("the page has a section of a certificate that is not kept")
	}
	if text := metricsOf(t, s); strings.Contains(text, "edgeguard_certificate_phase") {
		t.Error("there are metrics of a certificate that is not kept")
	}
}

func TestThePageShowsTheCertificateThatIsKept(t *testing.T) {
	in := full(`<img src=x onerror="y">`)
	page := rendered(t, status.NewBuilder(noSecrets).Build(in, noon))
	_, section, found := strings.Cut(page, `<section id="certificate"`)
	section, _, _ = strings.Cut(section, "</section>")
	if !found {
		t.Fatalf("the page has no such section: %s", page)
	}
	for _, want := range []string{
		"own authority", `href="/ca/"`, "There is a new certificate, and the broker does not serve it yet.", "Home CA &lt;img", "365 days left",
		"two thirds &lt;img", "no space &lt;img", "<code>/state/broker &lt;img", "EF 01 &lt;img", "<code>0102000", "Served by mqtt &lt;img", "it still serves another one", "has not been reached",
	} {
		if !strings.Contains(section, want) {
			t.Errorf("the section does not say %q: %s", want, section)
		}
	}
	if strings.Contains(section, "<img") {
		t.Errorf("the section holds markup of others: %s", section)
	}
	in.Certificate = cert.Status{Mode: cert.ACME, Phase: cert.PhaseIssuing, Names: []string{"a.example"}}
	page = rendered(t, status.NewBuilder(noSecrets).Build(in, noon))
	if !strings.Contains(page, "There is no certificate yet.") || !strings.Contains(page, "A certificate is being obtained.") {
		t.Errorf("without a certificate the page says %s", page)
	}
}

func TestTheTextShowsTheCertificateThatIsKept(t *testing.T) {
	var b bytes.Buffer
	if err := status.WriteText(&b, status.NewBuilder(noSecrets).Build(full("x"), noon), status.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"held    a certificate by Home CA x until 2027-11-21 11:00:00 UTC, to be renewed at 2027-07-21 11:00:00 UTC (two thirds x)\n",
		"failed  no space x; tried again at 2026-11-21 12:00:00 UTC\n",
		"served  mqtt x serves another one\n", "served  web serves it\n", "served  new is not known to serve it yet\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, &b)
		}
	}
}
