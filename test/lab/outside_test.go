//go:build linux

package lab_test

// A checker on the Internet, and what its word does to the link.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

func TestOutsideChecker(t *testing.T) {
	t.Parallel() // it waits more than it works
	const manual = "\n[portmap]\nmethods = [\"manual\"]\n"
	outside := fmt.Sprintf("\n[outside]\ncheck_url = %q\nexpect = \"port is open\"\n", lab.CheckerURL)
	provider := func(t *testing.T, p *port) { // it blocks the port on the way in
		p.Router.Run(t, "nft", "insert", "rule", "inet", "filter", "forward", "iifname", "wan0", "tcp", "dport", fmt.Sprint(lab.BrokerPort), "drop")
	}
	for _, c := range []struct {
		name, more string
		prepare    func(t *testing.T, p *port)
		broken     bool
		outside    string // the verdict; empty: nobody was asked
		forward    string // the link
		says       []string
		summary    string
	}{
		{"none", "", nil, false, "", "pass", []string{"proven from inside: the router says that it forwards port 8883", "nothing from inside can prove"}, "The router forwards port 8883"},
		{"open", outside, nil, false, "open", "pass", []string{"proven from inside", "from outside: a checker on the Internet (11.22.33.8) reached mqtt at port 8883"}, "The router forwards port 8883"},
		{"closed", outside, provider, false, "closed", "warn", []string{"proven from inside", "could not reach mqtt at port 8883"}, "A checker on the Internet does not reach mqtt at port 8883"},
		{"out of order", outside, provider, true, "unknown", "pass", []string{"could not say whether it reaches mqtt at port 8883: it answered with HTTP status 500"}, "The router forwards port 8883"},
		{"by hand, not to be seen from inside", manual + outside, func(t *testing.T, p *port) { p.forwardByHand(t, false) }, false, "open", "pass",
			[]string{"reached mqtt at port 8883"}, "made by hand, works: a checker on the Internet reached mqtt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			p := newPort(t)
			checker := p.StartChecker(t)
			checker.SetBroken(c.broken)
			if c.prepare != nil {
				c.prepare(t, p)
			}
			d := p.startKnown(t, c.more)
			lab.Eventually(t, 4*lab.Patience, func() error {
				v, err := verdictsOf(d)
				if err != nil {
					return err
				}
				got := ""
				if len(v.Outside) == 1 {
					got = v.Outside[0].Verdict
				}
				s, err := d.Status()
				if err != nil || got != c.outside || s.Link("forward").Status != c.forward || !strings.Contains(s.Link("forward").Summary, c.summary) {
					return fmt.Errorf("outside %+v, the link %+v, %v", v.Outside, s.Link("forward"), err)
				}
				for _, word := range c.says {
					if all := v.evidence("forward"); !strings.Contains(all, word) {
						return fmt.Errorf("no %q in %s", word, all)
					}
				}
				return nil
			})
			if asked := checker.Asked() > 0; asked != (c.outside != "") {
				t.Errorf("the checker was asked: %t", asked)
			}
			s, err := d.Status()
			if err != nil || strings.Contains(string(s.Raw)+d.Log(), lab.CheckerToken) {
				t.Errorf("the checker's secret got out: %v", err)
			}
			// The truth, from the street.
			if err := p.open(lab.BrokerPort)(); (err == nil) != (c.outside == "open" || c.outside == "") {
				t.Errorf("from the street: %v", err)
			}
		})
	}
}
