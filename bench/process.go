//go:build linux

package main

// Child processes: started, watched, and always ended.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is a running server.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string        // the file with its output
	done chan struct{} // closed once it has been waited for
}

// start runs a program in dir, with its output in a file there. The kernel
// kills it should this process end without doing so.
func start(name, dir string, argv ...string) (*process, error) {
	out, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), log: out.Name(), done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = cleanEnv()
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := spawn(p.cmd, false); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// cleanEnv is the environment of servers: nothing of the caller's that could
// change what they do.
func cleanEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "LANG=C", "TZ=UTC"}
}

// spawner starts processes on one thread that lives as long as this process:
// the kernel kills a child with the thread that started it.
var spawner = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// spawn starts a command, in the kernel's real-time class if so wanted.
func spawn(cmd *exec.Cmd, realTime bool) error {
	started := make(chan error)
	spawner() <- func() {
		err := setClass(0, realTime)
		if err == nil {
			err = cmd.Start()
		}
		started <- err
	}
	return <-started
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// ended reports whether the process has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop asks the process to end, kills it after patience, and waits.
func (p *process) stop(patience time.Duration) {
	p.cmd.Process.Signal(syscall.SIGTERM) // an error means it has ended
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-p.done:
	case <-late.C:
		p.cmd.Process.Kill()
		<-p.done
	}
}

// tail is the end of what the process wrote, for messages.
func (p *process) tail() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-2000):])
}
