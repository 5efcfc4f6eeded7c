package ddns_test

// Whatever happens in whatever order, some things must hold.

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// storm lets something happen: the address, the provider, the servers or the
// daemon itself.
func storm(h *home, r *rand.Rand, addrs []netip.Addr) {
	switch r.IntN(8) {
	case 0, 1, 2:
		h.address.Store(known(addrs[r.IntN(len(addrs))]))
	case 3:
		h.address.Store(fact.UnknownAddr("test", time.Now()))
	case 4:
		h.setSilent(r.IntN(2) == 0)
	case 5:
		kind := []provider.FaultKind{provider.Unclear, provider.Failed, provider.Limited}[r.IntN(3)]
		h.answer(refuse(&provider.Fault{Kind: kind, Text: "storm", Wait: time.Duration(r.IntN(300)) * time.Second}))
		if r.IntN(2) == 0 {
			h.answer(nil)
		}
	case 6:
		h.show(name, addrs[r.IntN(len(addrs))])
	case 7:
		h.stop()
		h.start()
	}
}

func TestWhateverHappens(t *testing.T) {
	t.Parallel() // each is a bubble of its own
	addrs := []netip.Addr{addrA, addrB, netip.MustParseAddr("11.22.33.66")}
	for seed := range uint64(20) {
		bubble(t, func(t *testing.T, h *home) {
			r := rand.New(rand.NewPCG(seed, 7))
			h.cfg.StateFile = t.TempDir() + "/ddns.json"
			h.spread = time.Duration(r.IntN(60)) * time.Second
			h.start()
			for range 60 {
				storm(h, r, addrs)
				h.wait(time.Duration(r.IntN(100_000)) * time.Millisecond)
			}
			h.setSilent(false)
			h.answer(func(domain string, addr netip.Addr) (netip.Addr, error) {
				h.show(domain, addr)
				return addr, nil
			})
			h.address.Store(known(addrB))
			h.wait(2 * time.Hour)
			if got := h.record(); got.Phase != ddns.PhaseVerified || got.Published.Addr != addrB {
				t.Errorf("seed %d: after the storm the record is %+v; writes %v", seed, got, h.writes)
			}
			for i := 1; i < len(h.writes); i++ {
				if gap := h.writes[i].At - h.writes[i-1].At; gap < 30*time.Second {
					t.Errorf("seed %d: two writes within %v", seed, gap)
				}
			}
		})
	}
}

// A provider's call that never comes back holds up nothing but its record, and
// ends by its deadline.
func TestAHangingCallEndsByItsDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.Timeout = 20 * time.Second
		m, err := ddns.NewWith(h.cfg, h.addresses(), asker{h.ask, h.recurse}, func(ddns.RecordConfig) (provider.Provider, error) {
			return writer{OnSet: func(ctx context.Context, _ string, _ netip.Addr) (netip.Addr, error) {
				<-ctx.Done()
				return netip.Addr{}, ctx.Err()
			}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		h.wait(21 * time.Second)
		if got := m.Status().Load().Records[0]; got.Phase != ddns.PhaseUnconfirmed || got.LastError == "" {
			t.Errorf("the record is %+v", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}
