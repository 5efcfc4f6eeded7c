package lan_test

import (
	"os"
	"testing"
)

// unable skips a test that this machine cannot run, or fails it where that was
// asked for.
func unable(t *testing.T, format string, arguments ...any) {
	t.Helper()
	if os.Getenv("EDGEGUARD_LAB") == "require" {
		t.Fatalf(format, arguments...)
	}
	t.Skipf(format, arguments...)
}
