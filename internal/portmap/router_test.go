package portmap_test

// The keeper, the router's conversation and a router on loopback, together.

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
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
	limit := time.After(3 * time.Minute)
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
	k.Kick("the router was found anew")
	await(t, k, "active", active)
	if table := fake.Table(); len(table) != 1 || table[0].Internal != broker || table[0].Lease != 0 {
		t.Errorf("table %v", table)
	}

	// A power cut: another port, another boot, an empty table.
	_, generation := r.Status().Get()
	fake.Forget()
	fake.Restart()
	k.Kick("the router was found anew")
	<-generation
	for limit := time.Now().Add(3 * time.Minute); len(fake.Table()) == 0; time.Sleep(time.Millisecond) {
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

// pcpServer grants what is asked for by PCP (RFC 6887) at an address of
// loopback's until the test ends, and returns how many mappings stand.
func pcpServer(t *testing.T, addr netip.Addr) *atomic.Int32 {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 5351)))
	if err != nil {
		t.Skipf("the port of PCP is taken at %s: %v", addr, err)
	}
	standing, done := new(atomic.Int32), make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		p := make([]byte, 1100)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(p)
			if err != nil {
				return
			}
			if n != 60 || p[0] != 2 || p[1] != 1 {
				continue
			}
			standing.Store(1)
			if binary.BigEndian.Uint32(p[4:]) == 0 {
				standing.Store(0)
			}
			p[1] |= 0x80
			clear(p[8:24])
			binary.BigEndian.PutUint32(p[8:], 100)
			copy(p[44:60], netip.MustParseAddr("::ffff:11.22.33.44").AsSlice())
			_, _ = conn.WriteToUDPAddrPort(p[:60], from)
		}
	}()
	return standing
}

func TestPCPWithARealConversation(t *testing.T) {
	at := netip.MustParseAddr("127.53.51.6")
	standing := pcpServer(t, at)
	fake := igdtest.StartAt(t, at)
	fake.Behave(func(b *igdtest.Behaviour) { b.Faults["AddPortMapping"] = 606 })
	r := router.New(router.Config{Gateway: fake.Gateway, SSDP: fake.SSDP(), AllowLoopback: true, Spacing: time.Millisecond})
	local := mqtt
	local.Internal = netip.AddrPortFrom(r.Local(), 8883)
	k := portmap.New(portmap.Config{Enabled: true, Forwards: []portmap.Forward{local}, GatewayAddr: fake.Gateway}, r)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- k.Run(ctx) }()
	await(t, k, "active by PCP", func(f portmap.ForwardStatus) bool { return active(f) && f.Method == "pcp" })
	if standing.Load() != 1 {
		t.Error("nothing stands at the router")
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if standing.Load() != 0 {
		t.Error("left at the router")
	}
}
