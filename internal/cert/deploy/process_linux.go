package deploy

// Finding the broker among the processes that we see, and signalling it.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

const (
	procFolder = "/proc"
	// maxProcesses bounds how many processes are looked at.
	maxProcesses = 1 << 16
)

// signal sends SIGHUP to the broker.
func (d *Deployer) signal(ctx context.Context) error {
	// A /proc of another namespace would give numbers of other processes.
	if self, err := os.Readlink(filepath.Join(procFolder, "self")); err != nil || self != strconv.Itoa(os.Getpid()) {
		return inWords(err, "%s is not that of edgeguard's own container, so the broker's process cannot be found there. Mount no other %s into the container, or use the watcher beside the broker and certificate.reload = \"none\"", procFolder, procFolder)
	}
	pids, err := d.candidates()
	if err != nil {
		return err
	}
	var told int
	var failed []error
	for _, pid := range pids {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch did, err := hangUp(pid, d.cfg.Process); {
		case err != nil:
			failed = append(failed, err)
		case did:
			told++
		case d.cfg.PIDFile != "":
			return inWords(nil, wordsOther, d.cfg.PIDFile, pid, d.cfg.Process)
		}
	}
	if told == 0 && len(failed) == 0 {
		return inWords(nil, wordsNone, d.cfg.Process)
	}
	return errors.Join(failed...)
}

// candidates are the processes that may be the broker.
func (d *Deployer) candidates() ([]int, error) {
	if d.cfg.PIDFile == "" {
		return processes()
	}
	text, err := readSmall(d.cfg.PIDFile, 64)
	if err != nil {
		return nil, inWords(err, wordsFile, d.cfg.PIDFile, err)
	}
	pid, err := parsePID(text)
	if err != nil {
		return nil, inWords(err, wordsFile, d.cfg.PIDFile, err)
	}
	return []int{pid}, nil
}

// processes lists those that we see, without ourselves.
func processes() ([]int, error) {
	folder, err := os.Open(procFolder)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	list, err := folder.Readdirnames(maxProcesses)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var pids []int
	for _, name := range list {
		if pid, err := strconv.Atoi(name); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// hangUp sends SIGHUP to a process if it is of this name and can stand it, and
// reports whether it did. It is false without an error where the name is another.
func hangUp(pid int, name string) (bool, error) {
	// First a handle of the process itself (pidfd, where the kernel has them):
	// when it ends and another one gets its number, the signal goes nowhere.
	p, err := os.FindProcess(pid)
	if err != nil {
		return false, nil
	}
	defer p.Release()
	dir := filepath.Join(procFolder, strconv.Itoa(pid))
	comm, err := readSmall(filepath.Join(dir, "comm"), maxProcFile)
	if err != nil {
		return false, nil // it has ended
	}
	// The end of a long command line is of no interest.
	cmdline, err := readUpTo(filepath.Join(dir, "cmdline"), maxProcFile)
	if err != nil || pid == os.Getpid() || !nameMatches(name, string(comm), string(cmdline)) {
		return false, nil
	}
	status, err := readUpTo(filepath.Join(dir, "status"), maxProcFile)
	if err != nil {
		return false, inWords(err, wordsGone, name, pid)
	}
	if survives, known := survivesHangup(string(status)); known && !survives {
		return false, inWords(nil, wordsDead, name, pid)
	}
	switch err := p.Signal(syscall.SIGHUP); {
	case errors.Is(err, fs.ErrPermission):
		return false, inWords(err, wordsMay, name, pid)
	case errors.Is(err, os.ErrProcessDone):
		return false, inWords(err, wordsGone, name, pid)
	case err != nil:
		return false, fmt.Errorf("signalling %s (process %d): %w", name, pid, err)
	}
	return true, nil
}

// readSmall returns the content of a file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	text, err := readUpTo(path, limit+1)
	if err == nil && int64(len(text)) > limit {
		err = errors.New("it is too large")
	}
	return text, err
}

// readUpTo returns the first limit bytes of a file.
func readUpTo(path string, limit int64) ([]byte, error) {
	// A pipe in its place must not make us wait.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("it is not a file"))
	}
	return io.ReadAll(io.LimitReader(file, limit))
}
