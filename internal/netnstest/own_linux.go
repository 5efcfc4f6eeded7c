package netnstest

// The namespace: this test program once more.

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const inside = "EDGEGUARD_TEST_IN_NAMESPACE"

// Own reports whether the calling test runs in a namespace of its own already.
// Where it does not, it runs it there, fails where it fails there, and returns
// false: the test has nothing left to do. Where no namespace can be made, the test
// is skipped, or fails with EDGEGUARD_LAB=require in the environment. Links are
// down at first, the loopback too.
func Own(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) != "" {
		return true
	}
	unable := t.Skipf
	if os.Getenv("EDGEGUARD_LAB") == "require" {
		unable = t.Fatalf
	}
	if _, err := exec.LookPath("ip"); err != nil {
		unable("ip is not installed: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		unable("no network namespace can be made here: %v", err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "--- PASS: "+t.Name()) {
		t.Fatalf("in the namespace: %v\n%s", err, out.String())
	}
	return false
}

// IP runs the command ip with the words of a line, and fails the test where that
// fails.
func IP(t *testing.T, line string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ip", strings.Fields(line)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", line, err, out)
	}
}
