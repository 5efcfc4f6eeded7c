package ddns_test

// What users of other DDNS clients complained of, played out here; the list is
// in docs/comparison.md.

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

// The house's own DNS answers with the broker's local address, as it should. A
// client that looks there finds the record wrong each time and writes it.
func TestComplaintDDNSUpdater1033TheHousesOwnAnswerIsTakenForTheRecord(t *testing.T) {
	local := netip.MustParseAddr("192.168.1.10")
	for what, silent := range map[string]bool{"the zone's servers answer": false, "nobody but the resolver answers": true} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *home) {
				h.resolves(local, time.Minute)
				h.start()
				h.wantWrites(addrA)
				h.setSilent(silent)
				h.wait(7 * 24 * time.Hour)
				h.wantWrites(addrA)
				if got := h.record(); got.Phase == ddns.PhaseVerified == silent {
					t.Errorf("the record is %+v", got)
				}
			})
		})
	}
}

// The state file says that all is well, and the record says something else.
func TestComplaintInadyn527CacheHidesAWrongRecord(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = t.TempDir() + "/ddns.json"
		h.start()
		h.wait(time.Hour)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseVerified)
		h.stop()
		h.show(name, addrB)
		h.start()
		h.wait(time.Minute)
		h.wantWrites(addrA, addrA)
		h.wantPhase(ddns.PhaseVerified)
		h.show(name, addrB) // and while it runs
		h.wait(150 * time.Minute)
		h.wantPhase(ddns.PhaseVerified)
		if got := h.written(); len(got) < 3 || got[len(got)-1].Addr != addrA {
			t.Errorf("writes are %v", got)
		}
	})
}

// One name with both families, one state file, and restarts: each family is
// written once.
func TestComplaintInadyn484FamiliesShareOneMemory(t *testing.T) {
	six := netip.MustParseAddr("2a02:8071::10")
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = t.TempDir() + "/ddns.json"
		aaaa := h.cfg.Records[0]
		aaaa.Type = "AAAA"
		h.cfg.Records = append(h.cfg.Records, aaaa)
		h.v6.Store(known(six))
		h.setSilent(true) // nothing but the memory speaks for what was written
		for range 5 {
			h.start()
			h.wait(time.Hour)
			h.stop()
		}
		count := map[netip.Addr]int{}
		for _, w := range h.written() {
			count[w.Addr]++
		}
		if len(count) != 2 || count[addrA] != 1 || count[six] != 1 {
			t.Errorf("writes are %v", h.written())
		}
	})
}

// A container that is restarted every few seconds, at a provider that is out of
// order.
func TestComplaintDdclient511RestartedContainerAsksEveryFewSeconds(t *testing.T) {
	for what, fault := range map[string]provider.Fault{
		"out of order": {Kind: provider.Failed, Text: "502"},
		"nobody knows": {Kind: provider.Unclear, Text: "the connection broke"},
		"KO":           {Kind: provider.Doubtful, Text: "KO"},
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *home) {
				h.cfg.StateFile = t.TempDir() + "/ddns.json"
				h.set = refuse(&fault)
				for range 60 {
					h.start()
					h.wait(3 * time.Second)
					h.stop()
				}
				h.wantCalm()
				if n := len(h.written()); n == 0 || n > 5 {
					t.Errorf("%d writes in three minutes of restarts: %v", n, h.written())
				}
			})
		})
	}
}

// The provider cannot be reached for the first minute on a new line, and is
// called again within another.
func TestComplaintDdclient434StuckOnTheOldAddress(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.show(name, addrA)
		h.start()
		h.wait(24 * time.Hour)
		h.answer(refuse(&provider.Fault{Kind: provider.Failed, Text: "no route"}))
		h.address.Store(known(addrB))
		h.wait(time.Minute)
		h.answer(nil)
		h.wait(3 * time.Minute)
		h.wantPhase(ddns.PhaseVerified)
		if got := h.written(); len(got) > 4 || got[len(got)-1].Addr != addrB {
			t.Errorf("writes are %v", got)
		}
	})
}

// A state file that is torn hides nothing either: the servers are asked first.
func TestComplaintDdclient431UpdatesAtEveryRound(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = t.TempDir() + "/ddns.json"
		h.show(name, addrA)
		for range 24 {
			if err := os.WriteFile(h.cfg.StateFile, []byte(`{"version": 2, "rec`), 0o600); err != nil {
				t.Fatal(err)
			}
			h.start()
			h.wait(3 * time.Hour)
			h.wantPhase(ddns.PhaseVerified)
			h.stop()
		}
		h.wantWrites()
	})
}
