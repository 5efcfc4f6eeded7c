package dnsserver_test

import (
	"os"
	"os/exec"
	"testing"
)

// lookPath finds a program of others. Without it the test is skipped, unless
// EDGEGUARD_LAB=require.
func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		unable(t, "%s is not installed: %v", name, err)
	}
	return path
}

// unable skips a test that this machine cannot run, or fails it where that was
// asked for.
func unable(t *testing.T, format string, arguments ...any) {
	t.Helper()
	if os.Getenv("EDGEGUARD_LAB") == "require" {
		t.Fatalf(format, arguments...)
	}
	t.Skipf(format, arguments...)
}
