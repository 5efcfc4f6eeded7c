package deploy_test

// Whatever moment a crash comes at, and whatever moment a reader looks at: never
// a key beside another's certificate.

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// What the child that is killed finds in its environment: the folder to write
// to, and the folder with the pairs 0.pem, 1.pem and so on.
const (
	childFolder = "EDGEGUARD_TEST_DEPLOY_FOLDER"
	childPairs  = "EDGEGUARD_TEST_DEPLOY_PAIRS"
)

// writeForever is the child: it hands over one pair after the other.
func writeForever() {
	var pairs []keys.Pair
	for i := 0; ; i++ {
		text, err := os.ReadFile(filepath.Join(os.Getenv(childPairs), strconv.Itoa(i)+".pem"))
		if err != nil {
			break
		}
		pairs = append(pairs, must(keys.ParsePair(text)))
	}
	d := deploy.New(config(os.Getenv(childFolder)))
	fmt.Println("ready")
	for i := rand.IntN(len(pairs)); ; i++ {
		must(d.Write(handed(pairs[i%len(pairs)])))
	}
}

// crasher starts children and kills them.
type crasher struct{ dir, pairs string }

func newCrasher(t *testing.T, dir string) *crasher {
	t.Helper()
	c := &crasher{dir: dir, pairs: t.TempDir()}
	for i, p := range house().pairs {
		if err := os.WriteFile(filepath.Join(c.pairs, strconv.Itoa(i)+".pem"), p.Combined(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// crash has a child write for a while, and kills it.
func (c *crasher) crash(after time.Duration) error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFolder+"="+c.dir, childPairs+"="+c.pairs, "GORACE=atexit_sleep_ms=0")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	time.Sleep(after) // a random moment, not a hope
	_ = cmd.Process.Kill()
	err = cmd.Wait()
	if line != "ready\n" || cmd.ProcessState.Exited() {
		return fmt.Errorf("the child ended by itself: %v\n%s", err, said.String())
	}
	return nil
}

// which tells pairs apart by what stands in files.
type which map[string]int

func newWhich() which {
	w := which{}
	for i, p := range house().pairs {
		for _, text := range [][]byte{p.Combined(), p.PrivateKey(), p.FullChain()} {
			w[string(text)] = i
		}
	}
	return w
}

// in returns which pair a file is of; an error where it is of none.
func (w which) in(root *os.Root, name string) (int, error) {
	text, err := root.ReadFile(name)
	if err != nil {
		return 0, err
	}
	i, ok := w[string(text)]
	if !ok {
		return 0, fmt.Errorf("%s holds %d bytes that are of no pair", name, len(text))
	}
	return i, nil
}

// look reads as a broker does (one file), and as a tool that opens the generation
// does (two files). What is not there is no mismatch; seen is how many were.
func (w which) look(dir string) (seen int, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	switch _, err := w.in(root, deploy.FileCombined); {
	case err == nil:
		seen++
	case ignoreAbsent(err) != nil:
		return seen, err
	}
	held, err := root.OpenRoot("current")
	if err != nil {
		return seen, ignoreAbsent(err)
	}
	defer held.Close()
	key, err := w.in(held, deploy.FileKey)
	if err != nil {
		return seen, ignoreAbsent(err)
	}
	chain, err := w.in(held, deploy.FileFullChain)
	if err == nil && key != chain {
		err = fmt.Errorf("the key of pair %d stands beside the chain of pair %d", key, chain)
	}
	return seen + 1, ignoreAbsent(err)
}

// ignoreAbsent takes what is not there for no error. A Root finds in two steps
// where a link leads, and says ELOOP where the link has gone between them.
func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP) {
		return nil
	}
	return err
}

// watchAll looks at the folder all the time, until stop is called; that returns
// how often it saw something, and what was wrong.
func (w which) watchAll(dir string) (stop func() (int, error)) {
	ended := make(chan struct{})
	var group sync.WaitGroup
	var seen int
	var wrong error
	group.Go(func() {
		for wrong == nil {
			select {
			case <-ended:
				return
			default:
			}
			n, err := w.look(dir)
			seen, wrong = seen+n, err
			time.Sleep(2 * time.Millisecond) // leave the writer a processor
		}
	})
	return func() (int, error) {
		close(ended)
		group.Wait()
		return seen, wrong
	}
}

