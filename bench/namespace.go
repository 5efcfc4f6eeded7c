//go:build linux

package main

// The network namespace in which everything is measured: nothing but a loopback
// interface, no firewall rules, no ports of others.

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// handoverKey is the environment variable that carries a handover.
const handoverKey = "EDGEGUARD_BENCH_HANDOVER"

// handover is what was made while there was a network.
type handover struct {
	Dir      string            // for files, to be removed at the end
	Programs map[string]string // of the servers to measure, by name
}

// received returns what the process was before left to this one, and whether it
// left anything.
func received() (h handover, ok bool, err error) {
	text, ok := os.LookupEnv(handoverKey)
	if ok {
		err = json.Unmarshal([]byte(text), &h)
	}
	return h, ok, err
}

// isolate starts this program anew, as the same process, in a namespace of its
// own. It returns only where that fails. The whole process has to change: a
// namespace belongs to a thread, and goroutines go from one to another.
func isolate(h handover) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	runtime.LockOSThread() // exec keeps the namespace of the thread that calls it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("making a network namespace, for which the benchmark must be root: %w", err)
	}
	if err := raiseLoopback(); err != nil {
		return fmt.Errorf("setting the loopback interface up: %w", err)
	}
	return unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), handoverKey+"="+string(text)))
}

func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}
