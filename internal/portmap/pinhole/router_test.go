package pinhole_test

// The keeper, the router's conversation and a router on loopback, together.

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

// await returns once the first pinhole's status is as wanted.
func await(t *testing.T, k *pinhole.Keeper, what string, good func(pinhole.PinholeStatus) bool) {
	t.Helper()
	limit := time.After(3 * time.Minute)
	for {
		s, changed := k.Status().Get()
		if good(s.Pinholes[0]) {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("never became %s: %+v", what, s.Pinholes[0])
		}
	}
}

func TestWithARealConversation(t *testing.T) {
	fake, wall := igdtest.Start(t), new(igdtest.Firewall)
	fake.Behave(func(b *igdtest.Behaviour) { b.Firewall = wall })
	r := router.New(router.Config{Gateway: fake.Gateway, SSDP: fake.SSDP(), AllowLoopback: true, Spacing: time.Millisecond})
	k := pinhole.New(pinhole.Config{
		StateFile: stateFile(t), Methods: []fact.Method{fact.MethodIGD},
		Pinholes: []pinhole.Pinhole{{Service: "mqtt", Protocol: fact.TCP, Port: 8883, Address: func() (netip.Addr, bool) { return home, true }}},
	}, r)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- k.Run(ctx) }()
	active := func(p pinhole.PinholeStatus) bool {
		return p.State == pinhole.StateActive && p.Method == fact.MethodIGD
	}
	await(t, k, "active", active)

	// A power cut: another port, no pinholes, ids from one again, and one of
	// them another host's.
	_, generation := r.Status().Get()
	wall.Forget()
	fake.Restart()
	stranger := fact.Pinhole{Protocol: fact.TCP, Internal: netip.MustParseAddrPort("[2a0e:77:1::66]:22"), Lease: time.Hour}
	if _, err := r.AddPinhole(ctx, stranger); err != nil { // finds the router again
		t.Fatal(err)
	}
	<-generation
	k.Kick("the router was found anew")
	for limit := time.Now().Add(3 * time.Minute); len(wall.Pinholes()) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the pinhole never came back")
		}
	}
	await(t, k, "active again", active)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if left := wall.Pinholes(); len(left) != 1 || left[1] != stranger {
		t.Errorf("left in the router: %v", left)
	}
}
