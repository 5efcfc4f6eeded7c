package ddns_test

// on_exit = "delete".

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

// leaving is a home whose record is to be deleted on exit.
func leaving(t *testing.T, f func(t *testing.T, h *home), domains ...string) {
	t.Helper()
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = t.TempDir() + "/ddns.json"
		for i := range h.cfg.Records {
			h.cfg.Records[i].DeleteOnExit = true
		}
		f(t, h)
	}, domains...)
}

func (h *home) wantDeletes(want ...netip.Addr) {
	h.t.Helper()
	if len(h.deleted()) != len(want) {
		h.t.Fatalf("deletions are %v, want %v", h.deleted(), want)
	}
	for i := range want {
		if h.deleted()[i].Addr != want[i] {
			h.t.Fatalf("deletions are %v, want %v", h.deleted(), want)
		}
	}
}

func TestDeletedOnExitAndWrittenAnewAtTheNextStart(t *testing.T) {
	leaving(t, func(t *testing.T, h *home) {
		h.start()
		h.wait(time.Hour)
		h.stop()
		h.wantDeletes(addrA)
		h.wait(time.Minute)
		h.start() // the servers show it still
		h.wantWrites(addrA, addrA)
		h.wait(time.Minute)
		h.wantPhase(ddns.PhaseVerified)
	})
}

func TestWhatStandsIsDeletedThoughAnotherValueFailed(t *testing.T) {
	leaving(t, func(t *testing.T, h *home) {
		h.start()
		h.wait(time.Hour)
		h.answer(refuse(&provider.Fault{Kind: provider.Failed, Text: "no"}))
		h.address.Store(known(addrB))
		h.wait(time.Second)
		h.stop()
		h.wantDeletes(addrA)
	})
	leaving(t, func(t *testing.T, h *home) {
		h.start()
		h.wait(time.Hour)
		h.answer(refuse(&provider.Fault{Kind: provider.Unclear, Text: "who knows"}))
		h.address.Store(known(addrB))
		h.wait(time.Second)
		h.stop()
		h.wantDeletes(addrB, addrA)
	})
}

func TestNothingOfOursIsNotDeleted(t *testing.T) {
	leaving(t, func(t *testing.T, h *home) {
		h.show(name, addrB)
		h.set = refuse(&provider.Fault{Kind: provider.Failed, Text: "no"})
		h.start()
		h.wait(time.Hour)
		h.stop()
		h.wantDeletes()
	})
	for kind, word := range map[provider.FaultKind]string{provider.Final: "refused us", provider.Limited: "no requests for now"} {
		leaving(t, func(t *testing.T, h *home) {
			h.start()
			h.wait(time.Hour)
			h.answer(refuse(&provider.Fault{Kind: kind, Wait: time.Hour, Text: "go away"}))
			h.address.Store(known(addrB))
			h.wait(time.Second)
			h.stop()
			h.wantDeletes()
			if !contains(h.log.String(), word) {
				t.Errorf("log says not why: %s", h.log.String())
			}
		})
	}
	bubble(t, func(t *testing.T, h *home) { // on_exit = "keep"
		h.start()
		h.wait(time.Hour)
		h.stop()
		h.wantDeletes()
	})
}

func TestHangingDeletionsEndTogether(t *testing.T) {
	leaving(t, func(t *testing.T, h *home) {
		for i := range h.cfg.Records {
			h.cfg.Records[i].Token = newToken()
		}
		h.start()
		h.wait(time.Hour)
		h.refuseDelete(func(string, netip.Addr) error {
			time.Sleep(5 * time.Second)
			return context.DeadlineExceeded
		})
		at := time.Now()
		h.stop()
		if d := time.Since(at); d > 10*time.Second {
			t.Errorf("the end took %v", d)
		}
		if n := len(h.deleted()); n != 3 || !contains(h.log.String(), "could not confirm that the record was deleted") {
			t.Errorf("%d deletions; log %s", n, h.log.String())
		}
		h.start() // it may have been deleted
		h.wait(2 * time.Second)
		if len(h.written()) != 6 {
			t.Errorf("writes are %v", h.written())
		}
	}, "a.duckdns.org", "b.duckdns.org", "c.duckdns.org")
}

func TestAReloadDeletesWhatIsTakenOutOnly(t *testing.T) {
	leaving(t, func(t *testing.T, h *home) {
		h.start()
		h.wait(time.Hour)
		old := h.manager
		h.cfg.Records = h.cfg.Records[1:]
		h.cfg.Records[0].Token = newToken()
		next := h.make()
		old.HandOver(old)
		old.HandOver(next)
		h.stop()
		if len(h.deleted()) != 1 || h.deleted()[0].Domain != "a.duckdns.org" {
			t.Errorf("deletions are %v", h.deleted())
		}
	}, "a.duckdns.org", "b.duckdns.org")
	leaving(t, func(t *testing.T, h *home) {
		h.start()
		h.wait(time.Hour)
		h.manager.HandOver(h.manager)
		h.stop()
		h.wantDeletes(addrA)
	})
}
