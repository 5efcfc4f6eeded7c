//go:build linux

package main

// The tables.

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// what tells what a figure of a sample is of.
type what struct {
	workload string
	rate     int
	own      bool // asked by the own client
}

func (s sample) what() what { return what{s.Workload, s.Rate, s.Own} }

func (w what) String() string {
	if w.own {
		return w.workload + ", own client"
	}
	return w.workload + ", " + rateName(w.rate)
}

// grouped is what was measured: of what, of which server, in which round.
type grouped map[what]map[string]byRound

func group(samples []sample, value func(sample) float64) grouped {
	g := grouped{}
	for _, s := range samples {
		w := s.what()
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
		if w := s.what(); !seen[w] {
			seen[w] = true
			list = append(list, w)
		}
	}
	return list
}

// report is all tables, in Markdown.
func (r results) report(servers []peer) string {
	var b strings.Builder
	kinds := order(r.Samples)
	cost := group(r.Samples, sample.cost)
	speed := group(r.Samples, func(s sample) float64 { return s.speed() / 1000 })
	if len(kinds) > 0 {
		fmt.Fprintf(&b, "\nCPU time of the server for each question answered, in µs: median (smallest–largest)\n\n")
		table(&b, kinds, servers, cost, func(what) bool { return true })
		fmt.Fprintf(&b, "\nThousand answers a second at saturation\n\n")
		table(&b, kinds, servers, speed, func(w what) bool { return w.rate == 0 })
		busy := group(r.Samples, func(s sample) float64 { return 100 * s.CPU.Seconds() / s.RunTime.Seconds() })
		fmt.Fprintf(&b, "\nHow busy the server's core was at saturation, in %%\n\n")
		table(&b, kinds, servers, busy, func(w what) bool { return w.rate == 0 })
	}
	r.others(&b, servers)
	fmt.Fprintf(&b, "\nAgainst the targets; ratios are the median of the rounds' ratios\n\n")
	verdicts(&b, servers, r, cost, speed)
	remarks(&b, r)
	return b.String()
}

// others writes the tables of latency, memory and start.
func (r results) others(b *strings.Builder, servers []peer) {
	if len(r.Delays) > 0 {
		fmt.Fprintf(b, "\nLatency of the override in ms, while the server is idle, fills its cache at full speed, or has %d questions waiting for a silent upstream\n\n| | round | doing | p50 | p99 | max | lost | questions a second beside | of them unanswered |\n|-|-|-|-|-|-|-|-|-|\n", hangingQuestions)
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()*1000) }
	for _, d := range r.Delays {
		beside, unanswered := "–", "–"
		if d.Phase != idle {
			beside, unanswered = fmt.Sprintf("%.0f", float64(d.Other.Sent)/d.Other.RunTime.Seconds()), fmt.Sprint(d.Other.Sent-d.Other.Completed)
		}
		fmt.Fprintf(b, "| %s | %d | %s | %s | %s | %s | %d of %d | %s | %s |\n", d.Server, d.Round+1, d.Phase, ms(d.P50), ms(d.P99), ms(d.Max), d.Lost, d.Asked, beside, unanswered)
	}
	if len(r.Footprints) > 0 {
		fmt.Fprintf(b, "\nResident memory in MiB (of it anonymous)\n\n| | idle | after %d names |\n|-|-|-|\n", filledNames)
	}
	for _, f := range r.Footprints {
		fmt.Fprintf(b, "| %s | %.1f (%.1f) | %.1f (%.1f) |\n", f.Server, mib(f.Idle.RSS), mib(f.Idle.Anon), mib(f.Filled.RSS), mib(f.Filled.Anon))
	}
	if len(r.Startups) > 0 {
		fmt.Fprintf(b, "\nFrom the start to the first answer, in ms: median (smallest–largest)\n\n| | |\n|-|-|\n")
		for _, s := range servers {
			fmt.Fprintf(b, "| %s | %s |\n", s.name, cell(started(r.Startups, s.name)))
		}
	}
}

// remarks writes what was not as it should be.
func remarks(b *strings.Builder, r results) {
	var list []string
	type about struct{ server, what, text string }
	rounds := map[about][]string{}
	for _, s := range r.Samples {
		if text := s.remark(); text != "" {
			a := about{s.Server, s.what().String(), text}
			rounds[a] = append(rounds[a], fmt.Sprintf("%.0f a second and %d lost in round %d", s.speed(), s.Lost, s.Round+1))
		}
	}
	for a, in := range rounds {
		list = append(list, fmt.Sprintf("%s, %s: %s: %s", a.server, a.what, a.text, strings.Join(in, ", ")))
	}
	slices.Sort(list)
	for _, d := range r.Delays {
		if d.Phase == idle && d.P99.Seconds()*1000 > mostIdle {
			list = append(list, fmt.Sprintf("%s, latency, round %d: the machine has other work, and its figures mean nothing", d.Server, d.Round+1))
		}
	}
	for _, f := range r.Footprints {
		if f.Asked.Completed < f.Asked.Sent {
			list = append(list, fmt.Sprintf("%s, memory: %d of %d names were answered in time", f.Server, f.Asked.Completed, f.Asked.Sent))
		}
	}
	if len(list) > 0 {
		fmt.Fprintf(b, "\nRemarks\n\n- %s\n", strings.Join(list, "\n- "))
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
