//go:build linux

package main

// Under which conditions it was measured: they belong to the figures.

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// versionNumber is how the programs say it; other numbers stand around it.
var versionNumber = regexp.MustCompile(`(?:[Vv]ersion |dnsdist |BIND |CoreDNS-)(\d+\.\d+[0-9A-Za-z.+-]*)`)

// versionOf asks a program for its version; "?" is what cannot be found out.
func versionOf(ctx context.Context, p peer) string {
	if p.version == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, _ := exec.CommandContext(ctx, p.program, p.version...).CombinedOutput() // some exit with 1 after it
	if found := versionNumber.FindSubmatch(out); found != nil {
		return " " + string(found[1])
	}
	return " ?"
}

// conditions are a list in Markdown: the date, the machine, the versions.
func conditions(ctx context.Context, o options, servers []peer) string {
	var b strings.Builder
	item := func(format string, a ...any) { fmt.Fprintf(&b, "- "+format+"\n", a...) }
	item("%s, %s", time.Now().UTC().Format("2006-01-02 15:04 UTC"), commit(ctx, o.source))
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err == nil {
		item("%s, %d cores, Linux %s, %s", processor(), runtime.NumCPU(), unix.ByteSliceToString(kernel.Release[:]), runtime.Version())
	}
	item("the load of the last minute before the start: %s", load1())
	var versions []string
	for _, p := range slices.Concat(servers, []peer{{name: "dnsperf", program: "dnsperf", version: []string{"-h"}}}) {
		if v := versionOf(ctx, p); v != "" {
			versions = append(versions, p.name+v)
		}
	}
	item("%s", strings.Join(versions, ", "))
	item("`bench/run %s`", strings.Join(os.Args[1:], " "))
	return b.String()
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // it may say nothing
	_, name, _ := strings.Cut(string(text), "model name\t: ")
	name, _, _ = strings.Cut(name, "\n")
	if name == "" {
		return runtime.GOARCH
	}
	return name
}

func load1() string {
	text, _ := os.ReadFile("/proc/loadavg") // it may be missing
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// commit says what was built, where git knows.
func commit(ctx context.Context, dir string) string {
	out, err := exec.CommandContext(ctx, "git", "-C", dir, "describe", "--always", "--dirty").Output()
	if err != nil {
		return "a tree that git does not know"
	}
	return "commit " + strings.TrimSpace(string(out))
}
