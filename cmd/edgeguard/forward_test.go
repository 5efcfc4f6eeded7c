package main

// The relay as the config makes it, and counted as the status wants it.

import (
	"context"
	"net/netip"
	"testing"

	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

func TestRelayOfTheConfig(t *testing.T) {
	d := &daemon{log: newLogger(t.Output(), nil, "text", (&secretList{}).all)}
	c := &concerns{cfg: loaded(t, "[lan]\naddress = \"192.168.77.2\"\n")}
	at := netip.MustParseAddrPort
	if r, err := d.openRelay(c, at("127.0.0.1:0"), at("127.0.0.1:1")); err == nil || r != nil {
		t.Errorf("a relay to this host itself: %v, %v", r, err)
	}
	r, err := d.openRelay(c, at("127.0.0.1:0"), at("192.0.2.1:8883"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if s := r.Status(); s != (portmap.RelayStatus{}) {
		t.Errorf("an idle relay has carried %+v", s)
	}
}

// The status shows what a relay has carried by now, and not what it had when the
// keeper looked last.
func TestRelaysAreCountedAsTheyAre(t *testing.T) {
	d := &daemon{log: newLogger(t.Output(), nil, "text", (&secretList{}).all)}
	listen, target := netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("192.0.2.1:8883")
	r, err := d.openRelay(&concerns{cfg: loaded(t, "")}, listen, target)
	if err != nil {
		t.Fatal(err)
	}
	kept := r.(*keptRelay)
	at := netip.AddrPortFrom(netip.MustParseAddr("192.168.77.2"), kept.Addr().Port())
	old := &portmap.RelayStatus{Listen: at, Target: target, Open: 77, Total: 78}
	other := &portmap.RelayStatus{Listen: at, Target: listen, Total: 79}
	s := portmap.Status{Forwards: []portmap.ForwardStatus{{Relay: old}, {}, {Relay: other}}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	d.relays.add(kept)
	now := d.relays.counted(s)
	d.relays.remove(kept)
	if got, want := *now.Forwards[0].Relay, (portmap.RelayStatus{Listen: at, Target: target}); got != want {
		t.Errorf("while it runs: %+v, want %+v", got, want)
	}
	if now.Forwards[1].Relay != nil || now.Forwards[2].Relay != other || s.Forwards[0].Relay != old || old.Total != 78 {
		t.Error("what belongs to no running relay, or to the keeper, was changed")
	}
	go func() { ended <- r.Run(ctx) }()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if now := d.relays.counted(s); now.Forwards[0].Relay != old {
		t.Error("a relay that has ended is still counted")
	}
}

// What the keeper of the forwards is told of a service that was not tried.
func TestReachOfAServiceThatWasNotTried(t *testing.T) {
	mqtt := hairpin.ServiceStatus{Name: "mqtt"}
	if r := reachOf(hairpin.Status{Services: []hairpin.ServiceStatus{mqtt}, Evidence: []string{"the public address is not known"}}, "mqtt"); r != (portmap.Reach{Words: "the public address is not known"}) {
		t.Errorf("%+v", r)
	}
	web := hairpin.ServiceStatus{Name: "web", Outside: hairpin.LoopbackYes, OutsideEvidence: "it answers"}
	s := hairpin.Status{Services: []hairpin.ServiceStatus{mqtt, web}, Evidence: []string{"it answers"}}
	if r := reachOf(s, "mqtt"); r != (portmap.Reach{}) {
		t.Errorf("another's evidence: %+v", r)
	}
	if r := reachOf(s, "web"); r != (portmap.Reach{State: portmap.Reached, Words: "it answers"}) {
		t.Errorf("%+v", r)
	}
}
