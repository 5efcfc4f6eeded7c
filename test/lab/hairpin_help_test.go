//go:build linux

package lab_test

// What the tests of the verdicts read of the status, and the router's ways with
// calls from its own home.

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// verdicts is what the status says of the loopback and of the outside.
type verdicts struct {
	Hairpin struct {
		Verdict    string   `json:"verdict"`
		Evidence   []string `json:"evidence"`
		SourceSeen string   `json:"source_seen"`
	} `json:"hairpin"`
	Outside []struct {
		Service, Verdict, Detail string
	} `json:"outside"`
	Chain []struct {
		ID, Status, Summary, Action string
		Evidence                    []string
	} `json:"chain"`
}

func verdictsOf(d *lab.Daemon) (v verdicts, err error) {
	s, err := d.Status()
	if err == nil {
		err = json.Unmarshal(s.Raw, &v)
	}
	return v, err
}

// evidence is that of a link, a line each.
func (v verdicts) evidence(id string) string {
	for _, l := range v.Chain {
		if l.ID == id {
			return strings.Join(l.Evidence, "\n")
		}
	}
	return ""
}

// rule adds a rule to a chain of the router's.
func rule(t *testing.T, h *lab.Home, chain, format string, args ...any) {
	t.Helper()
	h.Router.Run(t, "nft", append([]string{"add", "rule", "inet", "filter", chain}, strings.Fields(fmt.Sprintf(format, args...))...)...)
}

// loopBack has the router lead calls from its home to its public address back to
// the NAS, at the broker's port and at those of loopback tests. how is what
// becomes of the source address; empty leaves it as it is.
func loopBack(t *testing.T, h *lab.Home, how string) {
	t.Helper()
	rule(t, h, "prerouting", "iifname br0 ip daddr %s tcp dport { %d, 49152-65535 } dnat ip to %s", h.WANAddress(), lab.BrokerPort, lab.NASAddr)
	if how != "" {
		rule(t, h, "postrouting", "oifname br0 ip saddr 192.168.77.0/24 ip daddr %s %s", lab.NASAddr, how)
	}
}

// tested reports whether the router was asked for a mapping of a loopback test.
func tested(h *lab.Home) bool { return strings.Contains(h.RouterLog(), "loopback test (edgeguard)") }

// left lists the mappings on the router that are not the broker's.
func left(t *testing.T, h *lab.Home) []lab.Mapping {
	t.Helper()
	return slices.DeleteFunc(h.Mappings(t), func(m lab.Mapping) bool { return m.External == lab.BrokerPort })
}

// startKnown starts the daemon with a public address that it need not find out.
func (p *port) startKnown(t *testing.T, more string) *lab.Daemon {
	t.Helper()
	text := replaceLine(t, p.config(t, more), "sources = ", fmt.Sprintf("sources = [%q]", "static:"+p.WANAddress().String()))
	return p.StartEdgeguard(t, lab.EdgeguardOptions{Config: text})
}
