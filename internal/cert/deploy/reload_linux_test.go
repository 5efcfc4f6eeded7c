package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/edgeguard/edgeguard/internal/cert/deploy"
)

// shellAs starts a copy of the shell under another name, with a script that says
// "hup" for every HUP. It is up when it has said "up".
func shellAs(t *testing.T, name, script string) *program {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := copyFile(path, need(t, "dash")); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, path, "-c", script)
	eventually(t, func() error { return p.said("up") })
	return p
}

func (p *program) said(word string) error {
	if !strings.Contains(p.out.String(), word) {
		return fmt.Errorf("it has not said %q: %s", word, p.out.String())
	}
	return nil
}

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

const (
	// It ends itself, should we end first.
	listens = `trap 'echo hup' HUP; trap 'exit 0' TERM; echo up; i=0; while [ $i -lt 6000 ]; do i=$((i+1)); sleep 0.1; done`
	deaf    = `echo up; i=0; while [ $i -lt 6000 ]; do i=$((i+1)); sleep 0.1; done`
)

func signalTo(name, pidFile string) error {
	cfg := config("")
	cfg.Reload, cfg.Process, cfg.PIDFile = deploy.ReloadSignal, name, pidFile
	return deploy.New(cfg).Reload(context.Background())
}

func TestTheSignalFindsEveryProcessOfTheName(t *testing.T) {
	mine := strconv.Itoa(os.Getpid())
	for _, name := range []string{"eg-" + mine, "edgeguard-test-broker-" + mine} { // the kernel keeps 15 bytes
		a, b := shellAs(t, name, listens), shellAs(t, name, listens)
		other := shellAs(t, name+"x", deaf) // the same for the kernel, where it is long
		if err := signalTo(name, ""); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error { return errors.Join(a.said("hup"), b.said("hup")) })
		select {
		case <-other.ended:
			t.Errorf("%sx was signalled", name)
		default:
		}
	}
}

func TestASignalThatWouldEndAProcessIsNotSent(t *testing.T) {
	name := "eg-deaf-" + strconv.Itoa(os.Getpid())
	p := shellAs(t, name, deaf)
	if err := signalTo(name, ""); err == nil || !strings.Contains(err.Error(), "would end by it") {
		t.Errorf("got %v", err)
	}
	if err := p.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("it has ended: %v", err)
	}
}

func TestThePIDFile(t *testing.T) {
	name := "eg-pid-" + strconv.Itoa(os.Getpid())
	p := shellAs(t, name, listens)
	file := filepath.Join(t.TempDir(), "broker.pid")
	for text, want := range map[string]string{
		"":                               "empty",
		"many words\n":                   "something else than a number",
		"-1":                             "something else than a number",
		"0":                              "none that a process can have",
		"99999999":                       "none that a process can have",
		strings.Repeat("1", 100):         "too large",
		strconv.Itoa(os.Getpid()):        "which is not " + name, // ourselves
		strconv.Itoa(os.Getppid()):       "which is not " + name,
		"1":                              "which is not " + name,
		strconv.Itoa(1 << 22):            "which is not " + name, // there is none such
		strconv.Itoa(p.Process.Pid) + "": "",
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := signalTo(name, file); (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v", text, err)
		}
	}
	eventually(t, func() error { return p.said("hup") })
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := signalTo(name, file); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Errorf("a pipe gives %v", err)
	}
}

func TestNobodyToSignal(t *testing.T) {
	err := signalTo("no-such-broker", "")
	if err == nil || !strings.Contains(err.Error(), "no-such-broker") || !strings.Contains(err.Error(), "pid:") {
		t.Errorf("got %v", err)
	}
	// The kernel's own threads are nobody, whatever their name.
	if comm, err := os.ReadFile("/proc/2/comm"); err == nil && string(comm) == "kthreadd\n" {
		if err := signalTo("kthreadd", ""); err == nil || !strings.Contains(err.Error(), "no process named") {
			t.Errorf("kthreadd: %v", err)
		}
	}
}

