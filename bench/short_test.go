//go:build linux

package main

// The whole machinery, with real servers: no figure is held against anything.

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// prepare builds the benchmark and returns a command that runs it with flags.
// All its files, and so all its children's command lines, are below tmp.
func prepare(t *testing.T, flags ...string) (cmd *exec.Cmd, tmp string) {
	t.Helper()
	lab.Require(t)
	lab.RequireTool(t, "dnsperf", "dnsperf")
	lab.RequireTool(t, "gcc", "gcc")
	lab.RequireTool(t, "taskset", "util-linux")
	program := filepath.Join(t.TempDir(), "bench")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	tmp = t.TempDir()
	cmd = exec.Command(program, append([]string{"-short", "-source", ".."}, flags...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	return cmd, tmp
}

// left returns the command lines of processes that have something to do with a
// folder.
func left(t *testing.T, dir string) (list []string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err == nil && bytes.Contains(line, []byte(dir)) {
			list = append(list, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return list
}

func wantNothingLeft(t *testing.T, tmp string) {
	t.Helper()
	if list := left(t, tmp); len(list) > 0 {
		t.Errorf("left running: %q", list)
	}
	files, err := os.ReadDir(tmp)
	if err != nil || len(files) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", files, err)
	}
}

func TestShortRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.json")
	cmd, tmp := prepare(t, "-json", file)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wantNothingLeft(t, tmp)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r results
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	measured := map[string]int{}
	for _, s := range r.Samples {
		measured[s.Server]++
		if s.Completed <= 0 || s.CPU <= 0 || s.RunTime <= 0 || s.ClientCPU <= 0 {
			t.Errorf("%+v", s)
		}
	}
	if measured["edgeguard"] != 11 || measured["unbound"] != 11 || measured["echo"] != 4 {
		t.Errorf("measured %v", measured)
	}
	if len(r.Delays) != 8 || len(r.Footprints) != 3 || len(r.Startups) != 6 {
		t.Errorf("measured %d delays, %d footprints, %d starts", len(r.Delays), len(r.Footprints), len(r.Startups))
	}
	for _, d := range r.Delays {
		if d.Asked <= 0 || d.P50 <= 0 || d.Phase != idle && d.Other.Sent <= 0 {
			t.Errorf("%+v", d)
		}
	}
	for _, f := range r.Footprints {
		if f.Idle.RSS <= 0 || f.Filled.RSS <= 0 || f.Server != "echo" && f.Asked.Completed <= 0 {
			t.Errorf("%+v", f)
		}
	}
}

// Whoever interrupts the benchmark gets the machine back as it was.
func TestInterruptedRun(t *testing.T) {
	cmd, tmp := prepare(t)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(strings.Join(left(t, tmp), "\n"), "dnsperf") {
		select {
		case <-tick.C:
		case <-ctx.Done():
			cmd.Process.Kill()
			cmd.Wait()
			t.Fatalf("nothing has been measured yet\n%s", out.String())
		}
	}
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err == nil {
		t.Errorf("an interrupted run passes for a whole one:\n%s", out.String())
	}
	wantNothingLeft(t, tmp)
}
