//go:build linux

package lab_test

// Routers without UPnP, and what an earlier life without a goodbye has left.

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// NAT-PMP and PCP only: the forward is made by one of them, for no longer than
// the router grants, and comes back after a restart as any other.
func TestForwardWithoutUPnP(t *testing.T) {
	t.Parallel() // it waits more than it works
	for method, more := range map[string]string{
		"pcp":    "", // the first that is spoken
		"natpmp": "\n[portmap]\nmethods = [\"igd\", \"natpmp\"]\n",
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			p := newPort(t, "enable_upnp=no", "min_lifetime=120", "max_lifetime=300")
			d := p.start(t, more)
			p.forwarded(t, d, lab.BrokerPort)
			f, err := d.Forward()
			if err != nil || f.Method != method || !strings.Contains(f.Note, "cannot be read back") {
				t.Errorf("the forward is %+v, %v", f, err)
			}
			left := time.Until(f.LeaseExpiresAt)
			if method == "pcp" && (left <= 0 || left > 5*time.Minute) {
				t.Errorf("the lease ends in %v, the router grants five minutes", left)
			}
			t.Logf("%s by %s for another %v: %s", f.State, f.Method, left.Round(time.Second), f.Note)
			p.RestartRouter(t, lab.Crash)
			p.forwarded(t, d, lab.BrokerPort)
			if code := d.Stop(t); code != 0 || !strings.Contains(d.Log(), "gave the forward back") {
				t.Errorf("exit code %d, or it was not given back", code)
			}
			if left := p.Mappings(t); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// What PCP and NAT-PMP grant in place of a port that is taken is another port,
// which no name leads to: it is given back.
func TestForwardWithoutUPnPOfATakenPort(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, method := range []string{"pcp", "natpmp"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			p := newPort(t)
			upnpc(t, p.Pi, "xyz", netip.AddrPortFrom(lab.PiAddr, 8883), 8883, 0)
			before := p.Mappings(t)
			// miniupnpd finds the rule in the kernel again, without UPnP.
			p.StopRouter(t, lab.Clean)
			p.StartRouter(t, "enable_upnp=no")
			if now := p.Mappings(t); !slices.Equal(now, before) {
				t.Fatalf("the router forwards %v, want %v: this proves nothing", now, before)
			}
			d := p.start(t, fmt.Sprintf("\n[portmap]\nmethods = [%q]\n", method))
			f := p.refused(t, d, "conflict", "port 8883 is taken on the router", "it offered 8884 instead")
			if f.Method != method || !strings.Contains(f.Action, "who holds port 8883") {
				t.Errorf("by %q people are told: %s", f.Method, f.Action)
			}
			if now := p.Mappings(t); !slices.Equal(now, before) {
				t.Errorf("the router forwards %v, want %v alone", now, before)
			}
			if d.Stop(t); !slices.Equal(p.Mappings(t), before) {
				t.Errorf("after the stop the router forwards %v, want %v alone", p.Mappings(t), before)
			}
		})
	}
}

// An earlier life of ours ended without a goodbye and left its entry; since
// then the broker has moved to another host. By what is remembered of that life
// the entry is ours to replace. Without it, it is another's.
func TestForwardOfAnEarlierLifeToAnotherHost(t *testing.T) {
	t.Parallel() // it waits more than it works
	for name, remembered := range map[string]bool{"remembered": true, "forgotten": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			p := newPort(t, "secure_mode=no")
			d := p.start(t, "")
			p.forwarded(t, d, lab.BrokerPort)
			before := p.Mappings(t)
			d.Kill()
			p.broker.Kill()
			moved := portOf(t, p.Home, p.Pi)
			state := d.StateDir
			if !remembered {
				state = t.TempDir()
			}
			d.WriteConfig(t, replaceLine(t, moved.config(t, ""), "state_dir = ", fmt.Sprintf("state_dir = %q", state)))
			d.Start(t)
			if !remembered {
				moved.refused(t, d, "conflict", "port 8883 is held by 192.168.77.10", "edgeguard mqtt")
				if d.Stop(t); !slices.Equal(p.Mappings(t), before) {
					t.Errorf("what is not known to be ours was touched: %v, want %v", p.Mappings(t), before)
				}
				return
			}
			moved.forwarded(t, d, lab.BrokerPort)
			if !strings.Contains(d.Log(), "deleted an entry of our own that led elsewhere") {
				t.Error("nothing is said of the entry that was replaced")
			}
			d.Stop(t)
			if left := p.Mappings(t); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