func TestASignalWithoutTheRightToSendIt(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it takes root to be refused: one's own processes may be signalled")
	}
	name := "eg-may-" + strconv.Itoa(os.Getpid())
	path := filepath.Join(os.TempDir(), name) // where another user may go
	if err := copyFile(path, need(t, "dash")); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	p := start(t, nil, need(t, "setpriv"), "--reuid=1883", "--clear-groups", path, "-c", listens)
	eventually(t, func() error { return p.said("up") })
	inThread(t, onlyRights(), func() {
		if err := signalTo(name, ""); err == nil || !strings.Contains(err.Error(), "CAP_KILL") {
			t.Errorf("got %v", err)
		}
	})
}

// byCommand runs a shell command as the reload command.
func byCommand(ctx context.Context, dir string, timeout time.Duration, argv ...string) error {
	cfg := config(dir)
	cfg.Reload, cfg.Command, cfg.Timeout = deploy.ReloadCommand, argv, timeout
	return deploy.New(cfg).Reload(ctx)
}

func TestTheCommandGetsTheFolderAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("EDGEGUARD_TOKEN", "s3cret-token")
	out := filepath.Join(dir, "out")
	script := `env >"$EDGEGUARD_CERT_DIR/out"; echo "$0" >>"$EDGEGUARD_CERT_DIR/out"`
	if err := byCommand(t.Context(), dir, time.Minute, "sh", "-c", script, "no $(shell) `here`"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil || strings.Contains(string(got), "s3cret") || !strings.Contains(string(got), "EDGEGUARD_CERT_DIR="+dir) || !strings.Contains(string(got), "no $(shell) `here`\n") {
		t.Errorf("it gets %s, %v", got, err)
	}
}

func TestACommandThatFails(t *testing.T) {
	dir := t.TempDir()
	write(t, deploy.New(config(dir)), handed(house().pairs[0]), true)
	err := byCommand(t.Context(), dir, time.Minute, "sh", "-c", `head -c 100000 /dev/zero | tr '\0' x; echo; printf 'no such\033[31m container\n\n'; exit 3`)
	if err == nil || !strings.HasSuffix(err.Error(), "it said: no such[31m container") || !strings.Contains(err.Error(), "exit status 3") || len(err.Error()) > 500 {
		t.Errorf("got %v", err)
	}
	err = byCommand(t.Context(), dir, time.Minute, "sh", "-c", `head -n 2 "$EDGEGUARD_CERT_DIR/privkey.pem"; exit 1`)
	line := strings.Split(string(house().pairs[0].PrivateKey()), "\n")[1]
	if err == nil || strings.Contains(err.Error(), line) || !strings.Contains(err.Error(), "[redacted]") {
		t.Errorf("got %v", err)
	}
	if err := byCommand(t.Context(), dir, time.Minute, "no-such-program"); !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "cannot be run") {
		t.Errorf("got %v", err)
	}
}

func TestACommandThatHangsIsEndedWithAllThatItStarted(t *testing.T) {
	dir := t.TempDir()
	// The inner shell is not the command itself, and holds its output.
	script := `sh -c 'echo $$ >"$EDGEGUARD_CERT_DIR/inner"; echo waiting; sleep 600' & wait`
	err := byCommand(t.Context(), dir, 3*time.Second, "sh", "-c", script)
	if err == nil || !strings.Contains(err.Error(), "not done after 3s") {
		t.Fatalf("got %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "inner"))
	if err != nil {
		t.Skipf("the machine was too slow to start two shells in 3 s: %v", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { // its new parent takes note of its end
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && !strings.Contains(string(stat), ") Z ") {
			return errors.New("what it started runs on")
		}
		return nil
	})
}

func TestACommandEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := byCommand(ctx, t.TempDir(), time.Minute, "sleep", "600"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A command that leaves something running has done what it should.
func TestACommandMayLeaveSomethingRunning(t *testing.T) {
	dir := t.TempDir()
	if err := byCommand(t.Context(), dir, time.Minute, "sh", "-c", `sleep 600 & echo $! >"$EDGEGUARD_CERT_DIR/left"`); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "left"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Errorf("it does not run: %v", err)
	}
}
