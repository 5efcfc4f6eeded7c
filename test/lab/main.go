//go:build linux

package lab

// The beginning and the end of a package that uses the lab.

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// Main runs the tests of a package, ends what they have begun, and fails where a
// goroutine outlives them: it is the body of a TestMain, and does not return.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The thread that starts processes lives as long as this one.
		goleak.IgnoreTopFunction("github.com/edgeguard/edgeguard/test/lab.spawnLoop"),
		goleak.Cleanup(func(code int) {
			Close()
			os.Exit(code)
		}))
}

// BuildFrom has the daemon built from another source tree than this one; an empty
// path leaves it as it is. Call it before any test runs. It panics for a path
// that cannot be made absolute.
func BuildFrom(tree string) {
	if tree == "" {
		return
	}
	tree, err := filepath.Abs(tree)
	if err != nil {
		panic(err)
	}
	os.Setenv(SourceEnv, tree)
}
