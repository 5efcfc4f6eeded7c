//go:build linux

package main

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// loadOutput is what load.c writes.
const loadOutput = "sent 6020\nanswered 6000\nlost 20\nstray 3\nseconds 3.000123\nrcode 0 5990\nrcode 2 10\n"

func TestParseLoad(t *testing.T) {
	got, err := parseLoad(loadOutput)
	want := tally{Sent: 6020, Completed: 6000, Lost: 20, Stray: 3, NoError: 5990, RunTime: 3000123 * time.Microsecond}
	if err != nil || got != want {
		t.Errorf("%+v, %v; not %+v", got, err, want)
	}
}

// What cannot be read, and what does not add up, must not pass for a figure.
func TestParseLoadRefuses(t *testing.T) {
	for _, line := range strings.SplitAfter(loadOutput, "\n") {
		if got, err := parseLoad(strings.Replace(loadOutput, line, "", 1)); line != "" && err == nil {
			t.Errorf("without %q it is %+v", line, got)
		}
	}
	for old, new := range map[string]string{
		"stray 3": "stray -3", "lost 20": "lost 19", "rcode 2 10": "rcode 2 11", "sent ": "sent",
		"seconds 3": "seconds -3", "3.000123": "NaN", "rcode 2": "load 2", "answered 6000": "answered 60.0",
	} {
		if got, err := parseLoad(strings.Replace(loadOutput, old, new, 1)); err == nil {
			t.Errorf("with %q it is %+v", new, got)
		}
	}
}

// runLoad runs the own client for two names against what answers on a port.
func runLoad(t *testing.T, port int) tally {
	t.Helper()
	lab.RequireTool(t, "gcc", "gcc")
	lab.RequireTool(t, "taskset", "util-linux")
	dir := t.TempDir()
	if err := compile(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	questions, err := writeQuestions(dir, "q", 100, func(i int) string { return strings.Repeat("long.", i%40) + "example" })
	if err != nil {
		t.Fatal(err)
	}
	got, err := ownLoad{program: filepath.Join(dir, "load"), port: port, questions: questions, seconds: 0.2, window: 32, core: 0}.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Each kind of answer must be counted as what it is, and none may end the
// client. That takes a while, as questions without an answer are waited for.
func TestOwnClientCounts(t *testing.T) {
	const kinds = 9
	var counts [kinds]atomic.Int64
	port := replier(t, func(count int, packet []byte) bool {
		kind := min(count%(16*kinds), kinds-1) // most get a good one
		counts[kind].Add(1)
		switch kind {
		case 0:
			packet[3] |= 2 // SERVFAIL
		case 1:
			packet[1] ^= 1 // another id; it may hit one that waits for another question
			packet[len(packet)-5] ^= 1
		case 2:
			packet[13] ^= 1 // another question
		case 3:
			packet[5] = 0 // no question, and yet no failure
		case 4:
			packet[4] = 0xff // 65281 questions
		case 5:
			packet[2] |= 0x80           // replier sets it, too
			packet[5], packet[3] = 0, 1 // FORMERR alone
		case 6:
			return false
		case 7:
			packet[0], packet[1] = 0xff, 0xff
			packet[12] = 0xff
		}
		return true
	})
	got := runLoad(t, port)
	var seen [kinds]int
	for kind := range seen {
		seen[kind] = int(counts[kind].Load())
	}
	bad := seen[1] + seen[2] + seen[3] + seen[4] + seen[7]
	if got.Stray != bad || got.Lost != bad+seen[6] || got.NoError != seen[8] || got.Completed != seen[0]+seen[5]+seen[8] || got.Sent != got.Completed+got.Lost {
		t.Errorf("%+v of %v", got, seen)
	}
	if bad == 0 || got.NoError == 0 || got.RunTime <= 0 || got.ClientCPU <= 0 {
		t.Errorf("%+v of %v", got, seen)
	}
}

// A server that is not there is one that loses everything.
func TestOwnClientWithoutServer(t *testing.T) {
	if got := runLoad(t, 1); got.Sent == 0 || got.Lost != got.Sent || got.Completed != 0 {
		t.Errorf("%+v", got)
	}
}
