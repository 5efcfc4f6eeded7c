//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// perfOutput is what dnsperf 2.10.0 writes.
const perfOutput = `DNS Performance Testing Tool
Version 2.10.0

[Status] Command line: dnsperf -s 127.0.0.1 -p 5399 -d q -l 3
[Status] Sending queries (to 127.0.0.1:5399)
[Status] Started at: Fri Nov 21 20:40:50 2025
[Status] Stopping after 3.000000 seconds
[Timeout] Query timed out: msg id 3
[Status] Testing complete (time limit)

Statistics:

  Queries sent:         6020
  Queries completed:    6000 (99.67%)
  Queries lost:         20 (0.33%)

  Response codes:       NOERROR 5990 (99.83%), SERVFAIL 10 (0.17%)
  Average packet size:  request 35, response 51
  Run time (s):         3.000123
  Queries per second:   1999.918000

  Average Latency (s):  0.000051 (min 0.000012, max 0.002000)
  Latency StdDev (s):   0.000021

`

func TestParseDNSPerf(t *testing.T) {
	got, err := parseDNSPerf(perfOutput)
	want := tally{Sent: 6020, Completed: 6000, Lost: 20, NoError: 5990, RunTime: 3000123 * time.Microsecond, Latency: 51 * time.Microsecond}
	if err != nil || got != want {
		t.Errorf("%+v, %v; not %+v", got, err, want)
	}
}

// What cannot be read must not pass for a zero.
func TestParseDNSPerfRefusesWhatLacks(t *testing.T) {
	for _, lacking := range []string{"Statistics:", "Queries sent:", "Queries completed:", "Queries lost:", "Run time (s):"} {
		if got, err := parseDNSPerf(strings.Replace(perfOutput, lacking, "", 1)); err == nil {
			t.Errorf("without %q it is %+v", lacking, got)
		}
	}
	if got, err := parseDNSPerf(strings.Replace(perfOutput, "6000 (", "6.0.0 (", 1)); err == nil {
		t.Errorf("with a number that is none it is %+v", got)
	}
	got, err := parseDNSPerf(strings.Replace(perfOutput, "NOERROR 5990 (99.83%), SERVFAIL 10", "SERVFAIL 6000", 1))
	if err != nil || got.NoError != 0 {
		t.Errorf("with failures alone it is %+v, %v", got, err)
	}
}

func TestDNSPerfArguments(t *testing.T) {
	line := func(l load) string { return " " + strings.Join(l.argv(), " ") + " " }
	atRate := line(load{port: 7, questions: "q", seconds: 1.5, rate: 2000, core: -1})
	for _, part := range []string{" -l 1.5 ", " -Q 2000 ", " -p 7 ", " -d q "} {
		if !strings.Contains(atRate, part) {
			t.Errorf("%q lacks %q", atRate, part)
		}
	}
	saturated := load{port: 7, questions: "q", seconds: 1, core: 1}.argv()
	if !slices.Equal(saturated[:3], []string{"taskset", "-c", "1"}) || slices.Contains(saturated, "-Q") {
		t.Errorf("at saturation it is %q", saturated)
	}
	if once := line(load{port: 7, questions: "q", core: -1}); !strings.Contains(once, " -n 1 ") || strings.Contains(once, " -l ") {
		t.Errorf("with no time it is %q", once)
	}
}

func TestVersions(t *testing.T) {
	for out, want := range map[string]string{
		"Knot Resolver, version 5.6.0\n":                         " 5.6.0",
		"dnsdist 1.7.3 (Lua 5.1.4 [LuaJIT 2.1.0-beta3])\n":       " 1.7.3",
		"Version 1.17.1\n\nConfigure line: --x=1.2\n":            " 1.17.1",
		"BIND 9.18.49-1~deb12u3-Debian (Extended) <id:>\n":       " 9.18.49-1",
		"CoreDNS-1.15.0\nlinux/amd64, go1.26.8, \n":              " 1.15.0",
		"  -s the server (default: 127.0.0.1)\nVersion 2.10.0\n": " 2.10.0",
		"127.0.0.1\n": " ?",
	} {
		got := versionOf(t.Context(), peer{program: "printf", version: []string{"%s", out}})
		if got != want {
			t.Errorf("%q has the version %q, not %q", out, got, want)
		}
	}
}
