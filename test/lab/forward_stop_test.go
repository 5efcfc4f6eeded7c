//go:build linux

package lab_test

// The daemon is stopped while it is still about to make the forward.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// Whatever the instant of the stop, the router forwards nothing afterwards: in
// homes that differ by what the daemon asks first, at instants drawn by lot
// within its first seconds, and as soon as the forward is there, while the
// router's answer may still be on its way.
func TestForwardIsGoneWheneverTheDaemonStops(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	const seed, stops = 8883, 5
	t.Logf("seed %d", seed)
	for i, c := range []struct {
		name, sources string
		within        time.Duration // of the start
		lines         []string
	}{
		{"UPnP", `["igd"]`, 2 * time.Second, nil},
		{"UPnP, after an answer by PCP", `["pcp", "natpmp", "igd"]`, 2 * time.Second, nil},
		{"UPnP over another port each time", `["natpmp", "igd"]`, 2 * time.Second, []string{"port=0"}},
		{"PCP alone", `["natpmp"]`, 4 * time.Second, []string{"enable_upnp=no"}}, // it is asked after a search
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			toBroker := func(m lab.Mapping) bool { return m.External == lab.BrokerPort }
			lot := rand.New(rand.NewPCG(seed, uint64(i)))
			p := newPort(t, c.lines...)
			d := p.StartEdgeguard(t, lab.EdgeguardOptions{Config: replaceLine(t, p.config(t, ""), "sources = ", "sources = "+c.sources)})
			seen := 0
			for n := range stops + 2 {
				when := "as soon as the forward is there"
				if n > 0 {
					d.Start(t)
				}
				if n < stops {
					wait := time.Duration(lot.Int64N(int64(c.within)))
					when = "after " + wait.String()
					time.Sleep(wait) // the instant is the test
				} else {
					lab.Eventually(t, lab.Patience, func() error {
						// PCP's way to tell the address is a mapping, too.
						if all := p.Mappings(t); !slices.ContainsFunc(all, toBroker) {
							return fmt.Errorf("the router forwards %v", all)
						}
						return nil
					})
				}
				stood := slices.ContainsFunc(p.Mappings(t), toBroker)
				began := time.Now()
				code := d.Stop(t)
				left := p.Mappings(t)
				// In its first moments the signal itself ends it: it has asked for
				// nothing by then.
				early := code == -1 && !stood
				if code != 0 && !early || len(left) != 0 {
					t.Errorf("stopped %s: exit code %d, left behind: %v", when, code, left)
				}
				t.Logf("stopped %s: the forward stood: %t, the stop took %v", when, stood, time.Since(began).Round(time.Millisecond))
				if stood {
					seen++
				}
			}
			if seen < 2 {
				t.Error("hardly any forward stood when the daemon was stopped: this proves nothing")
			}
			if left := p.Mappings(t); len(left) != 0 {
				t.Errorf("came later: %v", left)
			}
			if strings.Contains(d.Log(), "could not take the forward away") {
				t.Error("the daemon says that it could not take the forward away, though it did")
			}
		})
	}
}
