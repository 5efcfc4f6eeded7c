//go:build linux

package certkill

// The kills, and what must hold after them.

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
	"github.com/miekg/dns"
)

var (
	kills = flag.Int("kills", 16, "how often the daemon is killed, at least; shared by the homes")
	homes = flag.Int("homes", 1, "how many homes for each way of proving")
	seed  = flag.Uint64("seed", 0, "of the moments; 0 draws one")
)

func TestMain(m *testing.M) {
	flag.Parse()
	lab.Main(m)
}

func TestKilledAtAnyMomentNothingIsTornOrOrderedTwice(t *testing.T) {
	lab.Require(t)
	drawn := *seed
	if drawn == 0 {
		drawn = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", drawn)
	challenges := []string{"dns-01", "http-01"}
	for range *homes - 1 {
		challenges = append(challenges, "dns-01", "http-01")
	}
	for i, challenge := range challenges {
		t.Run(challenge, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			r := newRig(t, challenge, drawn+uint64(i))
			r.watch(t)
			for r.killed() < (*kills+len(challenges)-1)/len(challenges) {
				r.round(t)
			}
			r.end(t)
		})
	}
}

// killed is how many kills there were.
func (r *rig) killed() (n int) {
	for _, count := range r.kills {
		n += count
	}
	return n
}

// round has one certificate wanted, by another name in the config or by a
// person's wish, and kills the daemon on the way to it.
func (r *rig) round(t *testing.T) {
	t.Helper()
	r.d.Kill()
	before := r.held()
	name := names(before)[0]
	wish := r.rand.IntN(3) == 0
	if wish {
		r.wanted[name]++
	} else {
		name = r.newName(t)
		r.d.WriteConfig(t, fmt.Sprintf(r.config, name))
	}
	r.front.forget()
	for range 1 + r.rand.IntN(6) {
		r.start(t, wish, before)
		r.fate(before)
		r.spare()
		r.d.Kill()
		step := r.step(before)
		r.kills[step]++
		t.Logf("kill %d on the way to %s: %s", r.killed(), name, step)
		if step == served {
			break // there is nothing left to disturb
		}
	}
	r.start(t, wish, before)
	lab.Eventually(t, 3*lab.Patience, func() error { return r.isServed(before) })
	if got := names(r.held()); len(got) != 1 || got[0] != name {
		t.Fatalf("the certificate is for %v, want %s", got, name)
	}
	r.check(t, name)
}

// start starts the daemon; a wish that died with the one before is made again.
func (r *rig) start(t *testing.T, wish bool, before []byte) {
	t.Helper()
	if wish && string(r.held()) == string(before) {
		if err := os.WriteFile(r.renew(), []byte("now\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.d.Start(t)
}

// fate waits until the daemon is to die: for a while, or for a step and a moment
// more.
func (r *rig) fate(before []byte) {
	moment := func(most time.Duration) time.Duration { // often short
		x := r.rand.Float64()
		return time.Duration(x * x * float64(most))
	}
	late := time.NewTimer(time.Duration(r.rand.Int64N(int64(r.whole * 5 / 4))))
	if r.rand.IntN(4) > 0 {
		late.Reset(2 * r.whole) // for a step; it may be over already
		switch step := []string{"order", "challenge", "finalize", "download", "held", "held"}[r.rand.IntN(6)]; step {
		case "held":
			if string(r.held()) != string(before) {
				late.Reset(moment(r.whole)) // since the last start; what is left is to hand it over
				break
			}
			for until := time.Now().Add(2 * r.whole); time.Now().Before(until) && string(r.held()) == string(before); {
				time.Sleep(500 * time.Microsecond)
			}
			late.Reset(moment(50 * time.Millisecond))
		default:
			select {
			case <-r.front.await(step):
				late.Reset(moment(300 * time.Millisecond))
			case <-late.C:
				return
			}
		}
	}
	<-late.C
}

// spare lets the CA finish its look by http-01. Who is killed then does not
// answer, and has lost the order for good: the next is placed five minutes later,
// which is right and takes long.
func (r *rig) spare() {
	for until := time.Now().Add(lab.Patience); r.challenge == "http-01" && time.Now().Before(until) && r.front.asked("challenge") && !r.front.asked("finalize"); {
		time.Sleep(time.Millisecond)
	}
}

// check wants as many orders as certificates that were wanted, and no reader to
// have seen anything wrong.
func (r *rig) check(t *testing.T, name string) {
	t.Helper()
	got, lost := r.front.ordered(name)
	if got != r.wanted[name]+lost || lost > 0 && r.challenge == "dns-01" {
		t.Fatalf("%s was ordered %d times, %d of which the CA gave up, and %d certificates were wanted", name, got, lost, r.wanted[name])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for wrong, times := range r.wrong {
		t.Fatalf("readers saw %d times: %s", times, wrong)
	}
}

// end wants nothing to be left, and tells what happened.
func (r *rig) end(t *testing.T) {
	t.Helper()
	orders, lost, certificates := 0, 0, 0
	for _, name := range slices.Sorted(maps.Keys(r.wanted)) {
		r.check(t, name)
		placed, gone := r.front.ordered(name)
		orders, lost = orders+placed, lost+gone
		certificates += r.wanted[name]
		lab.Eventually(t, lab.Patience, func() error { return r.noRecord(name) })
	}
	lab.Eventually(t, lab.Patience, func() error {
		for _, m := range r.Mappings(t) {
			if m.External == 80 {
				return errors.New("port 80 is still forwarded")
			}
		}
		if _, err := os.Stat(filepath.Join(r.d.StateDir, "cert", "port80.json")); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("port 80 is still noted: %v", err)
		}
		return nil
	})
	r.stopWatch()
	lines := []string{fmt.Sprintf("%s: %d kills, %d certificates wanted, %d orders, %d given up by the CA; undisturbed one takes %v", r.challenge, r.killed(), certificates, orders, lost, r.whole.Round(100*time.Millisecond))}
	for _, step := range slices.Sorted(maps.Keys(r.kills)) {
		lines = append(lines, fmt.Sprintf("  %-28s %d", step, r.kills[step]))
	}
	t.Logf("%s\n  read %d times combined.pem and current.pem, %d times two files of one generation, %d handshakes",
		strings.Join(lines, "\n"), r.files, r.split, r.handshakes)
}

// noRecord wants no proof of a name in the public DNS.
func (r *rig) noRecord(name string) error {
	if r.primary == nil {
		return nil
	}
	answer, err := r.WAN.Ask(lab.PrimaryAddr, "_acme-challenge."+name, dns.TypeTXT)
	if err == nil && len(answer.Answer) > 0 {
		err = fmt.Errorf("a record is left: %v", answer.Answer)
	}
	return err
}
