//go:build linux

package main

// The command line.

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// options are the flags.
type options struct {
	rounds         int
	seconds        float64
	only           string
	workloads      []string
	rates          []int
	builds         []string
	source         string
	coreDNS, short bool
	realTime       bool
	markdown, json string
}

func parseFlags(args []string) (options, error) {
	var o options
	var workload, rates string
	f := flag.NewFlagSet("bench/run", flag.ContinueOnError)
	f.IntVar(&o.rounds, "rounds", 5, "how often everything is measured")
	f.Float64Var(&o.seconds, "seconds", 1, "how long one measurement takes")
	f.StringVar(&o.only, "only", "", "the servers to measure, as a list with commas; all if empty")
	f.StringVar(&workload, "workload", "", "what to measure, as a list of "+strings.Join(allWorkloads, ",")+"; all if empty")
	f.StringVar(&rates, "rates", "2000,20000,max", "the rates, in questions a second; max is saturation")
	f.StringVar(&o.source, "source", ".", "the source tree, or the program, that is measured as edgeguard")
	f.Func("build", "NAME=PATH: a source tree or a program of edgeguard to measure beside; may be given again", func(s string) error {
		if name, path, ok := strings.Cut(s, "="); !ok || name == "" || path == "" {
			return errors.New("it is not NAME=PATH")
		}
		o.builds = append(o.builds, s)
		return nil
	})
	f.BoolVar(&o.coreDNS, "coredns", true, "measure CoreDNS too, which takes minutes to build for the first time")
	f.BoolVar(&o.short, "short", false, "one quick round with few servers, to see that it all works")
	f.BoolVar(&o.realTime, "realtime", false, "run servers and clients before everything else on the machine, where it is not idle")
	f.StringVar(&o.markdown, "markdown", "", "a file for the tables, which are printed as well")
	f.StringVar(&o.json, "json", "", "a file for every single measurement")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.short {
		o.rounds, o.seconds, o.coreDNS = 1, 0.3, false
		if o.only == "" {
			o.only = "edgeguard,echo,unbound"
		}
	}
	var err error
	if o.workloads, err = list("workload", workload, allWorkloads); err != nil {
		return o, err
	}
	if o.rates, err = parseRates(rates); err != nil {
		return o, err
	}
	if f.NArg() > 0 || o.rounds < 1 || o.seconds < 0.1 {
		return o, errors.New("bench/run takes flags only, at least one round, and at least 0.1 seconds")
	}
	return o, nil
}

// What else than the workloads of dnsperf is measured.
const (
	latencyPart = "latency"
	memoryPart  = "memory"
	startPart   = "start"
)

var allWorkloads = []string{override, cached, miss, latencyPart, memoryPart, startPart}

// list splits a flag, and refuses what is not known.
func list(flag, text string, known []string) ([]string, error) {
	if text == "" {
		return known, nil
	}
	parts := strings.Split(text, ",")
	for _, part := range parts {
		if !slices.Contains(known, part) {
			return nil, fmt.Errorf("-%s: %q is none of %s", flag, part, strings.Join(known, ", "))
		}
	}
	return parts, nil
}

func parseRates(text string) (rates []int, err error) {
	for _, part := range strings.Split(text, ",") {
		rate := 0
		if part != "max" {
			if rate, err = strconv.Atoi(part); err != nil || rate < 1 {
				return nil, fmt.Errorf("-rates: %q is no rate", part)
			}
		}
		rates = append(rates, rate)
	}
	return rates, nil
}
