//go:build linux

package lab_test

// The router's other side: gone, private, behind another router.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// The address goes and comes back: the forward is there when it is, whether it
// was made before or not.
func TestForwardWhileTheWANIsDown(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	d := p.start(t, "")
	p.forwarded(t, d, lab.BrokerPort)
	p.LoseWANAddress(t)
	lab.Eventually(t, lab.Patience, func() error {
		if err := d.WantLink("wan", "pass")(); err == nil {
			return fmt.Errorf("the wan link passes though the router has no address")
		}
		return nil
	})
	p.RegainWANAddress(t)
	back := time.Now()
	lab.Eventually(t, 2*lab.Patience, p.open(lab.BrokerPort))
	t.Logf("open again %v after the address was back", time.Since(back).Round(100*time.Millisecond))
	p.forwarded(t, d, lab.BrokerPort)
}

func TestForwardOfAStartWithTheWANDown(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newPort(t)
	p.LoseWANAddress(t)
	d := p.start(t, "")
	p.refused(t, d, "failed", "WAN address is missing or not public")
	p.RegainWANAddress(t)
	back := time.Now()
	lab.Eventually(t, 2*lab.Patience, p.open(lab.BrokerPort))
	t.Logf("open %v after the address was back", time.Since(back).Round(100*time.Millisecond))
	p.forwarded(t, d, lab.BrokerPort)
}

func TestForwardBehindAPrivateWAN(t *testing.T) {
	t.Parallel() // it waits more than it works
	for name, prefix := range map[string]string{"carrier's NAT": "100.64.3.4/10", "a router in front": "192.168.1.7/24"} {
		t.Run(name, func(t *testing.T) {
			p := newPort(t)
			p.ReplaceWANAddress(t, prefix)
			d := p.start(t, "")
			f := p.refused(t, d, "failed", "not public", "forwarding cannot work")
			for _, word := range []string{"100.64", "bridge mode"} {
				if err := saysOne(d, "forward", word)(); err != nil {
					t.Errorf("%v: %q", err, f.Action)
				}
			}
		})
	}
}

// Two real routers in a row. The inner one refuses, as its own address is
// private, and the status says so; what the outer one has is none of ours.
func TestForwardBehindTwoRouters(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{Behind: lab.DoubleNAT})
	h.StartRouter(t)
	outer := h.StartOuterRouter(t)
	p := portOf(t, h, h.NAS)
	d := p.start(t, "")
	p.refused(t, d, "failed", "not public", "forwarding cannot work")
	if err := saysOne(d, "forward", "forward the port there too")(); err != nil {
		t.Error(err)
	}
	if out := outer.Log(); len(out) > 0 && containsAny(out, "AddPortMapping", "AddAnyPortMapping") {
		t.Error("the outer router was asked for a forward")
	}
	if err := p.closed(lab.BrokerPort); err != nil {
		t.Error(err)
	}
}

// The inner router maps (its owner told it the public address, as miniupnpd
// wants it there), and a person has the outer one forward to it: then the
// street reaches the broker, and ours is the inner forward alone.
func TestForwardThroughTwoRouters(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{Behind: lab.DoubleNAT})
	h.StartRouter(t, "ext_ip="+lab.WANAddr.String())
	h.StartOuterRouter(t)
	p := portOf(t, h, h.NAS)
	d := p.start(t, "")
	lab.Eventually(t, lab.Patience, d.WantForward("active"))
	if got := p.Mappings(t); len(got) != 1 || got[0].Internal != p.at {
		t.Errorf("the inner router forwards %v", got)
	}
	if err := p.closed(lab.BrokerPort); err != nil {
		t.Errorf("nobody forwards on the outer router: %v", err)
	}
	h.Router.Run(t, "upnpc", "-m", "wan0", "-e", "by hand", "-a", h.RouterWAN().String(), "8883", "8883", "TCP")
	lab.Eventually(t, lab.Patience, p.open(lab.BrokerPort))
	d.Stop(t)
	if left := p.Mappings(t); len(left) != 0 {
		t.Errorf("left behind on the inner router: %v", left)
	}
	if out := h.Outer.Run(t, "nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd"); !containsAny(out, "dnat") {
		t.Errorf("the outer router's forward is gone: %s", out)
	}
}

// A router that tells its private address: the status calls it two routers and
// names the one in front, where the port has to be forwarded, too.
func TestForwardBehindTwoRoutersNamesTheOuter(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{Behind: lab.DoubleNAT})
	h.StartInternet(t)
	h.StartPlainRouter(t)
	h.StartOuterRouter(t, "manufacturer_name=Example Telecom", "model_name=Homebox 2")
	p := portOf(t, h, h.NAS)
	d := p.StartEdgeguard(t, lab.EdgeguardOptions{})
	lab.Eventually(t, lab.Patience, d.WantForward("failed"))
	lab.Eventually(t, lab.Patience, saysOne(d, "wan", "192.168.178.1"))
	s, err := d.Status()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("wan: %s | %s", s.Link("wan").Summary, s.Link("wan").Action)
	t.Logf("forward: %s | %s", s.Link("forward").Summary, s.Link("forward").Action)
	if wan := s.Link("wan"); !strings.Contains(wan.Summary, "Homebox 2") || !strings.Contains(wan.Action, "bridge mode") {
		t.Error("the outer router is not named")
	}
	if err := saysOne(d, "forward", lab.OuterNet.Addr().Next().Next().String())(); err != nil {
		t.Errorf("the router's own address is not named: %v", err)
	}
}

// An inner router that forwards though its own address is private: the forward
// is made on it, the status says that the outer one needs it, too, and names
// that one, and once a person has done so the street reaches the broker.
func TestForwardOnTheInnerOfTwoRouters(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{Behind: lab.DoubleNAT})
	h.StartInternet(t)
	h.StartPrivateRouter(t)
	h.StartOuterRouter(t, "manufacturer_name=Example Telecom", "model_name=Homebox 2")
	p := portOf(t, h, h.NAS)
	d := p.StartEdgeguard(t, lab.EdgeguardOptions{})
	lab.Eventually(t, lab.Patience, d.WantForward("active"))
	if got, want := p.Mappings(t), []lab.Mapping{{Protocol: "tcp", External: 8883, Internal: p.at}}; !slices.Equal(got, want) {
		t.Errorf("the inner router forwards %v, want %v", got, want)
	}
	if err := p.closed(lab.BrokerPort); err != nil {
		t.Errorf("nobody forwards on the outer router: %v", err)
	}
	lab.Eventually(t, lab.Patience, saysOne(d, "wan", "forward the port on it to "+h.RouterWAN().String()))
	s, err := d.Status()
	if err != nil {
		t.Fatal(err)
	}
	wan := s.Link("wan")
	t.Logf("%s: %s | %s", wan.Status, wan.Summary, wan.Action)
	if wan.Status != "fail" || !strings.Contains(wan.Action, "Homebox 2") || !strings.Contains(wan.Action, "192.168.178.1") {
		t.Error("the outer router is not named")
	}
	h.Router.Run(t, "upnpc", "-m", "wan0", "-e", "by hand", "-a", h.RouterWAN().String(), "8883", "8883", "TCP")
	lab.Eventually(t, lab.Patience, p.open(lab.BrokerPort))
	d.Stop(t)
	if left := p.Mappings(t); len(left) != 0 {
		t.Errorf("left behind on the inner router: %v", left)
	}
}
