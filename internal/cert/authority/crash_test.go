package authority

// The process is killed at every step of every change, and the disk fails at
// every write.

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// What the child is told by its environment.
const (
	crashFolder  = "EDGEGUARD_TEST_CRASH_FOLDER"
	crashOffline = "EDGEGUARD_TEST_CRASH_OFFLINE"
	crashAt      = "EDGEGUARD_TEST_CRASH_AT"
)

// crashChild makes an authority, issues, revokes and renews the intermediate,
// and tells each success on a line. It is killed at the step of this number.
func crashChild() {
	at, _ := strconv.Atoi(os.Getenv(crashAt))
	s := testStore(os.Getenv(crashFolder))
	s.reached = func(step string) {
		if at--; at == 0 {
			fmt.Println("killed at", step)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it arrives
		}
	}
	tell := func(what string, err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(what)
	}
	offline := os.Getenv(crashOffline)
	a, err := s.create(Options{Key: keys.P256, OfflineFolder: offline})
	tell("created", err)
	key := leafKeys[keys.P256]()
	server, err := a.IssueServer(ServerRequest{Names: []string{"mqtt.home.example"}}, key)
	tell("left "+text(server), err)
	client, err := a.IssueClient(ClientRequest{Name: "plug"}, key)
	tell("left "+text(client), err)
	_, err = a.Revoke("plug")
	tell("revoked", err)
	if offline != "" {
		tell("renewed", a.RenewIntermediate(offline, secret.Value{}))
	}
	fmt.Println("end")
	os.Exit(0)
}

func text(p keys.Pair) string {
	if p.IsZero() {
		return ""
	}
	return serialText(p.Leaf().SerialNumber)
}

// crash runs a child to its death and returns the lines that it told.
func crash(t *testing.T, folder, offline string, at int) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashFolder+"="+folder, crashOffline+"="+offline, crashAt+"="+strconv.Itoa(at))
	out, _ := cmd.Output() // a killed one gives an error
	var lines []string
	for scan := bufio.NewScanner(strings.NewReader(string(out))); scan.Scan(); {
		lines = append(lines, scan.Text())
	}
	if len(lines) == 0 || strings.HasPrefix(lines[len(lines)-1], "error") {
		t.Fatalf("the child says %q", lines)
	}
	return lines
}

func TestAKillAtAnyStepLeavesOldOrNew(t *testing.T) {
	for _, offline := range []bool{false, true} {
		steps := 0
		for ended := false; !ended; {
			steps++
			folder, stick := filepath.Join(t.TempDir(), "ca"), ""
			if offline {
				stick = t.TempDir()
			}
			lines := crash(t, folder, stick, steps)
			ended = lines[len(lines)-1] == "end"
			// What a write that was cut off leaves behind.
			torn := filepath.Join(folder, "authority.json.tmp")
			if err := os.WriteFile(torn, []byte(`{"version":1,"ro`), 0o600); err != nil {
				t.Fatal(err)
			}
			afterCrash(t, folder, lines)
		}
		if want := map[bool]int{false: 10, true: 13}[offline]; steps != want {
			t.Errorf("off line %v: %d steps, not %d: is one not tried?", offline, steps, want)
		}
	}
}

// afterCrash looks at what a crash has left, and goes on with it.
func afterCrash(t *testing.T, folder string, lines []string) {
	t.Helper()
	where := lines[len(lines)-1]
	a, err := Open(folder, secret.Value{})
	if errors.Is(err, ErrNone) {
		if slices.Contains(lines, "created") {
			t.Fatalf("%s: it was made, and is not there", where)
		}
		a, err = testStore(folder).create(Options{Key: keys.P256})
	}
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	issued, err := a.Issued()
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	revoked := false
	for _, line := range lines {
		serial, left := strings.CutPrefix(line, "left ")
		if left && !slices.ContainsFunc(issued, func(c Issued) bool { return c.Serial == serial }) {
			t.Errorf("%s: %s has left and is not recorded", where, serial)
		}
		revoked = revoked || line == "revoked"
	}
	crl, err := a.CRL()
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	inList := len(mustList(t, crl).RevokedCertificateEntries) > 0
	inIndex := slices.ContainsFunc(issued, func(c Issued) bool { return !c.RevokedAt.IsZero() })
	if inList != inIndex || revoked && !inList {
		t.Errorf("%s: revoked %v, in the list %v, in the index %v", where, revoked, inList, inIndex)
	}
	if _, err := a.IssueClient(ClientRequest{Name: "next"}, leafKeys[keys.P256]()); err != nil {
		t.Errorf("%s: it does not go on: %v", where, err)
	}
}

// A disk that takes nothing changes nothing, and no certificate leaves.
func TestAFailedWriteChangesNothing(t *testing.T) {
	stick := t.TempDir()
	a := mustCreate(t, Options{Key: keys.P256, OfflineFolder: stick})
	key := leafKeys[keys.P256]()
	if _, err := a.IssueClient(ClientRequest{Name: "plug"}, key); err != nil {
		t.Fatal(err)
	}
	before := mustRead(t, a.store.stateFile())
	jam(t, a.store.stateFile())
	for what, change := range map[string]func() error{
		"IssueClient": func() error {
			pair, err := a.IssueClient(ClientRequest{Name: "next"}, key)
			if !pair.IsZero() {
				t.Error("a client's certificate left")
			}
			return err
		},
		"IssueServer": func() error {
			pair, err := a.IssueServer(ServerRequest{Names: []string{"a.example"}}, key)
			if !pair.IsZero() {
				t.Error("a server's certificate left")
			}
			return err
		},
		"Revoke": func() error {
			list, err := a.Revoke("plug")
			if list != nil {
				t.Error("it says that it revoked")
			}
			return err
		},
		"RenewIntermediate": func() error { return a.RenewIntermediate(stick, secret.Value{}) },
	} {
		if err := change(); err == nil {
			t.Errorf("%s says nothing of the disk", what)
		}
		if string(mustRead(t, a.store.stateFile())) != string(before) {
			t.Errorf("%s changed the state", what)
		}
	}
	folder := t.TempDir()
	jam(t, store{folder: folder}.stateFile())
	if _, err := testStore(folder).create(Options{Key: keys.P256}); err == nil {
		t.Error("Create says nothing of the disk")
	}
	if _, err := Open(folder, secret.Value{}); !errors.Is(err, ErrNone) {
		t.Errorf("afterwards there is %v", err)
	}
}

// jam makes every write of the file at path fail: a folder that is not empty
// stands where the new text is to go.
func jam(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(path+".tmp", "jam"), 0o700); err != nil {
		t.Fatal(err)
	}
}
