//go:build linux

package main

// The targets, and whether they are met.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// verdicts writes how each build of edgeguard stands against the targets.
func verdicts(b *strings.Builder, kinds []what, servers []peer, cost, speed grouped) {
	fmt.Fprintln(b, "| | against | ratio | target | |\n|-|-|-|-|-|")
	for _, ours := range servers {
		if ours.against || ours.echo || slices.ContainsFunc(peers, func(p peer) bool { return p.name == ours.name }) {
			continue
		}
		for _, w := range kinds {
			rivals := theirs(cost[w], servers, w.workload)
			if name := best(rivals, false); name != "" {
				line(b, ours.name+": CPU, "+w.String(), "best peer, "+name, ratios(cost[w][ours.name], rivals[name]), costTarget(w), false)
			}
			echoed := cost[what{override, w.rate}]["echo"]
			if limit := echoTarget(w); limit > 0 && echoed != nil {
				line(b, ours.name+": CPU, "+w.String(), "C echo", ratios(cost[w][ours.name], echoed), limit, false)
			}
			if w.rate == 0 && w.workload != miss {
				rivals := theirs(speed[w], servers, w.workload)
				if name := best(rivals, true); name != "" {
					line(b, ours.name+": throughput, "+w.String(), "best peer, "+name, ratios(speed[w][ours.name], rivals[name]), 1.3, true)
				}
			}
		}
	}
}

// theirs is what was measured of those whom the targets name: all four, but of
// misses unbound and dnsmasq.
func theirs(all map[string]byRound, servers []peer, workload string) map[string]byRound {
	rivals := maps.Clone(all)
	for name := range rivals {
		i := slices.IndexFunc(servers, func(p peer) bool { return p.name == name })
		if i < 0 || !servers[i].against || workload == miss && name != "unbound" && name != "dnsmasq" {
			delete(rivals, name)
		}
	}
	return rivals
}

func costTarget(w what) float64 {
	if w.workload != miss && w.rate == 0 {
		return 0.8
	}
	return 1
}

// echoTarget is 0 where there is none.
func echoTarget(w what) float64 {
	switch {
	case w.workload == miss:
		return 0
	case w.rate == 0:
		return 1.5
	}
	return 1.3
}

func line(b *strings.Builder, of, against string, ratio summary, target float64, atLeast bool) {
	if ratio.N == 0 {
		fmt.Fprintf(b, "| %s | %s | – | | not measured |\n", of, against)
		return
	}
	sign, met := "≤", ratio.Median <= target
	if atLeast {
		sign, met = "≥", ratio.Median >= target
	}
	verdict := "missed"
	if met {
		verdict = "met"
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s %g | %s |\n", of, against, cell(ratio), sign, target, verdict)
}
