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
	realTime = o.realTime
	var servers []peer
	all, _ := known(o)
	for _, p := range all {
		if program, ok := h.Programs[p.name]; ok {
			p.program = program
			servers = append(servers, p)
		}
	}
	b := &bench{dir: h.Dir, seconds: o.seconds, port: 20000}
	defer b.endAll()
	upstream, err := b.startUpstream(ctx)
	if err != nil {
		return err
	}
	defer upstream.stop(time.Second)
	p := &plan{rounds: o.rounds, workloads: o.workloads, rates: o.rates}
	samples, failed := b.rounds(ctx, p, servers, func(f string, a ...any) { fmt.Fprintf(os.Stderr, f, a...) })
	fmt.Print(report(samples, servers))
	if o.json != "" {
		text, err := json.MarshalIndent(samples, "", "\t")
		failed = append(failed, err, os.WriteFile(o.json, text, 0o644))
	}
	return errors.Join(failed...)
}
