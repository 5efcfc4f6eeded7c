//go:build linux

package lab_test

// What the README promises to a newcomer, run as it is written there, in a
// namespace without a way out.

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// readmeLines returns the README's indented lines that start with prefix,
// and the line after each.
func readmeLines(t *testing.T, prefix string) (line, next string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		if found, ok := strings.CutPrefix(l, "    "); ok && strings.HasPrefix(found, prefix) {
			return found, strings.TrimPrefix(lines[i+1], "    ")
		}
	}
	t.Fatalf("the README has no line that starts with %q", prefix)
	return "", ""
}

func TestReadmeMainJob(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	run, _ := readmeLines(t, "go run ./cmd/edgeguard run ")
	dig, want := readmeLines(t, "$ dig ")

	daemon := h.Phone.Start(t, "the README's command", "bash", "-c", "cd ../.. && exec "+run)
	// The first run compiles.
	lab.Eventually(t, 3*lab.Patience, func() error {
		got, err := h.Phone.Try(lab.Patience, "bash", "-c", strings.TrimPrefix(dig, "$ "))
		if err == nil && strings.TrimSpace(got) != want {
			err = errors.New("dig prints " + got + ", the README says " + want)
		}
		return err
	})
	if daemon.Ended() {
		t.Errorf("the daemon has ended:\n%s", daemon.Log())
	}
	status, err := h.Phone.Try(lab.Patience, "bash", "-c", "cd ../.. && go run ./cmd/edgeguard status --address 127.0.0.1:8053")
	for _, link := range []string{"wan", "forward", "broker", "dns"} {
		if !strings.Contains(status, link) {
			t.Errorf("the status does not speak of %s (%v):\n%s", link, err, status)
		}
	}
}
