//go:build linux

package lab

// Whose namespaces are whose: every process that builds labs holds a lock on
// a file named after its pid, and puts the pid into the names it takes. What
// bears the pid of a process that no longer holds its lock is a leftover.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

const (
	lockDir  = "/run/edgeguard-lab"
	netnsDir = "/run/netns"
	confDir  = "/etc/netns" // ip netns exec lays NAME/* over /etc
)

// namePattern is what the lab's namespaces look like: eg4711-1-nas.
var namePattern = regexp.MustCompile(`^eg([0-9]+)-[0-9]+-[a-z]+$`)

var (
	counter   atomic.Int64
	claimOnce sync.Once
	claimErr  error
	claimFile *os.File // holds this process's lock until it ends
)

// prefix returns a name that no other lab on this machine has or had.
func prefix() (string, error) {
	if err := claim(); err != nil {
		return "", err
	}
	return fmt.Sprintf("eg%d-%d", os.Getpid(), counter.Add(1)), nil
}

// claim takes this process's lock, once, and removes what dead processes left.
func claim() error {
	claimOnce.Do(func() { claimErr = claimAndSweep() })
	return claimErr
}

func claimAndSweep() error {
	if err := os.MkdirAll(lockDir, 0o700); err != nil {
		return fmt.Errorf("making the lab's lock folder: %w", err)
	}
	// The one lock around claiming and sweeping keeps a sweep from taking a
	// lock file that a starting process has just opened.
	gate, err := lock(filepath.Join(lockDir, "gate"), syscall.LOCK_EX)
	if err != nil {
		return fmt.Errorf("locking the lab's gate: %w", err)
	}
	defer gate.Close()
	if err := sweep(); err != nil {
		return fmt.Errorf("removing what earlier labs left: %w", err)
	}
	claimFile, err = lock(lockPath(os.Getpid()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return fmt.Errorf("locking the lab's pid file: %w", err)
	}
	return nil
}

func lockPath(pid int) string { return filepath.Join(lockDir, strconv.Itoa(pid)+".lock") }

// lock opens and locks a file. The lock ends with the file or the process;
// children do not inherit it.
func lock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sweep removes the namespaces, processes and folders of dead processes. It
// is called before this process has any of its own.
func sweep() error {
	dead := map[int]*os.File{}
	defer func() {
		for _, f := range dead {
			if f != nil {
				f.Close()
			}
		}
	}()
	isDead := func(pid int) bool {
		f, known := dead[pid]
		if !known {
			f, _ = lock(lockPath(pid), syscall.LOCK_EX|syscall.LOCK_NB)
			dead[pid] = f
		}
		return f != nil
	}
	for _, dir := range []string{netnsDir, confDir} {
		for _, name := range list(dir) {
			m := namePattern.FindStringSubmatch(name)
			if m == nil {
				continue
			}
			if pid, err := strconv.Atoi(m[1]); err == nil && isDead(pid) {
				if err := removeNamespace(name); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range list(lockDir) {
		text, ok := strings.CutSuffix(name, ".lock")
		pid, err := strconv.Atoi(text)
		if !ok || err != nil || !isDead(pid) {
			continue
		}
		removeScratch(lockPath(pid))
		os.Remove(lockPath(pid))
	}
	return nil
}

// list names the entries of a folder; one that is not there has none.
func list(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// removeNamespace ends what still runs in a namespace of ours, and removes it.
// One that is already gone is no error.
func removeNamespace(name string) error {
	os.RemoveAll(filepath.Join(confDir, name))
	if _, err := os.Stat(filepath.Join(netnsDir, name)); err != nil {
		return nil
	}
	for _, pid := range pidsIn(name) {
		if p, err := os.FindProcess(pid); err == nil {
			p.Kill()
		}
	}
	if out, err := exec.Command("ip", "netns", "delete", name).CombinedOutput(); err != nil {
		return fmt.Errorf("deleting the namespace %s: %w: %s", name, err, out)
	}
	return nil
}

// pidsIn lists the processes in a namespace.
func pidsIn(name string) []int {
	out, err := exec.Command("ip", "netns", "pids", name).Output()
	if err != nil {
		return nil
	}
	var pids []int
	for _, field := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(field); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

var (
	scratchOnce sync.Once
	scratchErr  error
	scratchPath string
)

// scratch returns a folder that lives as long as the process. Its path stands
// in the lock file, so that it is found and removed even after a kill.
func scratch() (string, error) {
	scratchOnce.Do(func() {
		if scratchErr = claim(); scratchErr != nil {
			return
		}
		if scratchPath, scratchErr = os.MkdirTemp("", "edgeguard-lab-"); scratchErr == nil {
			_, scratchErr = claimFile.WriteString(scratchPath)
		}
	})
	return scratchPath, scratchErr
}

// removeScratch removes the folder that a lock file names, if it is one of
// the lab's.
func removeScratch(lockFile string) {
	text, err := os.ReadFile(lockFile)
	if err != nil {
		return
	}
	if dir := string(text); filepath.IsAbs(dir) && strings.HasPrefix(filepath.Base(dir), "edgeguard-lab-") {
		os.RemoveAll(dir)
	}
}
