//go:build linux

package lab_test

// The lab's end: after a test, after several, and after a kill.

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// childEnv makes the test binary play a process that is killed in a lab.
const childEnv = "EDGEGUARD_LAB_TEST_CHILD"

func TestMain(m *testing.M) {
	lab.Main(m)
}

// Two homes one after the other, and nothing is left of either.
func TestTeardownLeavesNothing(t *testing.T) {
	lab.Require(t)
	var names []string
	var pids []int
	for i := range 2 {
		t.Run(fmt.Sprint("home ", i+1), func(t *testing.T) {
			h := withRouter(t)
			h.StartPublicDNS(t)
			h.StartBroker(t, h.NAS, h.CA.Issue(t, "a.example.org"))
			// One that does not listen to SIGTERM, with a child of its own.
			p := h.Phone.Start(t, "stubborn", "sh", "-c", "trap '' TERM; echo ready; sleep 3600; true")
			p.WaitLog(t, lab.Patience, "ready")
			for _, host := range h.Hosts() {
				names = append(names, host.Namespace())
				pids = append(pids, pidsIn(t, host.Namespace())...)
			}
		})
	}
	if len(pids) < 8 {
		t.Fatalf("only %v were seen to run", pids)
	}
	wantEnded(t, pids)
	wantNoNamespaces(t, names)
}

// A test process that is killed takes its processes with it, and the next one
// removes its namespaces.
func TestNextProcessRemovesWhatAKilledOneLeft(t *testing.T) {
	lab.Require(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestChildStandsUntilKilled$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	var names []string
	for lines := bufio.NewScanner(out); len(names) == 0 && lines.Scan(); {
		if list, ok := strings.CutPrefix(lines.Text(), "it stands: "); ok {
			names = strings.Fields(list)
		}
	}
	if len(names) != 5 {
		t.Fatalf("the child has no home: %v", names)
	}
	var pids []int
	for _, name := range names {
		pids = append(pids, pidsIn(t, name)...)
	}
	if len(pids) == 0 {
		t.Fatal("nothing runs in the child's home")
	}
	cmd.Process.Kill()
	wantEnded(t, pids)

	next := exec.Command(os.Args[0], "-test.run=^TestHomeStands$")
	if out, err := next.CombinedOutput(); err != nil {
		t.Fatalf("the next process: %v\n%s", err, out)
	}
	wantNoNamespaces(t, names)
}

// TestChildStandsUntilKilled is the child of the test above, and nothing
// otherwise.
func TestChildStandsUntilKilled(t *testing.T) {
	if os.Getenv(childEnv) == "" {
		return
	}
	h := withRouter(t)
	var names []string
	for _, host := range h.Hosts() {
		names = append(names, host.Namespace())
	}
	fmt.Println("it stands:", strings.Join(names, " "))
	select {}
}

func pidsIn(t *testing.T, namespace string) []int {
	t.Helper()
	out, err := exec.Command("ip", "netns", "pids", namespace).Output()
	if err != nil {
		t.Fatalf("listing the processes of %s: %v", namespace, err)
	}
	var pids []int
	for _, field := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func wantEnded(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		lab.Eventually(t, lab.Patience, func() error {
			if err := syscall.Kill(pid, 0); err == nil {
				text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				return fmt.Errorf("process %d still runs: %q", pid, text)
			}
			return nil
		})
	}
}

func wantNoNamespaces(t *testing.T, names []string) {
	t.Helper()
	for _, name := range names {
		for _, dir := range []string{"/run/netns", "/etc/netns"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				t.Errorf("%s is still in %s", name, dir)
			}
		}
	}
}
