//go:build linux

package main

// What a process has used: CPU time and memory.

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns the CPU time, user and system, of all the process's threads,
// with those that have ended. It reads the process's CPU clock, which counts
// nanoseconds; utime and stime in /proc/PID/stat are the same time in ticks of
// 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	// clock_getcpuclockid(3): the complement of the process's id above three
	// bits, which say CPUCLOCK_SCHED of a whole process.
	const wholeProcess = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|wholeProcess), &ts); err != nil {
		return 0, fmt.Errorf("reading the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// memory is what of a process is in memory, in KiB.
type memory struct {
	RSS  int `json:"rss_kib"`  // all of it
	Anon int `json:"anon_kib"` // what no file stands behind
}

func memoryOf(pid int) (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	return parseMemory(string(text))
}

func parseMemory(status string) (memory, error) {
	var m memory
	for key, to := range map[string]*int{"VmRSS:": &m.RSS, "RssAnon:": &m.Anon} {
		_, rest, ok := strings.Cut("\n"+status, "\n"+key)
		fields := strings.Fields(rest)
		if !ok || len(fields) < 2 || fields[1] != "kB" {
			return memory{}, fmt.Errorf("/proc/PID/status has no %s", key)
		}
		n, err := strconv.Atoi(fields[0])
		if err != nil {
			return memory{}, fmt.Errorf("%s in /proc/PID/status: %w", key, err)
		}
		*to = n
	}
	return m, nil
}
