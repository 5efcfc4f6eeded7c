//go:build linux

package forward

// Starts of the daemon and restarts of the router.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

const (
	// step is how exactly a forward's coming is measured.
	step = 5 * time.Millisecond
	// patience is how long it may take; upnpc comes every two minutes.
	patience, peersPatience = 3 * time.Minute, 5 * time.Minute
)

// coldStart starts the daemon with an empty state, and returns how long it took
// until the forward worked.
func (r *rig) coldStart(t *testing.T, k *kept) (took time.Duration, ok bool) {
	t.Helper()
	lab.Eventually(t, lab.Patience, k.daemon.WantLink("forward", "pass"))
	k.daemon.Stop(t)
	r.gone(t, k)
	left, err := filepath.Glob(filepath.Join(k.daemon.StateDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range left {
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	k.daemon.Start(t)
	at, ok := r.until(k, step, patience)
	return at.Sub(began), ok
}

// gone wants the forward to be away.
func (r *rig) gone(t *testing.T, k *kept) {
	t.Helper()
	lab.Eventually(t, lab.Patience, func() error {
		if r.works(k) == nil {
			return fmt.Errorf("the forward of %s still works", k.name)
		}
		return nil
	})
}

func startTable(t *testing.T) string {
	r := newRig(t, keptAs{name: "cold", quiet: true})
	var took []time.Duration
	missed := 0
	for i := range *starts {
		d, ok := r.coldStart(t, r.kept[0])
		if ok {
			took = append(took, d)
		} else {
			missed++
		}
		progress("start %d of %d: %s", i+1, *starts, seconds(d))
	}
	return fmt.Sprintf("\nFrom the start of `edgeguard run`, with an empty state, until the forward works, %d starts\n\n"+
		"| | median | min | max | missed |\n|-|-|-|-|-|\n%s", *starts, spread("edgeguard", took, missed))
}

// restart takes the router down and up again, as a power cut does or with
// goodbyes; either way it has forgotten its mappings. It waits until all
// forwards are back, or as long as it may take.
func (r *rig) restart(t *testing.T, how lab.Restart, away time.Duration) {
	t.Helper()
	r.StopRouter(t, how)
	if how == lab.Clean { // miniupnpd leaves its rules in the kernel
		for _, chain := range []string{"miniupnpd", "prerouting_miniupnpd", "postrouting_miniupnpd"} {
			r.Router.Run(t, "nft", "flush", "chain", "inet", "filter", chain)
		}
	}
	for _, k := range r.kept {
		r.gone(t, k)
	}
	time.Sleep(away)
	most := patience
	if *peers {
		most = peersPatience
	}
	began := time.Now()
	back := make([]time.Time, len(r.kept))
	var waiting sync.WaitGroup
	for i, k := range r.kept {
		waiting.Go(func() {
			if at, ok := r.until(k, step, most); ok {
				back[i] = at
			}
		})
	}
	r.StartRouter(t, "port=0")
	waiting.Wait()
	up, ok := r.alive.after(began)
	if !ok {
		t.Fatal("the router has not said that it is there")
	}
	for i, k := range r.kept {
		if back[i].IsZero() {
			k.missed++
			continue
		}
		k.delays[how] = append(k.delays[how], max(back[i].Sub(up), 0))
	}
}

func restartTable(t *testing.T) string {
	all := []keptAs{{name: "hears", quiet: true}, {name: "deaf", deaf: true, quiet: true}}
	if *peers {
		all = append(all, keptAs{name: "upnpc", upnpc: true})
	}
	r := newRig(t, all...)
	random := rand.New(rand.NewPCG(*seed, 0))
	for i := range *restarts {
		for _, how := range []lab.Restart{lab.Crash, lab.Clean} {
			// A restart finds the daemon at any moment of its minute.
			time.Sleep(10*time.Second + time.Duration(random.Int64N(int64(time.Minute))))
			away := time.Second + time.Duration(random.Int64N(int64(max(*down-time.Second, 1))))
			r.restart(t, how, away)
			progress("restart %d of %d, %s, %.0f s away: %s", i+1, *restarts, nameOf(how), away.Seconds(), r.last(how))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nFrom the router's first ssdp:alive after a restart until the forward works, %d restarts of each kind, the router away for 1 s to %s\n\n"+
		"| | median | min | max | missed |\n|-|-|-|-|-|\n", *restarts, *down)
	for _, k := range r.kept {
		label := map[string]string{"hears": "edgeguard, hears the router", "deaf": "edgeguard, everything unasked blocked", "upnpc": "upnpc every 120 s"}[k.name]
		for _, how := range []lab.Restart{lab.Crash, lab.Clean} {
			b.WriteString(spread(label+", "+nameOf(how), k.delays[how], *restarts-len(k.delays[how])))
		}
	}
	return b.String()
}

func nameOf(how lab.Restart) string {
	if how == lab.Crash {
		return "power cut"
	}
	return "clean restart"
}

// last tells of the newest restart.
func (r *rig) last(how lab.Restart) string {
	var parts []string
	for _, k := range r.kept {
		said := "missed"
		if d := k.delays[how]; len(d) > 0 {
			said = seconds(d[len(d)-1])
		}
		parts = append(parts, k.name+" "+said)
	}
	return strings.Join(parts, "; ")
}
