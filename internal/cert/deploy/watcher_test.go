package deploy_test

// The watcher beside the broker: deploy/mosquitto-reload.sh, in the shells that it
// is for, with a real broker.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert/deploy"
)

// watcher is the command line that runs the script in a shell.
func watcher(t *testing.T, shell ...string) []string {
	t.Helper()
	script, err := filepath.Abs("../../../deploy/mosquitto-reload.sh")
	if err != nil {
		t.Fatal(err)
	}
	shell[0] = need(t, shell[0])
	return append(shell, script)
}

// Debian's sh, and that of the images with Alpine.
func shells() map[string][]string {
	return map[string][]string{"dash": {"dash"}, "busybox": {"busybox", "ash"}}
}

func polling(dir string) []string {
	return []string{"EDGEGUARD_CERT_DIR=" + dir, "EDGEGUARD_POLL=1"}
}

func TestARenewalByTheWatcher(t *testing.T) {
	for name, shell := range shells() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := house()
			first := p.issue(p.rsa[0])
			d := deploy.New(config(dir))
			write(t, d, handed(first), true)
			b := startBroker(t, dir, polling(dir), watcher(t, shell...)...)
			b.serves(t, first.Leaf())
			s := b.session(t)
			second := p.issue(p.rsa[1])
			write(t, d, handed(second), true)
			b.serves(t, second.Leaf())
			s.lives(t)
			// Half of a file that somebody copies is not for the broker.
			torn := p.issue(p.rsa[1])
			plain := filepath.Join(dir, deploy.FileCombined)
			if err := errorsFirst(os.Remove(plain), os.WriteFile(plain, torn.FullChain(), 0o600)); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() error { return b.said("is not whole") })
			b.serves(t, second.Leaf())
			third := p.issue(p.rsa[1])
			write(t, d, handed(third), true)
			b.serves(t, third.Leaf())
			s.lives(t)
			told(t, b, 2)
			// A list of revoked certificates counts as well.
			h := handed(third)
			h.CRL = p.crl(1)
			write(t, d, h, true)
			told(t, b, 3)
			if err := b.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			<-b.ended
			if code := b.ProcessState.ExitCode(); code != 0 || !strings.Contains(b.out.String(), "terminating") {
				t.Errorf("mosquitto ends with 0 after TERM, and this with %d: %s", code, b.out.String())
			}
		})
	}
}

// told fails the test unless the watcher tells the broker n times, and not once
// more.
func told(t *testing.T, b *broker, n int) {
	t.Helper()
	eventually(t, func() error {
		switch is := strings.Count(b.out.String(), "reads it anew"); {
		case is > n:
			t.Fatalf("the broker was told %d times, not %d", is, n)
		case is < n:
			return fmt.Errorf("the broker was told %d times, not %d", is, n)
		}
		return nil
	})
}

func TestTheWatcherEndsAsTheBrokerDoes(t *testing.T) {
	dir := t.TempDir()
	for name, shell := range shells() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for script, want := range map[string]int{
				"exit 0":   0,
				"exit 3":   3,
				"kill $$":  128 + 15,
				"no-such ": 127,
				`trap 'exit 7' TERM; kill $PPID; while :; do sleep 0.1; done`:     7,
				`trap 'exit 8' HUP; kill -HUP $PPID; while :; do sleep 0.1; done`: 8,
			} {
				p := start(t, polling(dir), append(watcher(t, shell...), need(t, "dash"), "-c", script)...)
				<-p.ended
				if got := p.ProcessState.ExitCode(); got != want {
					t.Errorf("%q ends with %d: %s", script, got, p.out.String())
				}
			}
		})
	}
}

// A shell around the broker, and a broker that is only just starting, would end by
// the signal.
func TestTheWatcherSparesWhatWouldEndByTheSignal(t *testing.T) {
	for name, shell := range shells() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			d := deploy.New(config(dir))
			write(t, d, handed(house().pairs[0]), true)
			ready := filepath.Join(dir, "ready")
			script := fmt.Sprintf(`echo up; while [ ! -e %s ]; do sleep 0.1; done; trap 'echo told; exit 5' HUP; while :; do sleep 0.1; done`, ready)
			p := start(t, polling(dir), append(watcher(t, shell...), need(t, "dash"), "-c", script)...)
			eventually(t, func() error { return p.said("up") })
			write(t, d, handed(house().pairs[1]), true)
			eventually(t, func() error { return p.said("would end by the signal") })
			if err := os.WriteFile(ready, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			<-p.ended
			if code := p.ProcessState.ExitCode(); code != 5 || p.said("told") != nil {
				t.Errorf("it ended with %d: %s", code, p.out.String())
			}
		})
	}
}

func TestTheWatcherSaysWhatIsWrongWithItsWords(t *testing.T) {
	for name, shell := range shells() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, poll := range []string{"0", "x", "-1", "1.5"} {
				p := start(t, []string{"EDGEGUARD_POLL=" + poll}, append(watcher(t, shell...), "true")...)
				<-p.ended
				if p.ProcessState.ExitCode() != 64 || p.said("whole number of seconds") != nil {
					t.Errorf("%q: %s", poll, p.out.String())
				}
			}
			p := start(t, nil, watcher(t, shell...)...)
			<-p.ended
			if p.ProcessState.ExitCode() != 64 || p.said("no broker is named") != nil {
				t.Errorf("no words: %s", p.out.String())
			}
		})
	}
}