// memory returns a folder in memory where there is one: the death of a process
// loses nothing that was written, forced to the disk or not, so a disk would only
// make this slow.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "edgeguard-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestTwoHundredCrashesNeverLeaveAMismatch(t *testing.T) {
	dir := memory(t)
	c, w := newCrasher(t, dir), newWhich()
	stop := w.watchAll(dir)
	d := deploy.New(config(dir))
	var torn, between int
	for i := range 200 {
		if err := c.crash(time.Duration(rand.IntN(5000)) * time.Microsecond); err != nil {
			t.Fatal(err)
		}
		left := entries(t, dir)
		if slices.ContainsFunc(left, func(s string) bool { return strings.HasSuffix(s, ".new") }) {
			torn++
		}
		if n := len(generations(t, dir)); n > 2 {
			between++
		}
		// Nobody writes: now all paths must agree.
		if i > 0 {
			agree(t, w, dir)
		}
		if i%10 == 0 {
			p := house().pairs[rand.IntN(len(house().pairs))]
			if _, err := d.Write(handed(p)); err != nil {
				t.Fatal(err)
			}
			holds(t, dir, p)
			if n := len(entries(t, dir)); n > 9 || len(generations(t, dir)) > 2 {
				t.Fatalf("after a Write the folder holds %v", entries(t, dir))
			}
		}
	}
	seen, err := stop()
	if err != nil || seen < 200 {
		t.Errorf("a reader that looked %d times found: %v", seen, err)
	}
	t.Logf("200 crashes: %d before the swap, %d with an old generation not yet removed; the reader looked %d times", torn, between, seen)
	if torn == 0 {
		t.Error("no crash came while something was being written: this shows nothing")
	}
}

// agree fails the test unless all names lead to one pair.
func agree(t *testing.T, w which, dir string) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var found []int
	for _, name := range []string{deploy.FileCombined, deploy.FileKey, deploy.FileFullChain, "current/" + deploy.FileKey} {
		i, err := w.in(root, name)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, i)
	}
	if slices.Min(found) != slices.Max(found) {
		t.Fatalf("the names lead to the pairs %v", found)
	}
}

// Any order of writing, crashing and meddling ends in what was written last.
func TestAnyOrderOfEventsEndsInThePairWrittenLast(t *testing.T) {
	w := newWhich()
	crashes := 0
	base := memory(t)
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		c := &crasher{dir: dir}
		stop := w.watchAll(dir)
		d := deploy.New(config(dir))
		for _, event := range rapid.SliceOfN(rapid.SampledFrom(events), 1, 6).Draw(r, "events") {
			if event == "crash" && crashes < 20 {
				crashes++
				if c.pairs == "" {
					c = newCrasher(t, dir)
				}
				err = c.crash(time.Duration(rand.IntN(5000)) * time.Microsecond)
			} else {
				err = meddle(d, dir, event)
			}
			if err != nil {
				r.Fatal(event, err)
			}
		}
		last := rapid.IntRange(0, len(house().pairs)-1).Draw(r, "last")
		if _, err := d.Write(handed(house().pairs[last])); err != nil {
			r.Fatal(err)
		}
		holds(t, dir, house().pairs[last])
		if changed, err := d.Write(handed(house().pairs[last])); changed || err != nil {
			r.Fatalf("once more gives %v, %v", changed, err)
		}
		if _, err := stop(); err != nil {
			r.Fatal(err)
		}
		if n := generations(t, dir); len(n) > 2 {
			r.Fatalf("there are %v", n)
		}
	})
}

var events = []string{"write", "write", "write", "crash", "forget current", "forget a name", "plant a generation", "leave a piece", "restart"}

// meddle does what happens to a folder.
func meddle(d *deploy.Deployer, dir, event string) error {
	switch event {
	case "write":
		_, err := d.Write(handed(house().pairs[rand.IntN(len(house().pairs))]))
		return err
	case "forget current":
		return ignoreAbsent(os.Remove(filepath.Join(dir, "current")))
	case "forget a name":
		return ignoreAbsent(os.Remove(filepath.Join(dir, deploy.FileKey)))
	case "plant a generation":
		return os.MkdirAll(filepath.Join(dir, fmt.Sprintf("gen-%08d", 1+rand.IntN(5)), "deep"), 0o700)
	case "leave a piece":
		return os.WriteFile(filepath.Join(dir, deploy.FileCombined+".new"), []byte("-----BEGIN"), 0o600)
	}
	return nil
}
