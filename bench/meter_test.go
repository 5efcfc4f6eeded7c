//go:build linux

package main

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

// statTime reads the CPU time of this process from /proc/self/stat, in ticks of
// 10 ms: user and system, each rounded down.
func statTime(t *testing.T) time.Duration {
	t.Helper()
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(string(field))
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// The CPU clock must count every thread, with those that have ended: it is held
// against the kernel's other account.
func TestCPUTimeIsThatOfAllThreads(t *testing.T) {
	start := statTime(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			runtime.LockOSThread() // and never unlocked: the thread ends
			for n := 0; ; n++ {
				if n%1000 == 0 && statTime(t) > start+50*time.Millisecond {
					return
				}
			}
		})
	}
	group.Wait()
	before := statTime(t)
	got, err := cpuTime(os.Getpid())
	after := statTime(t)
	if err != nil || got < before || got > after+20*time.Millisecond {
		t.Errorf("the clock says %v, %v; /proc/self/stat said %v before and %v after", got, err, before, after)
	}
	if before < start+50*time.Millisecond {
		t.Errorf("from %v to %v: nothing was used", start, before)
	}
}

func TestCPUTimeOfNobody(t *testing.T) {
	if got, err := cpuTime(1 << 24); err == nil {
		t.Errorf("a process that cannot be there has used %v", got)
	}
}

func TestMemory(t *testing.T) {
	got, err := memoryOf(os.Getpid())
	if err != nil || got.Anon <= 0 || got.RSS < got.Anon {
		t.Errorf("this process has %+v, %v", got, err)
	}
	m, err := parseMemory("Name:\tx\nVmHWM:\t 9 kB\nVmRSS:\t  1234 kB\nRssAnon:\t 567 kB\nRssFile:\t 1 kB\n")
	if err != nil || m != (memory{RSS: 1234, Anon: 567}) {
		t.Errorf("%+v, %v", m, err)
	}
	for _, text := range []string{"", "VmRSS:\t1 kB\n", "VmRSS:\t1 kB\nRssAnon:\t2\n", "VmRSS:\tx kB\nRssAnon:\t2 kB\n"} {
		if got, err := parseMemory(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}
