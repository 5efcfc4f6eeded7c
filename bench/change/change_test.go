//go:build linux

package change

// What is measured, in what order, and how it is told.

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

var (
	figures  = flag.Bool("figures", false, "measure; otherwise one change, to see that it works")
	changes  = flag.Int("changes", 10, "how many changes of the address to measure")
	peers    = flag.Bool("peers", true, "measure inadyn and ddclient as well, which look every 2 and 5 minutes")
	flaps    = flag.Int("flaps", 100, "how often the address changes within a minute at the end; 0 for not")
	seed     = flag.Uint64("seed", 1, "of the pauses between changes")
	markdown = flag.String("markdown", "", "a file to write the tables to as well")
	source   = flag.String("source", "", "another source tree to build edgeguard from")
)

const (
	// rest is the least time between a change that has arrived everywhere and
	// the next: edgeguard leaves that long between two writes.
	rest = 40 * time.Second
	// spread is how much longer it may be, at random, so that a change comes at
	// any moment between two looks; with the peers, as long as the longest time
	// between two looks of theirs.
	spread, peersSpread = 20 * time.Second, 300 * time.Second
	// patience is how long a change may take. ddclient looks every 300 s, and
	// tries a failed look again at the next.
	patience, peersPatience = 2 * time.Minute, 11 * time.Minute
	// step is how exactly an arrival is measured.
	step = 2 * time.Millisecond
)

func TestMain(m *testing.M) {
	flag.Parse()
	lab.BuildFrom(*source)
	lab.Main(m)
}

// A change arrives, with the router's events and without.
func TestChangeArrives(t *testing.T) {
	lab.Require(t)
	r := newRig(t, false)
	r.change(t, lab.Patience)
	for _, c := range r.clients {
		if c.missed > 0 {
			t.Errorf("the change did not arrive: %s", c.name)
		}
	}
}

// TestFigures is the benchmark, for bench/change/run; nothing otherwise.
func TestFigures(t *testing.T) {
	if !*figures {
		return
	}
	lab.Require(t)
	r := newRig(t, *peers)
	random := rand.New(rand.NewPCG(*seed, 0))
	wide, most := spread, patience
	if *peers {
		wide, most = peersSpread, peersPatience
	}
	before, began := r.counts(), time.Now()
	for i := range *changes {
		time.Sleep(rest + time.Duration(random.Int64N(int64(wide))))
		r.change(t, most)
		fmt.Fprintf(os.Stderr, "change %d of %d: %s\n", i+1, *changes, r.last())
	}
	text := r.delayTable() + r.costTable(before, time.Since(began))
	if *flaps > 0 {
		time.Sleep(rest)
		text += r.flap(t, most)
	}
	fmt.Print(text)
	if *markdown != "" {
		if err := os.WriteFile(*markdown, []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// has wants a client's record to be an address.
func (r *rig) has(c *client, want netip.Addr) error {
	if got := c.record(); got != want {
		return fmt.Errorf("the record of %s is %v, want %v", c.name, got, want)
	}
	return nil
}

// change changes the address and waits until all records follow, or for as long
// as it may take.
func (r *rig) change(t *testing.T, most time.Duration) {
	t.Helper()
	to := r.address()
	r.SetWANAddress(t, to)
	from := r.WANChanged()
	waiting := slices.Clone(r.clients)
	for len(waiting) > 0 && time.Since(from) < most {
		waiting = slices.DeleteFunc(waiting, func(c *client) bool {
			if c.record() != to {
				return false
			}
			c.delays = append(c.delays, time.Since(from))
			return true
		})
		time.Sleep(step)
	}
	for _, c := range waiting {
		c.missed++
	}
}

// last tells of the newest change.
func (r *rig) last() string {
	var parts []string
	for _, c := range r.clients {
		said := "missed"
		if n := len(c.delays); n > 0 {
			said = seconds(c.delays[n-1])
		}
		parts = append(parts, c.name+" "+said)
	}
	return strings.Join(parts, "; ")
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// count is what a client has asked of the world.
type count struct{ echo, provider int }

func (r *rig) counts() (list []count) {
	for _, c := range r.clients {
		list = append(list, count{r.echo.ServedAs(c.echo), c.asked()})
	}
	return list
}

// delayTable tells how long the changes took.
func (r *rig) delayTable() string {
	var b strings.Builder
	fmt.Fprintf(&b, "From the kernel's change of the address until the provider has it, %d changes\n\n| | median | min | max | missed |\n|-|-|-|-|-|\n", *changes)
	for _, c := range r.clients {
		d := slices.Sorted(slices.Values(c.delays))
		if len(d) == 0 {
			fmt.Fprintf(&b, "| %s | – | – | – | %d |\n", c.name, c.missed)
			continue
		}
		median := (d[(len(d)-1)/2] + d[len(d)/2]) / 2
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d |\n", c.name, seconds(median), seconds(d[0]), seconds(d[len(d)-1]), c.missed)
	}
	return b.String()
}

// costTable tells what the clients asked of the world meanwhile.
func (r *rig) costTable(before []count, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nRequests in those %.0f minutes with their %d changes (for each hour)\n\n| | echo services | provider |\n|-|-|-|\n", took.Minutes(), *changes)
	for i, after := range r.counts() {
		echo, provider := after.echo-before[i].echo, after.provider-before[i].provider
		fmt.Fprintf(&b, "| %s | %d (%.1f) | %d (%.1f) |\n", r.clients[i].name,
			echo, float64(echo)/took.Hours(), provider, float64(provider)/took.Hours())
	}
	return b.String()
}

// flap lets the line flap for a minute and tells what came of it.
func (r *rig) flap(t *testing.T, most time.Duration) string {
	t.Helper()
	for _, c := range r.clients {
		c.delays, c.missed = nil, 0
	}
	before := r.counts()
	r.Flap(t, []netip.Addr{r.address(), r.address()}, *flaps, lab.FlapTime)
	during := r.counts()
	r.change(t, most)
	var b strings.Builder
	fmt.Fprintf(&b, "\nAfter %d changes in %v and one more\n\n| | requests to the provider meanwhile | and until the record was right | which took | echo services, in all |\n|-|-|-|-|-|\n", *flaps, lab.FlapTime)
	for i, after := range r.counts() {
		c := r.clients[i]
		took := "**never**"
		if c.missed == 0 {
			took = seconds(c.delays[0])
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %d |\n", c.name, during[i].provider-before[i].provider,
			after.provider-during[i].provider, took, after.echo-before[i].echo)
	}
	return b.String()
}
