//go:build linux

package lab_test

// The modes in which routers run miniupnpd: what each grants and refuses, and
// in which words that is told.

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

func TestForwardToAnotherHostInSecureMode(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPortOnPi(t, "secure_mode=yes")
	d := p.start(t, "\n[portmap]\nrelay = \"off\"\n")
	f := p.refused(t, d, "failed", "secure mode", lab.PiAddr.String())
	if !strings.Contains(f.Action, lab.PiAddr.String()) {
		t.Errorf("the action does not name the broker's host: %q", f.Action)
	}
	if err := p.closed(lab.BrokerPort); err != nil {
		t.Error(err)
	}
}

func TestForwardToAnotherHost(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPortOnPi(t, "secure_mode=no")
	d := p.start(t, "")
	p.forwarded(t, d, lab.BrokerPort)
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := p.Mappings(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestForwardThatARuleOfTheRoutersDenies(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t, fmt.Sprintf("deny 8883 %s/32 0-65535", lab.NASAddr))
	d := p.start(t, "")
	p.refused(t, d, "failed", "606", "does not permit")
	if err := p.closed(lab.BrokerPort); err != nil {
		t.Error(err)
	}
}

func TestForwardByBothVersionsOfIGD(t *testing.T) {
	t.Parallel() // it waits more than it works
	for version, line := range map[int]string{1: "force_igd_desc_v1=yes", 2: "force_igd_desc_v1=no"} {
		t.Run(fmt.Sprint("IGD:", version), func(t *testing.T) {
			p := newPort(t, line)
			text, err := fetch(p.NAS, nil, "GET", rootDesc, "")
			if want := fmt.Sprint(":InternetGatewayDevice:", version, "<"); err != nil || !strings.Contains(text, want) {
				t.Fatalf("the router is no %s, so this proves nothing: %v", want, err)
			}
			d := p.start(t, "")
			p.forwarded(t, d, lab.BrokerPort)
			if f, err := d.Forward(); err != nil || f.Method != "igd" || time.Until(f.LeaseExpiresAt) < 50*time.Minute {
				t.Errorf("the forward is %+v, %v", f, err)
			}
			d.Stop(t)
			if left := p.Mappings(t); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// The holder is named while it holds, and followed soon after its end.
func TestForwardWhoseHolderLetsGo(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	upnpc(t, p.Pi, "xyz", netip.AddrPortFrom(lab.PiAddr, 8883), 8883, 45)
	d := p.start(t, "")
	lab.Eventually(t, lab.Patience, d.WantForward("conflict"))
	f, err := d.Forward()
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"8883", lab.PiAddr.String(), "'xyz'", "for another", "seconds"} {
		if !strings.Contains(f.Conflict, word) {
			t.Errorf("the conflict does not speak of %q: %q", word, f.Conflict)
		}
	}
	t.Logf("%s | %s", f.Conflict, f.Action)
	lab.Eventually(t, 2*lab.Patience, func() error {
		if held := p.Mappings(t); len(held) == 0 || held[0].Internal.Addr() != lab.NASAddr {
			return fmt.Errorf("the router forwards %v", held)
		}
		return nil
	})
	p.forwarded(t, d, lab.BrokerPort)
}

// One that holds on is not robbed, however often it is looked at, and the
// router restarting does not make the port ours before it is.
func TestForwardWhoseHolderHoldsOn(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	upnpc(t, p.Pi, "for ever", netip.AddrPortFrom(lab.PiAddr, 8883), 8883, 0)
	d := p.start(t, "")
	p.refused(t, d, "conflict", "8883", lab.PiAddr.String(), "'for ever'")
	before := p.Mappings(t)
	p.SignalRouter(t, usr1)
	d.Kill()
	d.Start(t)
	p.refused(t, d, "conflict", lab.PiAddr.String())
	if after := p.Mappings(t); !slices.Equal(after, before) {
		t.Errorf("the router's table is %v, want %v", after, before)
	}
}

// The lease asked for is the lease that is told, and it is renewed when half
// of it is over.
func TestForwardIsRenewedAtHalfItsLease(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	d := p.start(t, "\n[portmap]\nlease_seconds = 120\n")
	p.forwarded(t, d, lab.BrokerPort)
	first, err := d.Forward()
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(first.LeaseExpiresAt); left > 2*time.Minute {
		t.Errorf("the lease ends in %v, asked for were two minutes", left)
	}
	lab.Eventually(t, 2*lab.Patience, func() error {
		now, err := d.Forward()
		if err == nil && now.LeaseExpiresAt.Sub(first.LeaseExpiresAt) < 30*time.Second {
			err = fmt.Errorf("it has not been renewed: it ends at %v still", now.LeaseExpiresAt)
		}
		return err
	})
	p.forwarded(t, d, lab.BrokerPort)
	entries, err := p.Entries(p.NAS)
	if err != nil || len(entries) != 1 || entries[0].Lease <= time.Minute || entries[0].Lease > 2*time.Minute {
		t.Errorf("the router lists %+v, %v; it was renewed moments ago, for two minutes", entries, err)
	}
}

// A router with one more service that only looks like the home's: the port
// outside need not be the port inside, and two services are kept at once.
func TestForwardOfTwoServices(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	p.greeter(t, p.NAS, 9443)
	d := p.start(t, fmt.Sprintf("\n[[service]]\nname = \"web\"\nkind = \"tls\"\naddress = \"%s:9443\"\nexternal_port = 19443\n", lab.NASAddr))
	lab.Eventually(t, lab.Patience, d.WantForward("active"))
	for _, external := range []uint16{8883, 19443} {
		lab.Eventually(t, lab.Patience, p.open(external))
	}
	if err := p.closed(9443); err != nil {
		t.Errorf("the port inside is open outside, too: %v", err)
	}
	want := []lab.Mapping{
		{Protocol: "tcp", External: 8883, Internal: p.at},
		{Protocol: "tcp", External: 19443, Internal: netip.AddrPortFrom(lab.NASAddr, 9443)},
	}
	if got := p.Mappings(t); len(got) != 2 || !slices.Contains(got, want[0]) || !slices.Contains(got, want[1]) {
		t.Errorf("the router forwards %v, want %v", got, want)
	}
	all, err := d.Forwards()
	if err != nil || len(all) != 2 || all[1].ExternalPort != 19443 || all[1].Internal.Port() != 9443 || all[1].Service != "web" {
		t.Errorf("the forwards are %+v, %v", all, err)
	}
	// One of them is taken away from the other's side: only that one comes back.
	p.RestartRouter(t, lab.Crash)
	for _, external := range []uint16{8883, 19443} {
		lab.Eventually(t, 2*lab.Patience, p.open(external))
	}
	d.Stop(t)
	if left := p.Mappings(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// One service's port is another's: the other service is forwarded all the same,
// and the link tells of the worse.
func TestForwardOfTwoServicesOneOfWhichIsTaken(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	p.greeter(t, p.NAS, 9443)
	upnpc(t, p.Pi, "xyz", netip.AddrPortFrom(lab.PiAddr, 9443), 9443, 0)
	d := p.start(t, fmt.Sprintf("\n[[service]]\nname = \"web\"\nkind = \"tls\"\naddress = \"%s:9443\"\n", lab.NASAddr))
	lab.Eventually(t, lab.Patience, func() error {
		all, err := d.Forwards()
		if err == nil && (len(all) != 2 || all[0].State != "active" || all[1].State != "conflict") {
			err = fmt.Errorf("the forwards are %+v", all)
		}
		return err
	})
	lab.Eventually(t, lab.Patience, p.open(8883))
	if err := d.WantLink("forward", "fail")(); err != nil {
		t.Error(err)
	}
	if err := saysOne(d, "forward", "'xyz'")(); err != nil {
		t.Error(err)
	}
}
