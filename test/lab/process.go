//go:build linux

package lab

// Long-lived processes inside the lab: started, watched, and always ended.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a running program in a host of the lab. Its methods may be
// called from any goroutine.
type Process struct {
	label string
	cmd   *exec.Cmd
	log   *logBuffer
	done  chan struct{} // closed once the process has been waited for
}

// Start starts a program on the host; label names it in messages. The process
// is killed when the test ends, and its last lines are printed if it failed.
func (h *Host) Start(t testing.TB, label string, argv ...string) *Process {
	t.Helper()
	p := h.startQuiet(t, label, nil, argv...)
	t.Cleanup(func() {
		h.home.hold(t)
		p.Kill()
		if t.Failed() {
			t.Logf("%s in %s wrote last:\n%s", label, h.Name, p.log.tail(4<<10))
		}
	})
	return p
}

// startQuiet is Start with variables added to the environment, and without
// the last lines.
func (h *Host) startQuiet(t testing.TB, label string, env []string, argv ...string) *Process {
	t.Helper()
	p := &Process{label: label, log: &logBuffer{}, done: make(chan struct{})}
	p.cmd = exec.Command("ip", append([]string{"netns", "exec", h.ns}, argv...)...)
	p.cmd.Env = append(baseEnv(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.WaitDelay = time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := spawn(p.cmd); err != nil {
		t.Fatalf("starting %s in %s: %v", label, h.Name, err)
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		h.home.hold(t)
		p.Kill()
	})
	return p
}

// baseEnv is the environment that programs in the lab get: nothing of the
// developer's that could change what they do.
func baseEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "LANG=C", "TZ=UTC"}
}

// spawner starts processes on one thread that lives as long as this process:
// the kernel kills a child with the thread that started it, and that is how
// the children end even when this process is killed or panics.
var spawner = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go spawnLoop(work)
	return work
})

func spawnLoop(work <-chan func()) {
	runtime.LockOSThread()
	for f := range work {
		f()
	}
}

func spawn(cmd *exec.Cmd) error {
	started := make(chan error)
	spawner() <- func() { started <- cmd.Start() }
	return <-started
}

// Pid is the process's id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal; a process that has ended is no error.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signalling %s: %w", p.label, err)
	}
	return nil
}

// Kill ends the process as a crash does (SIGKILL) and waits for its end.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks the process to end (SIGTERM) and returns its exit code. One that
// has not ended within patience is killed, which is the error.
func (p *Process) Stop(patience time.Duration) (code int, err error) {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return -1, err
	}
	return p.Wait(patience)
}

// Wait waits for the process to end by itself and returns its exit code, -1
// after a signal. One that has not ended within patience is killed, which is
// the error.
func (p *Process) Wait(patience time.Duration) (code int, err error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-late.C:
		p.Kill()
		return -1, fmt.Errorf("%s has not ended within %v and was killed", p.label, patience)
	}
}

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Log returns what the process wrote so far, standard output and error
// together; at most the newest 8 MiB.
func (p *Process) Log() string { return p.log.tail(maxLog) }

// WaitLog waits until the process has written text.
func (p *Process) WaitLog(t testing.TB, patience time.Duration, text string) {
	t.Helper()
	Eventually(t, patience, func() error {
		switch {
		case strings.Contains(p.Log(), text):
			return nil
		case p.Ended():
			return fmt.Errorf("%s has ended (%v) without writing %q", p.label, p.cmd.ProcessState, text)
		}
		return fmt.Errorf("%s has not written %q", p.label, text)
	})
}

// maxLog bounds what is kept of one process's output.
const maxLog = 8 << 20

// logBuffer keeps at least the newest maxLog bytes written to it.
type logBuffer struct {
	mu   sync.Mutex
	data []byte // guarded by mu
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data = append(b.data, p...)
	if len(b.data) > 2*maxLog { // now and then, not for each line
		b.data = append(b.data[:0], b.data[len(b.data)-maxLog:]...)
	}
	return len(p), nil
}

// tail returns the newest whole lines, at most n bytes.
func (b *logBuffer) tail(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	data := b.data
	if over := len(data) - n; over > 0 {
		data = data[over:]
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			data = data[i+1:]
		}
	}
	return string(data)
}
