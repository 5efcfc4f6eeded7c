//go:build linux

package lab_test

// Routers that restart, with and without a goodbye, on the same port and on
// another one; and people who change the router's table.

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

const usr1 = syscall.SIGUSR1

func TestForwardAfterARestart(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, c := range []struct {
		name string
		how  lab.Restart
		line string
	}{
		{"clean/same port", lab.Clean, "port=5555"},
		{"clean/another port", lab.Clean, "port=0"},
		{"killed/same port", lab.Crash, "port=5555"},
		{"killed/another port", lab.Crash, "port=0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			p := newPort(t, c.line)
			d := p.start(t, "")
			p.forwarded(t, d, lab.BrokerPort)
			port := p.RouterPort()
			p.RestartRouter(t, c.how)
			for c.line == "port=0" && p.RouterPort() == port {
				p.RestartRouter(t, c.how) // one in thousands
			}
			up := time.Now()
			// It is in the router's own list again, with an end: what stays in
			// the kernel after a goodbye would have none.
			lab.Eventually(t, 2*lab.Patience, func() error { return p.listed(lab.BrokerPort) })
			t.Logf("listed again %v after the router was up, its port %d before and %d now", time.Since(up).Round(100*time.Millisecond), port, p.RouterPort())
			p.forwarded(t, d, lab.BrokerPort)
			if code := d.Stop(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if left := p.Mappings(t); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// listed wants the router's service to list the forward of a port to the
// broker, with a lease of about an hour.
func (p *port) listed(external uint16) error {
	entries, err := p.Entries(p.NAS)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.External == external && e.Internal == p.at && e.Lease > 50*time.Minute && e.Lease <= time.Hour {
			return nil
		}
	}
	return fmt.Errorf("the router lists %+v", entries)
}

// A router that says everything anew has not restarted.
func TestForwardWhenTheRouterSaysEverythingAnew(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	d := p.start(t, "")
	p.forwarded(t, d, lab.BrokerPort)
	searches := p.NAS.Count(t, "output", "searches", "ip daddr { 239.255.255.250, 192.168.77.1 } udp dport 1900")
	calls := p.NAS.Count(t, "output", "calls", "ip daddr 192.168.77.1 tcp flags & (syn | ack) == syn")
	heard := p.NAS.Count(t, "input", "heard", "ip daddr 224.0.0.1 udp dport 5350")
	for i := range 5 {
		p.SignalRouter(t, usr1)
		lab.Eventually(t, lab.Patience, func() error {
			if got := heard.Packets(t); got <= i {
				return errors.New("the router has said nothing")
			}
			return nil
		})
	}
	p.forwarded(t, d, lab.BrokerPort)
	t.Logf("5 signals: %d announcements, %d searches, %d calls", heard.Packets(t), searches.Packets(t), calls.Packets(t))
	// A search is up to three sendings of six targets to two addresses.
	if got := searches.Packets(t); got > 5*36 {
		t.Errorf("%d searches for five signals", got)
	}
	if got := calls.Packets(t); got > 5*12 {
		t.Errorf("%d calls for five signals", got)
	}
}

func TestForwardThatAPersonDeletesComesBack(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	d := p.start(t, "")
	p.forwarded(t, d, lab.BrokerPort)
	p.NAS.Run(t, "upnpc", "-u", rootDesc, "-d", "8883", "TCP")
	if left := p.Mappings(t); len(left) != 0 {
		t.Fatalf("it was not deleted: %v", left)
	}
	deleted := time.Now()
	lab.Eventually(t, 2*lab.Patience, p.open(lab.BrokerPort))
	t.Logf("back after %v", time.Since(deleted).Round(time.Second))
	p.forwarded(t, d, lab.BrokerPort)
}

func TestForwardThatAPersonSetUpIsLeftAlone(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	upnpc(t, p.NAS, "by hand", p.at, lab.BrokerPort, 0)
	before := p.Mappings(t)
	d := p.start(t, "")
	p.forwarded(t, d, lab.BrokerPort)
	f, err := d.Forward()
	if err != nil || f.Note == "" {
		t.Errorf("nothing is said of a forward that is not ours: %+v, %v", f, err)
	}
	t.Log(f.Note)
	d.Stop(t)
	if after := p.Mappings(t); !slices.Equal(after, before) {
		t.Errorf("the router's table is %v after the stop, want %v", after, before)
	}
	if entries, err := p.Entries(p.NAS); err != nil || len(entries) != 1 || entries[0].Description != "by hand" {
		t.Errorf("the entry is %+v, %v", entries, err)
	}
}

// Somebody takes the port over while it is ours: the new holder is named, and
// neither robbed nor deleted at the end.
func TestForwardThatAnotherTakesOver(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t, "secure_mode=no")
	d := p.start(t, "")
	p.forwarded(t, d, lab.BrokerPort)
	// In one go, as ours would be back before it.
	p.Pi.Run(t, "sh", "-c", fmt.Sprintf("upnpc -u %[1]s -d 8883 TCP && upnpc -u %[1]s -e 'taken over' -a %[2]s 8883 8883 TCP", rootDesc, lab.PiAddr))
	before := p.Mappings(t)
	lab.Eventually(t, 2*lab.Patience, d.WantForward("conflict"))
	p.refused(t, d, "conflict", lab.PiAddr.String(), "'taken over'")
	d.Stop(t)
	if after := p.Mappings(t); !slices.Equal(after, before) {
		t.Errorf("the router's table is %v, want %v", after, before)
	}
}

// An earlier life of ours ended without a goodbye and left its entry; since
// then the broker has moved to another port of its host. The entry is
// recognised and replaced.
func TestForwardOfAnEarlierLifeToAnotherPort(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	d := p.start(t, "")
	p.forwarded(t, d, lab.BrokerPort)
	d.Kill()
	p.greeter(t, p.NAS, 9443)
	p.at = netip.AddrPortFrom(lab.NASAddr, 9443)
	text := replaceLine(t, p.config(t, ""), "address = ", fmt.Sprintf("address = %q\nexternal_port = 8883\nkind = \"tls\"", p.at))
	d.WriteConfig(t, text)
	d.Start(t)
	p.forwarded(t, d, lab.BrokerPort)
	d.Stop(t)
	if left := p.Mappings(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
