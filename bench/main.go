//go:build linux

package main

// What comes after what.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// known returns all servers, the builds of edgeguard first. Their program is
// what a build is made of.
func known(o options) (all []peer, builds int) {
	for _, b := range append([]string{"edgeguard=" + o.source}, o.builds...) {
		name, path, _ := strings.Cut(b, "=")
		all = append(all, edgeguard(name, path))
	}
	return append(all, peers...), len(all)
}

// programs finds or builds the programs of the servers to measure.
func programs(ctx context.Context, o options, dir string) (map[string]string, error) {
	all, builds := known(o)
	var names []string
	for _, p := range all {
		names = append(names, p.name)
	}
	only, err := list("only", o.only, names)
	if err != nil {
		return nil, err
	}
	chosen := map[string]string{}
	for i, p := range all {
		extra := i > 0 && i < builds // asked for by name already
		if !slices.Contains(only, p.name) && !extra || p.name == "coredns" && !o.coreDNS {
			continue
		}
		switch {
		case i < builds:
			chosen[p.name], err = buildEdgeguard(ctx, dir, p.name, p.program)
		case p.echo:
			chosen[p.name] = filepath.Join(dir, "echo")
		case p.name == "coredns":
			chosen[p.name], err = buildCoreDNS(ctx)
		default:
			chosen[p.name], err = exec.LookPath(p.program)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return chosen, nil
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench/run:", err)
		cancel()
		os.Exit(1)
	}
}

// run prepares, and then measures in the namespace, where it is started again.
func run(ctx context.Context, args []string) error {
	o, err := parseFlags(args)
	if err != nil {
		return err
	}
	h, ok, err := received()
	if err != nil {
		return err
	}
	if ok {
		defer os.RemoveAll(h.Dir)
		return measureAll(ctx, o, h)
	}
	dir, err := os.MkdirTemp("", "edgeguard-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	found, err := programs(ctx, o, dir)
	if err != nil {
		return err
	}
	if err := compile(ctx, dir); err != nil {
		return err
	}
	return isolate(handover{dir, found})
}

// measureAll measures and reports.
func measureAll(ctx context.Context, o options, h handover) error {
	if o.realTime {
		undo, err := pushForward()
		if err != nil {
			return err
		}
		defer undo()
	}
	var servers []peer
	all, _ := known(o)
	for _, p := range all {
		if program, ok := h.Programs[p.name]; ok {
			p.program = program
			servers = append(servers, p)
		}
	}
	b := &bench{dir: h.Dir, seconds: o.seconds, realTime: o.realTime, latencySeconds: 2, settle: 5 * time.Second, port: 20000}
	if o.short {
		b.latencySeconds, b.settle = 0.3, time.Second
	}
	defer b.endAll()
	upstream, err := b.startUpstream(ctx)
	if err != nil {
		return err
	}
	defer upstream.stop(time.Second)
	where := conditions(ctx, o, servers)
	began := time.Now()
	r, failed := b.all(ctx, o, servers)
	text := where + r.report(servers) + fmt.Sprintf("\nMeasured in %.1f minutes.\n", time.Since(began).Minutes())
	fmt.Print(text)
	if o.markdown != "" {
		failed = append(failed, os.WriteFile(o.markdown, []byte(text), 0o644))
	}
	if o.json != "" {
		every, err := json.MarshalIndent(r, "", "\t")
		failed = append(failed, err, os.WriteFile(o.json, every, 0o644))
	}
	return errors.Join(failed...)
}

// results is everything that was measured.
type results struct {
	Samples    []sample    `json:"samples"`
	Delays     []delay     `json:"delays"`
	Footprints []footprint `json:"footprints"`
	Startups   []startup   `json:"startups"`
}

// latencyRounds is how often the latency of edgeguard is measured, where there
// are as many rounds; that of the others once.
const latencyRounds = 3

// all measures everything that o asks for, and goes on after what fails.
func (b *bench) all(ctx context.Context, o options, servers []peer) (r results, failed []error) {
	parts := o.workloads
	p := &plan{rounds: o.rounds, rates: o.rates, workloads: slices.DeleteFunc(slices.Clone(parts), func(w string) bool {
		return w != override && w != cached && w != miss
	})}
	say := func(format string, a ...any) { fmt.Fprintf(os.Stderr, format, a...) }
	if len(p.workloads) > 0 {
		r.Samples, failed = b.rounds(ctx, p, servers, say)
	}
	if ctx.Err() == nil && slices.Contains(parts, latencyPart) {
		for round := range min(o.rounds, latencyRounds) {
			for _, s := range servers {
				if !s.ours && (!s.against || round > 0) || ctx.Err() != nil {
					continue
				}
				list, err := b.delays(ctx, s, round)
				r.Delays = append(r.Delays, list...)
				failed = append(failed, err)
			}
		}
		say("latency measured\n")
	}
	if ctx.Err() == nil && slices.Contains(parts, memoryPart) {
		list, errs := b.footprints(ctx, servers)
		r.Footprints, failed = list, append(failed, errs...)
		say("memory measured\n")
	}
	if ctx.Err() == nil && slices.Contains(parts, startPart) {
		list, errs := b.startups(ctx, servers, 2*o.rounds)
		r.Startups, failed = list, append(failed, errs...)
	}
	return r, append(failed, ctx.Err())
}
