//go:build linux

package main

// Where and when processes run.

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pin keeps all threads of a process on one core, or below 0 on any, and in the
// real-time class or the ordinary one. Threads inherit both.
func pin(pid, core int, realTime bool) error {
	var set unix.CPUSet
	if core < 0 {
		for i := range len(set) * 64 {
			set.Set(i) // the kernel leaves out those that are not there
		}
	} else {
		set.Set(core)
	}
	// Twice, as a thread may be born of one not yet pinned while the list is read.
	for range 2 {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return err
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil {
				return err
			}
			err = errors.Join(unix.SchedSetaffinity(tid, &set), setClass(tid, realTime))
			if err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("pinning thread %d of process %d: %w", tid, pid, err)
			}
		}
	}
	return nil
}

// setClass puts a thread, 0 for the calling one, and what it starts from now on
// into the real-time class or the ordinary one.
func setClass(tid int, realTime bool) error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}
	if realTime {
		attr.Policy, attr.Priority = unix.SCHED_RR, 1
	}
	if err := unix.SchedSetAttr(tid, &attr, 0); err != nil {
		return fmt.Errorf("choosing the scheduling class: %w", err)
	}
	return nil
}

// autogroup is where the kernel says how nice a session is to others.
const autogroup = "/proc/self/autogroup"

// pushForward gives this session most of the machine's time, and returns what
// takes it back. Without such groups in the kernel it does nothing.
func pushForward() (undo func(), err error) {
	text, err := os.ReadFile(autogroup)
	if errors.Is(err, os.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	_, nice, _ := strings.Cut(strings.TrimSpace(string(text)), " nice ")
	if err := os.WriteFile(autogroup, []byte("-20"), 0); err != nil {
		return nil, err
	}
	return func() { os.WriteFile(autogroup, []byte(nice), 0) }, nil // at the end, and no harm if it stays
}
