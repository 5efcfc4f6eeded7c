package portmap_test

// The keeper, the router's conversation and a router on loopback, together.

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

// await returns once the first forward's status is as wanted.
func await(t *testing.T, k *portmap.Keeper, what string, good func(portmap.ForwardStatus) bool) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		s, changed := k.Status().Get()
		if good(s.Forwards[0]) {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("never became %s: %+v", what, s.Forwards[0])
		}
	}
}

func active(f portmap.ForwardStatus) bool { return f.State == portmap.StateActive }

func TestWithARealConversation(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) { b.RefusesLeases = 725 })
	other := fact.Mapping{Protocol: fact.TCP, ExternalPort: 8883, Internal: netip.MustParseAddrPort("192.168.1.20:8883"),
		Description: "xyz", Lease: 52 * time.Minute, Enabled: true}
	fake.Put(other)

	r := router.New(router.Config{Gateway: fake.Gateway, SSDP: fake.SSDP(), AllowLoopback: true, Spacing: time.Millisecond})
	k := portmap.New(portmap.Config{Enabled: true, Forwards: []portmap.Forward{mqtt}}, r)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- k.Run(ctx) }()

	await(t, k, "a conflict", func(f portmap.ForwardStatus) bool {
		return strings.HasPrefix(f.Conflict, "port 8883 is held by 192.168.1.20 'xyz' for another 52 minutes")
	})
	fake.Forget()
	k.Kick()
	await(t, k, "active", active)
	if table := fake.Table(); len(table) != 1 || table[0].Internal != broker || table[0].Lease != 0 {
		t.Errorf("table %v", table)
	}

	// A power cut: another port, another boot, an empty table.
	_, generation := r.Status().Get()
	fake.Forget()
	fake.Restart()
	k.Kick()
	<-generation
	for limit := time.Now().Add(30 * time.Second); len(fake.Table()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the forward never came back")
		}
	}
	await(t, k, "active again", active)

	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if table := fake.Table(); len(table) != 0 {
		t.Errorf("left in the router: %v", table)
	}
}
