//go:build linux

package main

// The tables.

import (
	"fmt"
	"strings"
)

// what tells what a figure of a sample is of.
type what struct {
	workload string
	rate     int
}

func (w what) String() string { return w.workload + ", " + rateName(w.rate) }

// grouped is what was measured: of what, of which server, in which round.
type grouped map[what]map[string]byRound

func group(samples []sample, value func(sample) float64) grouped {
	g := grouped{}
	for _, s := range samples {
		w := what{s.Workload, s.Rate}
		if g[w] == nil {
			g[w] = map[string]byRound{}
		}
		if g[w][s.Server] == nil {
			g[w][s.Server] = byRound{}
		}
		g[w][s.Server][s.Round] = value(s)
	}
	return g
}

// order returns what there is in the order in which it was measured first.
func order(samples []sample) []what {
	var list []what
	seen := map[what]bool{}
	for _, s := range samples {
		if w := (what{s.Workload, s.Rate}); !seen[w] {
			seen[w] = true
			list = append(list, w)
		}
	}
	return list
}

// report is all tables, in Markdown.
func report(samples []sample, servers []peer) string {
	var b strings.Builder
	kinds := order(samples)
	cost := group(samples, sample.cost)
	speed := group(samples, func(s sample) float64 { return s.speed() / 1000 })
	fmt.Fprintf(&b, "\nCPU time of the server for each question answered, in µs: median (smallest to largest)\n\n")
	table(&b, kinds, servers, cost, func(what) bool { return true })
	fmt.Fprintf(&b, "\nThousand answers a second at saturation\n\n")
	table(&b, kinds, servers, speed, func(w what) bool { return w.rate == 0 })
	fmt.Fprintf(&b, "\nAgainst the targets: median of the rounds' ratios\n\n")
	verdicts(&b, kinds, servers, cost, speed)
	remarks(&b, samples)
	return b.String()
}

// remarks writes what was not as it should be.
func remarks(b *strings.Builder, samples []sample) {
	var list []string
	for _, s := range samples {
		if r := s.remark(); r != "" {
			list = append(list, r)
		}
	}
	if len(list) > 0 {
		fmt.Fprintf(b, "\nRemarks on %d of %d measurements\n\n- %s\n", len(list), len(samples), strings.Join(list, "\n- "))
	}
}

// table writes a row for each of kinds that is wanted, a column for each server.
func table(b *strings.Builder, kinds []what, servers []peer, values grouped, wanted func(what) bool) {
	head, rule := "| |", "|-|"
	for _, s := range servers {
		head += " " + s.name + " |"
		rule += "-|"
	}
	fmt.Fprintln(b, head+"\n"+rule)
	for _, w := range kinds {
		if !wanted(w) {
			continue
		}
		fmt.Fprintf(b, "| %s |", w)
		for _, s := range servers {
			fmt.Fprintf(b, " %s |", cell(values[w][s.name].summary()))
		}
		fmt.Fprintln(b)
	}
}

func cell(s summary) string {
	switch s.N {
	case 0:
		return "–"
	case 1:
		return figure(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", figure(s.Median), figure(s.Min), figure(s.Max))
}

// figure writes a number with as many digits as mean something.
func figure(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
