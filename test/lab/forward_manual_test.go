//go:build linux

package lab_test

// Forwards that a person makes in the router: the daemon looks from inside,
// and explains.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// forwardByHand makes the forward in the router as its page does: for what
// comes from the street, and with loopback for what comes from the home, too.
func (p *port) forwardByHand(t *testing.T, loopback bool) {
	t.Helper()
	rule := func(chain, text string, args ...any) {
		t.Helper()
		p.Router.Run(t, "nft", append([]string{"add", "rule", "inet", "filter", chain}, strings.Fields(fmt.Sprintf(text, args...))...)...)
	}
	from := "iifname wan0 "
	if loopback {
		from = ""
		// The answers must come back through the router.
		rule("postrouting", "ip saddr 192.168.77.0/24 ip daddr %s tcp dport %d masquerade", p.at.Addr(), p.at.Port())
	}
	rule("prerouting", from+"ip daddr %s tcp dport %d dnat ip to %s", p.WANAddress(), lab.BrokerPort, p.at)
	rule("forward", "ct status dnat accept")
}

func TestForwardByHand(t *testing.T) {
	t.Parallel() // it waits more than it works
	const manual = "\n[portmap]\nmethods = [\"manual\"]\n"
	for _, c := range []struct {
		name, more        string
		upnp              bool // the router could be asked
		forward, loopback bool
		verdict           string
		words             []string // of the link's summary
	}{
		{"seen from inside", manual, false, true, true, "pass",
			[]string{"made by hand, works", "mqtt was reached at its public address", "11.22.33.44:8883"}},
		{"without loopback", manual, false, true, false, "warn",
			[]string{"is left to you", "was not reached at its public address", "the forward is missing, or", "no NAT loopback"}},
		{"not made", manual, false, false, false, "warn",
			[]string{"is left to you", "was not reached at its public address", "the forward is missing, or", "no NAT loopback"}},
		{"on a router that could be asked", manual, true, true, true, "pass", []string{"made by hand, works"}},
		{"on a router that speaks nothing", "", false, true, true, "pass",
			[]string{"made by hand, works", "mqtt was reached at its public address"}},
		{"on a router that speaks nothing, without loopback", "", false, true, false, "warn",
			[]string{"must be forwarded by hand", "no router that speaks UPnP-IGD", "was not reached", "no NAT loopback"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			lab.Require(t)
			h := lab.New(t, lab.Options{})
			h.StartPublicDNS(t)
			h.StartEcho(t, secondEcho)
			if c.upnp {
				h.StartRouter(t)
			}
			p := portOf(t, h, h.NAS)
			if c.forward {
				p.forwardByHand(t, c.loopback)
			}
			d := p.StartEdgeguard(t, lab.EdgeguardOptions{Config: replaceLine(t, p.config(t, c.more), "sources = ", fmt.Sprintf("sources = [%q, %q]", lab.EchoURL, "https://"+secondEcho+"/"))})
			lab.Eventually(t, 2*lab.Patience, d.WantLink("forward", c.verdict))
			s, err := d.Status()
			if err != nil {
				t.Fatal(err)
			}
			link := s.Link("forward")
			for _, word := range c.words {
				if !strings.Contains(link.Summary, word) {
					t.Errorf("the link says nothing of %q: %s", word, link.Summary)
				}
			}
			// The truth, from the street.
			if err := p.open(lab.BrokerPort)(); (err == nil) != c.forward {
				t.Errorf("from the street: %v", err)
			}
			f, err := d.Forward()
			if err != nil || f.State != "manual" || f.Method != "manual" {
				t.Errorf("the forward is %+v, %v", f, err)
			}
			// What was seen to work leaves nothing to do.
			for _, step := range []string{"from outside", "http://192.168.77.1/", "external port 8883, to 192.168.77.10, internal port 8883"} {
				if strings.Contains(link.Action, step) != (c.verdict != "pass") {
					t.Errorf("of %q: %s", step, link.Action)
				}
			}
			if c.upnp {
				if made := p.Mappings(t); len(made) != 0 {
					t.Errorf("the router was asked all the same: %v", made)
				}
			}
			t.Logf("%s: %s | %s", link.Status, link.Summary, link.Action)
			d.Stop(t)
			if err := p.open(lab.BrokerPort)(); (err == nil) != c.forward {
				t.Errorf("after the stop, from the street: %v", err)
			}
		})
	}
}
