package ddns_test

// How soon a change is written, and how often at most.

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"pgregory.net/rapid"
)

func TestAChangeIsWrittenAtOnceHoweverSlowTheServersAre(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.setSlow(5 * time.Second)
		h.start()
		h.wait(time.Hour)
		at := time.Since(h.begin)
		h.address.Store(known(addrB))
		h.wait(time.Millisecond)
		h.wantWrites(addrB)
		if d := h.written()[0].At - at; d != 0 {
			t.Errorf("the write came after %v", d)
		}
		h.wantPhase(ddns.PhaseWritten)
		if r := h.record(); r.Change.IsZero() || r.LastError != "" {
			t.Errorf("status is %+v", r)
		}
		h.wait(8 * time.Second)
		h.wantPhase(ddns.PhaseVerified)
	})
}

func TestAChangeDuringALookBreaksItOff(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.start()
		h.wait(time.Hour)
		h.setSlow(15 * time.Second)
		h.manager.Kick()
		h.wait(time.Second)
		at := time.Since(h.begin)
		h.address.Store(known(addrB))
		h.wait(16 * time.Second) // the kick is still owed a look at all servers
		h.wait(40 * time.Second)
		if len(h.written()) != 1 || h.written()[0].Addr != addrB {
			t.Fatalf("writes are %v, the change came at %v", h.written(), at)
		}
	})
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.start()
		h.setSlow(15 * time.Second)
		h.wait(2*time.Hour + 13*time.Minute) // a look on schedule is under way at some time
		h.address.Store(known(addrB))
		h.wait(time.Millisecond)
		h.wantWrites(addrB)
	})
}

func TestAtTheStartTheLookComesFirst(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = t.TempDir() + "/ddns.json"
		h.start()
		h.wait(time.Minute)
		h.wantWrites(addrA)
		h.stop()
		h.address.Store(known(addrB))
		h.show(name, addrB) // somebody put it right while we were away
		h.start()
		h.wait(time.Minute)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseVerified)
	})
}

func TestThereAndBackWithinTheGapIsNotSent(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.start()
		h.wait(time.Hour)
		h.address.Store(known(addrB))
		h.wait(5 * time.Second)
		h.address.Store(known(addrA))
		h.wait(5 * time.Second)
		h.address.Store(known(addrB))
		h.wait(time.Hour)
		h.wantWrites(addrB)
		h.wantPhase(ddns.PhaseVerified)
	})
}

// wantCalm checks that no window of a minute, its ends included, saw more than
// three writes.
func (h *home) wantCalm() {
	h.t.Helper()
	for i := 3; i < len(h.written()); i++ {
		if h.written()[i].At-h.written()[i-3].At <= time.Minute {
			h.t.Errorf("four writes within a minute: %v", h.written())
		}
	}
	for i := 1; i < len(h.written()); i++ {
		if gap := h.written()[i].At - h.written()[i-1].At; gap < 30*time.Second {
			h.t.Errorf("two writes within %v: %v", gap, h.written())
		}
	}
}

func TestAHundredFlapsInAMinuteAreThreeWrites(t *testing.T) {
	for _, spread := range []time.Duration{0, 20 * time.Second} {
		bubble(t, func(t *testing.T, h *home) {
			h.show(name, addrA)
			h.spread = spread
			h.start()
			h.wait(time.Hour)
			last := netip.Addr{}
			for i := range 100 {
				last = netip.AddrFrom4([4]byte{11, 22, 33, byte(100 + i)})
				h.address.Store(known(last))
				h.wait(600 * time.Millisecond)
			}
			ended := time.Since(h.begin)
			looks := len(h.looked())
			h.wait(2 * time.Minute)
			h.wantCalm()
			if n := len(h.written()); n > 3 || h.written()[n-1].Addr != last {
				t.Errorf("writes are %v", h.written())
			}
			if late := h.written()[len(h.written())-1].At - ended; late > time.Minute {
				t.Errorf("the last value was written %v after the last flap", late)
			}
			if looks > 20 {
				t.Errorf("%d looks while it flapped", looks)
			}
			h.wait(time.Minute)
			h.wantPhase(ddns.PhaseVerified)
		})
	}
}

func TestHoweverItFlaps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		flaps := rapid.IntRange(1, 150).Draw(rt, "flaps")
		most := rapid.IntRange(1, 60_000).Draw(rt, "longest gap in ms")
		values := rapid.IntRange(2, 6).Draw(rt, "values")
		spread := time.Duration(rapid.IntRange(0, 90).Draw(rt, "spread in s")) * time.Second
		bubble(t, func(t *testing.T, h *home) {
			r := rand.New(rand.NewPCG(seed, 1))
			h.spread = spread
			h.start()
			var last netip.Addr
			for range flaps {
				last = netip.AddrFrom4([4]byte{11, 22, 33, byte(r.IntN(values))})
				h.address.Store(known(last))
				h.wait(time.Duration(r.IntN(most)) * time.Millisecond)
			}
			h.wait(61 * time.Second)
			if n := len(h.written()); h.written()[n-1].Addr != last {
				t.Errorf("a minute after the last flap %v is not written: %v", last, h.written())
			}
			h.wait(6 * time.Minute)
			h.wantCalm()
			if r := h.record(); r.Phase != ddns.PhaseVerified || r.Published.Addr != last {
				t.Errorf("in the end the record is %+v", r)
			}
		})
	})
}
