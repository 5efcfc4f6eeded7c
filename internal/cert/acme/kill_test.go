package acme

// The process is killed again and again while it obtains a certificate.

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const (
	// childEnv holds the job of a child of the tests; killsEnv how many kills
	// there are at least.
	childEnv = "EDGEGUARD_ACME_CHILD"
	killsEnv = "EDGEGUARD_ACME_KILLS"
)

// job is what a child is to do.
type job struct{ Directory, RootFile, Folder, KeyFile, DNS, Admin, Name, Rehearsal string }

// child obtains the job's certificate, and returns the process's exit code.
func child(text string) int {
	var j job
	err := json.Unmarshal([]byte(text), &j)
	if err == nil {
		err = j.do()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (j job) do() error {
	roots := x509.NewCertPool()
	text, err := os.ReadFile(j.RootFile)
	if err != nil {
		return err
	}
	roots.AppendCertsFromPEM(text)
	if text, err = os.ReadFile(j.KeyFile); err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	z := &zone{dns: j.DNS, admin: j.Admin}
	i, err := New(Config{
		Directory: j.Directory, Rehearsal: j.Rehearsal, Roots: roots, Folder: j.Folder, Records: z, Names: z,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	quicken(i)
	i.Sweep(context.Background())
	_, err = i.Obtain(context.Background(), Request{Names: []string{j.Name}, Key: key})
	return err
}

// runFor runs the job in a process of its own, and kills it after d where that
// is not zero. killed is whether that was before its end.
func (j job) runFor(t *testing.T, d time.Duration) (killed bool) {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := new(lockedBuffer)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = dieWithUs()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if d > 0 {
		timer := time.AfterFunc(d, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() < 0 {
		return true
	}
	if err != nil {
		t.Fatalf("the child failed: %v\n%s\n%s", err, out.String(), "")
	}
	return false
}

func TestKilledAtAnyMomentItNeverPlacesASecondOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs many processes")
	}
	want := 30
	if n, err := strconv.Atoi(os.Getenv(killsEnv)); err == nil {
		want = n
	}
	f := newFront(t, usual(t))
	z := f.zone()
	first := f.job(t, "kill0.example.net")
	begun := time.Now()
	first.runFor(t, 0)
	whole := time.Since(begun)
	kills, placed := 0, 0
	for n := 1; kills < want; n++ {
		name := fmt.Sprintf("kill%d.example.net", n)
		j := f.job(t, name)
		for tries := 0; tries < 12; tries++ {
			if !j.runFor(t, 1+rand.N(whole+whole/4)) {
				break
			}
			kills++
		}
		j.runFor(t, 0) // at the latest now; where it is there already this asks for nothing
		if got := f.ordered(name); got != 1 {
			t.Fatalf("%s was ordered %d times", name, got)
		}
		placed++
		if list, err := z.values(t.Context(), "_acme-challenge."+name); err != nil || len(list) > 0 {
			t.Errorf("the TXT record of %s is still there: %v, %v", name, list, err)
		}
	}
	f.mu.Lock()
	accounts := f.accounts
	f.mu.Unlock()
	if accounts != placed+1 {
		t.Errorf("%d accounts were made in %d folders", accounts, placed+1)
	}
	t.Logf("%d kills, %d certificates with one order each; undisturbed one takes %v", kills, placed, whole)
}

// job is a job of a new folder and key.
func (f *front) job(t *testing.T, name string) job {
	t.Helper()
	folder := t.TempDir()
	key := newRequest(t, name).Key
	der, err := x509.MarshalECPrivateKey(mustEC(t, key))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return job{
		Directory: f.directory(), RootFile: f.world.rootFile, Folder: filepath.Join(folder, "acme"), KeyFile: file,
		DNS: f.world.dns, Admin: f.world.dnsAdmin, Name: name,
	}
}
