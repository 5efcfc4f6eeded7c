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
func verdicts(b *strings.Builder, servers []peer, r results, cost, speed grouped) {
	fmt.Fprintln(b, "| | against | ratio | target | |\n|-|-|-|-|-|")
	for _, ours := range servers {
		if !ours.ours {
			continue
		}
		for _, w := range order(r.Samples) {
			if w.own { // the cost is judged by dnsperf, which everybody has
				rivals := theirs(speed[w], servers, w.workload)
				if name := best(rivals, true); name != "" {
					line(b, ours.name+": throughput, "+w.String(), "best peer, "+name, ratios(speed[w][ours.name], rivals[name]), 1.3, true)
				}
				continue
			}
			rivals := theirs(cost[w], servers, w.workload)
			if name := best(rivals, false); name != "" {
				line(b, ours.name+": CPU, "+w.String(), "best peer, "+name, ratios(cost[w][ours.name], rivals[name]), costTarget(w), false)
			}
			echoed := cost[what{workload: override, rate: w.rate}]["echo"]
			if limit := echoTarget(w); limit > 0 && echoed != nil {
				line(b, ours.name+": CPU, "+w.String(), "C echo", ratios(cost[w][ours.name], echoed), limit, false)
			}
		}
		limits(b, ours.name, r)
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

// line writes a row for a ratio.
func line(b *strings.Builder, of, against string, ratio summary, target float64, atLeast bool) {
	sign, met := "≤", ratio.Median <= target
	if atLeast {
		sign, met = "≥", ratio.Median >= target
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s %g | %s |\n", of, against, cell(ratio), sign, target, verdict(ratio.N, met))
}

func verdict(n int, met bool) string {
	switch {
	case n == 0:
		return "not measured"
	case met:
		return "met"
	}
	return "**missed**"
}

// mostIdle is the p99 of an idle server in milliseconds above which the machine
// has other work, and a difference to it tells nothing.
const mostIdle = 1

// limits writes a row for each limit that is no ratio.
func limits(b *strings.Builder, ours string, r results) {
	against := "–"
	row := func(of, unit string, s summary, most float64) {
		if s.N > 0 {
			fmt.Fprintf(b, "| %s: %s | %s | %s %s | ≤ %g %s | %s |\n", ours, of, against, cell(s), unit, most, unit, verdict(s.N, s.Median <= most))
		}
	}
	base := p99(r.Delays, ours, idle)
	for _, phase := range []string{filling, hanging} {
		above := byRound{}
		for round, v := range p99(r.Delays, ours, phase) {
			if base[round] <= mostIdle {
				above[round] = v - base[round]
			}
		}
		if machine := p99(r.Delays, ours, floor).summary(); machine.N > 0 && phase == filling {
			against = fmt.Sprintf("the echo's p99 beside it: %s ms", cell(machine))
		}
		row("p99 of the override while "+phase+", above idle", "ms", above.summary(), 1)
		against = "–"
	}
	for _, f := range r.Footprints {
		if f.Server == ours {
			row("resident, idle", "MiB", summarize([]float64{mib(f.Idle.RSS)}), 16)
			row(fmt.Sprintf("resident, after %d names", filledNames), "MiB", summarize([]float64{mib(f.Filled.RSS)}), 32)
		}
	}
	row("start to first answer", "ms", started(r.Startups, ours), 50)
}

// p99 returns the 99th percentiles in milliseconds.
func p99(delays []delay, server, phase string) byRound {
	got := byRound{}
	for _, d := range delays {
		if d.Server == server && d.Phase == phase {
			got[d.Round] = d.P99.Seconds() * 1000
		}
	}
	return got
}

// started returns the start times in milliseconds.
func started(startups []startup, server string) summary {
	var values []float64
	for _, s := range startups {
		if s.Server == server {
			values = append(values, s.Took.Seconds()*1000)
		}
	}
	return summarize(values)
}

func mib(kib int) float64 { return float64(kib) / 1024 }
