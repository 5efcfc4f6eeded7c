//go:build linux

package lab

// The daemon's binary, built once for each test process.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// SourceEnv names another source tree to build the daemon from than the one that
// the tests are in: for a benchmark of before and after.
const SourceEnv = "EDGEGUARD_LAB_SOURCE"

// binary returns the path of the daemon's binary, built from the working tree:
// with the race detector if the test has it.
func binary(t testing.TB) string {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := scratch()
	if err != nil {
		return "", fmt.Errorf("making a folder for the daemon: %w", err)
	}
	root, err := sourceRoot()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "edgeguard")
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/edgeguard")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the daemon: %w\n%s", err, out)
	}
	return path, nil
})

// sourceRoot is the folder of the source tree to build the daemon from.
func sourceRoot() (string, error) {
	if root := os.Getenv(SourceEnv); root != "" {
		return root, nil
	}
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	root := filepath.Dir(string(bytes.TrimSpace(mod)))
	if err != nil || root == "." || root == "/dev" {
		return "", errors.Join(errors.New("finding the module to build the daemon from: is this its work tree?"), err)
	}
	return root, nil
}

// Close removes what this process shared between its tests: the daemon's
// binary and the lock. Call it at the end of TestMain, after m.Run. Where it is
// not called, the next process that builds a lab removes them.
func Close() {
	if claimFile != nil {
		removeScratch(claimFile.Name())
		os.Remove(claimFile.Name())
	}
}
