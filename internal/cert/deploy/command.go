package deploy

// The command that has the broker reload.

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	// EnvFolder is the variable in which the command gets the folder.
	EnvFolder = "EDGEGUARD_CERT_DIR"
	// defaultPath is for where we have no PATH ourselves.
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	// maxOutput is how much of the command's output is kept, its end; maxSaid how
	// much of its last line is told; both in bytes.
	maxOutput = 4 << 10
	maxSaid   = 200
	// outputWait is how long what the command left running may hold its output.
	outputWait = 2 * time.Second
)

// errTimeout is why a command was ended.
var errTimeout = errors.New("time is up")

// command runs the command of the config, and ends it and all that it started
// when ctx ends or its time is up.
func (d *Deployer) command(ctx context.Context) error {
	if len(d.cfg.Command) == 0 {
		return inWords(nil, "certificate.reload is \"command\", and there is no certificate.reload_command")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d.cfg.Timeout, errTimeout)
	defer cancel()
	path := os.Getenv("PATH")
	if path == "" {
		path = defaultPath
	}
	name := tidy.Line(d.cfg.Command[0], maxSaid)
	out := &tail{}
	cmd := exec.CommandContext(ctx, d.cfg.Command[0], d.cfg.Command[1:]...)
	cmd.Env = []string{"PATH=" + path, EnvFolder + "=" + d.cfg.Directory}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = outputWait
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil:
		return nil // it may have left something running on purpose
	case errors.Is(context.Cause(ctx), errTimeout):
		return inWords(err, "the command %s, which is to make the broker reload, was not done after %v and was ended%s", name, d.cfg.Timeout, d.lastLine(out))
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case cmd.Process == nil:
		return inWords(err, "the command %s, which is to make the broker reload, cannot be run: %s. See that certificate.reload_command names a program that is there", name, tidy.Line(err.Error(), maxSaid))
	}
	return inWords(err, "the command %s, which is to make the broker reload, has failed (%s)%s", name, tidy.Line(err.Error(), maxSaid), d.lastLine(out))
}

// lastLine is the last line of a command's output, for the end of an error.
func (d *Deployer) lastLine(out *tail) string {
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	// The command may read the key, and print it.
	line := tidy.Line(secret.Scrub(lines[len(lines)-1], d.keyLines()...), maxSaid)
	if line == "" {
		return ""
	}
	return "; it said: " + line
}

// keyLines are the lines of the key in the folder, which must not get out.
func (d *Deployer) keyLines() (list []secret.Value) {
	root, err := os.OpenRoot(d.cfg.Directory)
	if err != nil {
		return nil
	}
	defer root.Close()
	text, err := read(root, FileKey)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "-----") {
			list = append(list, secret.New(line))
		}
	}
	return list
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex // guards following
	text []byte
}

// Write implements io.Writer. It never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-maxOutput):]...)
	t.text = t.text[max(0, len(t.text)-maxOutput):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
