//go:build linux

package lab_test

// Another config while the daemon runs: what it leaves as it was is not touched
// on the router, by the kernel's own count of its rules.

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// piForward is a TCP port of a service on the Pi, udpForward one of the NAS's.
const (
	piForward  = "\n[[portmap.forward]]\nname = \"pi\"\naddress = \"192.168.77.11:9000\"\n"
	udpForward = "\n[[portmap.forward]]\nname = \"wireguard\"\naddress = \"192.168.77.10:51820\"\nprotocol = \"udp\"\n"
)

// relayed is [portmap] with the relay in a mode.
func relayed(mode string) string { return fmt.Sprintf("\n[portmap]\nrelay = %q\n", mode) }

// handles are the kernel's handles of the rules that lead to a port.
func handles(t *testing.T, h *lab.Home, to netip.AddrPort) map[string]string {
	t.Helper()
	rules, _ := h.RouterRules(t)
	list := make(map[string]string)
	for handle, rule := range rules {
		if strings.Contains(rule, "to "+to.String()) {
			list[handle] = rule
		}
	}
	return list
}

func TestReloadTouchesOnlyWhatChanged(t *testing.T) {
	t.Parallel()    // it waits more than it works
	p := newPort(t) // in secure mode
	pi := netip.AddrPortFrom(lab.PiAddr, 9000)
	l, err := p.Pi.Listen("tcp", pi.String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go echoAll(l)
	base := p.config(t, "")
	d := p.StartEdgeguard(t, lab.EdgeguardOptions{Config: base + relayed("off") + piForward})
	lab.Eventually(t, lab.Patience, d.WantForwardOf("mqtt", "ipv4", "active"))
	lab.Eventually(t, lab.Patience, d.WantForwardOf("pi", "ipv4", "failed"))
	s, err := d.Status()
	if link := s.Link("forward"); err != nil || link.Status != "fail" || !strings.Contains(link.Action, `Set relay = "auto" under [portmap]`) {
		t.Errorf("the relay is not offered: %+v, %v", link, err)
	}
	kept := handles(t, p.Home, p.at)
	if len(kept) != 1 {
		t.Fatalf("rules to the broker: %v", kept)
	}
	unchanged := func(when string) {
		t.Helper()
		if now := handles(t, p.Home, p.at); !maps.Equal(now, kept) {
			t.Errorf("%s the broker's rules are %v, before %v", when, now, kept)
		}
		if err := p.open(lab.BrokerPort)(); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}

	d.Reload(t, base+relayed("auto")+piForward)
	lab.Eventually(t, lab.Patience, d.WantForwardOf("pi", "ipv4", "active"))
	unchanged("with the relay switched on")
	relay := handles(t, p.Home, netip.AddrPortFrom(lab.NASAddr, 9000))
	if len(relay) != 1 {
		t.Fatalf("rules to the relay: %v", relay)
	}
	conn, err := p.WAN.Dial(t.Context(), "tcp", publicAt(9000))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines := bufio.NewReader(conn)
	talk := func(when string) {
		t.Helper()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, err := fmt.Fprintln(conn, when)
		got, rerr := lines.ReadString('\n')
		if err := errors.Join(err, rerr); err != nil || got != when+"\n" {
			t.Errorf("%s a connection through the relay says %q, %v", when, got, err)
		}
		if now := handles(t, p.Home, netip.AddrPortFrom(lab.NASAddr, 9000)); !maps.Equal(now, relay) {
			t.Errorf("%s the relay's rules are %v, before %v", when, now, relay)
		}
	}
	talk("at first")

	// The file alone, as an editor leaves it.
	d.WriteConfig(t, replaceLine(t, base, "state_dir = ", fmt.Sprintf("state_dir = %q", d.StateDir))+relayed("auto")+piForward+udpForward)
	lab.Eventually(t, lab.Patience, d.WantForwardOf("wireguard", "ipv4", "active"))
	unchanged("with one more")
	talk("with one more")
	showStatus(t, d)

	d.Reload(t, base+relayed("auto")+piForward)
	lab.Eventually(t, lab.Patience, func() error {
		if left := p.Mappings(t); len(left) != 2 {
			return fmt.Errorf("the router forwards %v", left)
		}
		return d.WantForward("active")()
	})
	unchanged("with that one gone")
	talk("with that one gone")

	d.Reload(t, base+relayed("off")+piForward)
	lab.Eventually(t, lab.Patience, d.WantForwardOf("pi", "ipv4", "failed"))
	unchanged("with the relay switched off")
	if left := p.Mappings(t); len(left) != 1 {
		t.Errorf("with the relay switched off the router forwards %v", left)
	}
	if _, err := lines.ReadString('\n'); err == nil {
		t.Error("a connection outlives the relay")
	}
	if n := strings.Count(p.RouterLog(), "#DeletePortMapping"); n != 2 {
		t.Errorf("the router was asked to delete %d times, for two forwards that went", n)
	}
	d.Reload(t, base)
	unchanged("with the first alone")
	d.Stop(t)
	if left := p.Mappings(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
