package status_test

// What of a forward is proven, from inside and from outside.

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/hairpin/checker"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/status"
)

func TestForwardSaysWhatIsProven(t *testing.T) {
	const none = "nothing from inside can prove"
	for name, c := range map[string]struct {
		state   portmap.State
		method  string
		link    fact.Verdict // the keeper's
		looped  bool
		checker checker.Verdict // empty: none configured
		want    fact.Verdict
		says    []string
		never   []string
		action  string // part; empty: none
	}{
		"no checker": {portmap.StateActive, "igd", fact.VerdictPass, false, "", fact.VerdictPass,
			[]string{"proven from inside: the router says that it forwards port 8883", none}, []string{"a checker on the Internet ("}, ""},
		"granted, looped back": {portmap.StateActive, "pcp", fact.VerdictPass, true, "", fact.VerdictPass,
			[]string{"the router granted port 8883", "proven from inside: 11.22.33.44:8883, called from inside", none}, []string{"says that it forwards"}, ""},
		"open": {portmap.StateActive, "igd", fact.VerdictPass, false, checker.Open, fact.VerdictPass,
			[]string{"proven from inside", "from outside: a checker on the Internet (checker.example) reached mqtt at port 8883"}, []string{none}, ""},
		"closed": {portmap.StateActive, "igd", fact.VerdictPass, true, checker.Closed, fact.VerdictWarn,
			[]string{"could not reach mqtt at port 8883: status 503"}, []string{none}, "Ask your provider"},
		"unknown is not closed": {portmap.StateActive, "igd", fact.VerdictPass, false, checker.Unknown, fact.VerdictPass,
			[]string{"could not say whether it reaches mqtt at port 8883: status 503"}, []string{"could not reach"}, ""},
		"by hand, unseen, open": {portmap.StateManual, "manual", fact.VerdictUnknown, false, checker.Open, fact.VerdictPass,
			[]string{"reached mqtt"}, []string{"proven from inside"}, ""},
		"by hand, not reached from inside, open": {portmap.StateManual, "manual", fact.VerdictWarn, false, checker.Open, fact.VerdictPass,
			[]string{"reached mqtt"}, nil, ""},
		"by hand, closed": {portmap.StateManual, "manual", fact.VerdictUnknown, false, checker.Closed, fact.VerdictWarn,
			[]string{"could not reach"}, nil, "Ask your provider"},
		"a failure stays one": {portmap.StateFailed, "igd", fact.VerdictFail, false, checker.Open, fact.VerdictFail,
			[]string{"reached mqtt"}, nil, "the keeper's"},
		"a failure is not made light of": {portmap.StateFailed, "igd", fact.VerdictFail, false, checker.Closed, fact.VerdictFail,
			[]string{"could not reach mqtt"}, nil, "the keeper's"},
	} {
		t.Run(name, func(t *testing.T) {
			in := status.Inputs{
				Router: router.Status{},
				Portmap: portmap.Status{
					Forwards: []portmap.ForwardStatus{{Service: "mqtt", Protocol: fact.TCP, ExternalPort: 8883, State: c.state, Method: c.method,
						Internal: netip.MustParseAddrPort("192.168.1.10:8883")}},
					Link: fact.Link{Verdict: c.link, Summary: "what the keeper says", Evidence: []string{"own"}},
				},
			}
			if c.link == fact.VerdictFail {
				in.Portmap.Link.Action = "the keeper's"
			}
			if c.looped {
				in.Hairpin.Services = []hairpin.ServiceStatus{{Name: "mqtt", Outside: hairpin.LoopbackYes, OutsideEvidence: "11.22.33.44:8883, called from inside, serves the service's own key"}}
			}
			if c.checker != "" {
				in.Outside = checker.Status{Host: "checker.example", Checks: []checker.Check{{
					Port: checker.Port{Service: "mqtt", External: 8883}, Verdict: c.checker, Detail: "status 503", CheckedAt: noon,
				}}}
			}
			s := status.NewBuilder(noSecrets).Build(in, noon)
			link := s.Chain[2]
			if link.Status != c.want {
				t.Errorf("%s: %s", link.Status, link.Summary)
			}
			if kept := link.Summary == "what the keeper says"; kept != (c.want == c.link) {
				t.Errorf("summary: %s", link.Summary)
			}
			all := strings.Join(link.Evidence, "\n")
			for _, word := range c.says {
				if !strings.Contains(all, word) {
					t.Errorf("no %q in %q", word, link.Evidence)
				}
			}
			for _, word := range c.never {
				if strings.Contains(all, word) {
					t.Errorf("%q in %q", word, link.Evidence)
				}
			}
			if got := link.Action; (got == nil) != (c.action == "") || got != nil && !strings.Contains(*got, c.action) {
				t.Errorf("action %v", got)
			}
			if !slices.Equal(in.Portmap.Link.Evidence, []string{"own"}) {
				t.Error("the keeper's own evidence was changed")
			}
			if (s.Outside != nil) != (c.checker != "") || s.Outside != nil && s.Outside[0].Verdict != string(c.checker) {
				t.Errorf("the section says %+v", s.Outside)
			}
		})
	}
}
