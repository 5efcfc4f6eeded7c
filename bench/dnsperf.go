//go:build linux

package main

// dnsperf, which asks the questions.

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// load is what dnsperf is to do.
type load struct {
	port      int
	questions string  // the file
	seconds   float64 // for how long; 0 means until the file has been asked once
	rate      int     // questions a second; 0 means as many as come back
	core      int     // the core it is kept on; below 0, any

	outstanding int // how many questions may wait; 0 means 100
	patience    int // seconds that an answer is waited for; 0 means 2
	realTime    bool
}

// clients is how many sockets dnsperf asks from: a house has more than one
// device, and a server that spreads clients over sockets must have some to
// spread.
const clients = 8

// argv is the command line. It ends at the file's end only where there is no
// time: questions that must be asked once are in files that are long enough,
// which run checks.
func (l load) argv() []string {
	number := func(n, otherwise int) string { return strconv.Itoa(cmp.Or(n, otherwise)) }
	argv := []string{"dnsperf", "-s", "127.0.0.1", "-p", strconv.Itoa(l.port), "-d", l.questions,
		"-c", strconv.Itoa(clients), "-T", "1", "-q", number(l.outstanding, 100), "-t", number(l.patience, 2)}
	if l.seconds > 0 {
		argv = append(argv, "-l", strconv.FormatFloat(l.seconds, 'f', -1, 64))
	} else {
		argv = append(argv, "-n", "1")
	}
	if l.rate > 0 {
		argv = append(argv, "-Q", strconv.Itoa(l.rate))
	}
	if l.core >= 0 {
		argv = append([]string{"taskset", "-c", strconv.Itoa(l.core)}, argv...)
	}
	return argv
}

// tally is what a client counted.
type tally struct {
	Sent, Completed, Lost int
	Stray                 int           // answers that nobody waited for; dnsperf does not count them
	NoError               int           // of those completed
	RunTime               time.Duration // from the first question to the last answer
	Latency               time.Duration // on the average
	ClientCPU             time.Duration // of the client itself
}

// run runs dnsperf.
func (l load) run(ctx context.Context) (tally, error) {
	return finish(ctx, l.argv(), l.realTime, parseDNSPerf)
}

var (
	perfLine    = regexp.MustCompile(`(?m)^\s*([A-Z][A-Za-z ]+?)(?: \(s\))?:\s+([0-9.]+)`)
	perfNoError = regexp.MustCompile(`NOERROR (\d+) \(`)
)

// parseDNSPerf reads the statistics at the end of dnsperf's output.
func parseDNSPerf(out string) (tally, error) {
	_, out, ok := strings.Cut(out, "\nStatistics:")
	if !ok {
		return tally{}, fmt.Errorf("dnsperf wrote no statistics")
	}
	values := map[string]float64{}
	for _, m := range perfLine.FindAllStringSubmatch(out, -1) {
		value, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return tally{}, fmt.Errorf("dnsperf's %q: %w", m[1], err)
		}
		values[m[1]] = value
	}
	for _, name := range []string{"Queries sent", "Queries completed", "Queries lost", "Run time"} {
		if _, ok := values[name]; !ok {
			return tally{}, fmt.Errorf("dnsperf wrote no line %q", name)
		}
	}
	t := tally{
		Sent: int(values["Queries sent"]), Completed: int(values["Queries completed"]), Lost: int(values["Queries lost"]),
		RunTime: time.Duration(values["Run time"] * 1e9), Latency: time.Duration(values["Average Latency"] * 1e9),
	}
	if m := perfNoError.FindStringSubmatch(out); m != nil {
		t.NoError, _ = strconv.Atoi(m[1]) // digits alone
	}
	return t, nil
}
