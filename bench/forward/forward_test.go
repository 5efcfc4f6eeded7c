//go:build linux

package forward

// What is measured, and in what order.

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

var (
	figures  = flag.Bool("figures", false, "measure; otherwise one start and one restart, to see that it works")
	starts   = flag.Int("starts", 10, "how many starts of the daemon to measure; 0 for none")
	restarts = flag.Int("restarts", 5, "how many restarts of the router to measure, of each kind; 0 for none")
	down     = flag.Duration("down", 30*time.Second, "the longest that the router is away; how long each time is by lot")
	idle     = flag.Duration("idle", 5*time.Minute, "how long to look at daemons that have nothing to do; 0 for not")
	peers    = flag.Bool("peers", false, "measure a timer that runs upnpc every two minutes as well")
	seed     = flag.Uint64("seed", 1, "of how long the router is away")
	markdown = flag.String("markdown", "", "a file to write the tables to as well")
	source   = flag.String("source", "", "another source tree to build edgeguard from")
)

// settle is how long the daemons of the idle time are let alone before it: the
// second look at a new forward comes within a minute.
const settle = 90 * time.Second

// stagger keeps the starts of many daemons apart.
const stagger = 7 * time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	lab.BuildFrom(*source)
	lab.Main(m)
}

// The forward comes up with the daemon and back with the router, also for a
// daemon that hears nothing of it, and the traffic is counted.
func TestForwardComesUpAndBack(t *testing.T) {
	lab.Require(t)
	r := newRig(t, keptAs{name: "hears"}, keptAs{name: "deaf", deaf: true})
	before := r.traffic(t)
	if took, ok := r.coldStart(t, r.kept[0]); !ok {
		t.Errorf("the forward was not there %v after the start", took)
	}
	r.restart(t, lab.Crash, time.Second)
	for _, k := range r.kept {
		if k.missed > 0 || len(k.delays[lab.Crash]) != 1 {
			t.Errorf("%s: the forward did not come back", k.name)
		}
	}
	after := r.traffic(t)
	for _, k := range r.kept {
		used := after[k.name].less(before[k.name])
		if used["tcp"].packets == 0 || used["tcp"].wire() <= used["tcp"].octets {
			t.Errorf("%s: counted %+v, and no SOAP in it", k.name, used)
		}
	}
	if cpu, err := r.kept[0].cpu(); err != nil || cpu <= 0 {
		t.Errorf("the daemon has used %v of the processor: %v", cpu, err)
	}
}

// TestFigures is the benchmark, for bench/forward/run; nothing otherwise.
func TestFigures(t *testing.T) {
	if !*figures {
		return
	}
	lab.Require(t)
	text := conditions(t)
	// Each part has a home of its own, which is gone before the next.
	t.Run("start", func(t *testing.T) {
		if *starts > 0 {
			text += startTable(t)
		}
	})
	t.Run("restart", func(t *testing.T) {
		if *restarts > 0 {
			text += restartTable(t)
		}
	})
	t.Run("idle", func(t *testing.T) {
		if *idle > 0 {
			text += idleTable(t)
		}
	})
	fmt.Print(text)
	if *markdown != "" {
		if err := os.WriteFile(*markdown, []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// progress tells the person who waits.
func progress(format string, a ...any) { fmt.Fprintf(os.Stderr, format+"\n", a...) }
