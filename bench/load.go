//go:build linux

package main

// The own client, for throughput: bench/c/load.c says what makes it cheap.

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// window is how many questions of the own client wait, over eight sockets: more
// than any server needs to be busy all the time, and few enough for the 208 KiB
// that a socket holds by default. docs/performance.md has what was tried.
const window = 128

// ownLoad is what the own client is to do.
type ownLoad struct {
	program   string
	port      int
	questions string // the file
	seconds   float64
	window    int
	core      int // the core it is kept on
	realTime  bool
}

func (l ownLoad) argv() []string {
	return []string{"taskset", "-c", strconv.Itoa(l.core), l.program, strconv.Itoa(l.port), l.questions,
		strconv.FormatFloat(l.seconds, 'f', -1, 64), strconv.Itoa(l.window)}
}

// run runs the own client to its end.
func (l ownLoad) run(ctx context.Context) (tally, error) {
	return finish(ctx, l.argv(), l.realTime, parseLoad)
}

// finish runs a client to its end and reads what it counted.
func finish(ctx context.Context, argv []string, realTime bool, parse func(string) (tally, error)) (tally, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = cleanEnv()
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	err := spawn(cmd, realTime)
	if err == nil {
		err = cmd.Wait()
	}
	out := text.String()
	if ctx.Err() != nil {
		return tally{}, ctx.Err()
	}
	if err != nil {
		return tally{}, fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
	}
	t, err := parse(out)
	if err != nil {
		return tally{}, fmt.Errorf("%w in\n%s", err, out)
	}
	t.ClientCPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return t, nil
}

// loadProgram is where compile has put the own client.
func (b *bench) loadProgram() string { return filepath.Join(b.dir, "load") }

// parseLoad reads what load.c prints: a line for each count, with its name
// before it, and for each rcode that came.
func parseLoad(out string) (tally, error) {
	var t tally
	counts := map[string]*int{"sent": &t.Sent, "answered": &t.Completed, "lost": &t.Lost, "stray": &t.Stray, "rcode 0": &t.NoError}
	needed := map[string]bool{"sent": true, "answered": true, "lost": true, "stray": true, "seconds": true}
	rcodes := 0
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		at := strings.LastIndexByte(line, ' ')
		if at < 0 {
			return tally{}, fmt.Errorf("the own client wrote %q", line)
		}
		name, value := line[:at], line[at+1:]
		n, err := strconv.ParseUint(value, 10, 62)
		switch {
		case name == "seconds":
			var seconds float64
			seconds, err = strconv.ParseFloat(value, 64)
			if err == nil && !(seconds >= 0 && seconds < 1e6) {
				err = strconv.ErrRange
			}
			t.RunTime = time.Duration(seconds * 1e9)
		case counts[name] != nil:
			*counts[name] = int(n)
		case !strings.HasPrefix(name, "rcode "):
			err = strconv.ErrSyntax
		}
		if err != nil {
			return tally{}, fmt.Errorf("the own client wrote %q: %w", line, err)
		}
		if strings.HasPrefix(name, "rcode ") {
			rcodes += int(n)
		}
		delete(needed, name)
	}
	if len(needed) > 0 || rcodes != t.Completed || t.Completed+t.Lost != t.Sent {
		return tally{}, fmt.Errorf("the own client's counts do not add up")
	}
	return t, nil
}
