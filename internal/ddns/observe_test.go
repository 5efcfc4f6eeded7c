package ddns_test

// Looking without touching: what is said, and that nothing is written.

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// observe looks once and wants that nobody was written to.
func (h *home) observe() ddns.Status {
	h.t.Helper()
	s, err := ddns.LookWith(h.t.Context(), h.cfg, h.addresses(), asker{h.ask, h.recurse})
	if err != nil {
		h.t.Fatal(err)
	}
	if n := len(h.written()) + len(h.deleted()); n > 0 {
		h.t.Errorf("%d writes while only looking", n)
	}
	return s
}

func TestLookSaysHowTheRecordIs(t *testing.T) {
	cloudflares := netip.MustParseAddr("104.16.0.1")
	cases := map[string]struct {
		prepare func(h *home)
		verdict fact.Verdict
		phase   ddns.Phase
		words   string
	}{
		"right":       {func(h *home) { h.show(name, addrA) }, fact.VerdictPass, ddns.PhaseVerified, "says 11.22.33.44 at its authoritative servers"},
		"wrong":       {func(h *home) { h.show(name, addrB) }, fact.VerdictFail, ddns.PhasePending, "should say 11.22.33.44; it says 11.22.33.55"},
		"absent":      {func(h *home) {}, fact.VerdictFail, ddns.PhasePending, "it says that there is no such record"},
		"two":         {func(h *home) { h.show(name, addrA, addrB) }, fact.VerdictFail, ddns.PhasePending, "11.22.33.44 and 11.22.33.55"},
		"silent":      {func(h *home) { h.setSilent(true) }, fact.VerdictWarn, ddns.PhaseUnconfirmed, "ould not confirm"},
		"intercepted": {func(h *home) { h.setHijacked(true) }, fact.VerdictWarn, ddns.PhaseUnconfirmed, "something on the way answers DNS questions"},
		"proxied": {func(h *home) {
			h.cfg.Records = []ddns.RecordConfig{record("cloudflare", name, token)}
			h.show(name, cloudflares)
		}, fact.VerdictFail, ddns.PhaseWritten, "orange cloud"},
		"no address": {func(h *home) {
			h.show(name, addrA)
			h.address.Store(fact.UnknownAddr("test", time.Now()))
		}, fact.VerdictUnknown, ddns.PhaseObserved, "nobody can say whether"},
	}
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *home) {
				c.prepare(h)
				s := h.observe()
				if s.Link.Verdict != c.verdict || s.Records[0].Phase != c.phase || !strings.Contains(s.Link.Summary, c.words) {
					t.Errorf("%s, %s: %s", s.Link.Verdict, s.Records[0].Phase, s.Link.Summary)
				}
				if c.verdict == fact.VerdictFail && s.Link.Action == "" {
					t.Error("a failure without an action")
				}
				if !s.Records[0].NextAttemptAt.IsZero() {
					t.Error("it says when it looks again, and it does not")
				}
			})
		})
	}
}

// A daemon's state file is read, and neither written nor set aside.
func TestLookReadsTheStateFileAndLeavesItAlone(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = filepath.Join(t.TempDir(), "ddns.json")
		h.set = func(string, netip.Addr) (netip.Addr, error) {
			return netip.Addr{}, &provider.Fault{Kind: provider.Final, Text: "the token is wrong", Action: "Get another."}
		}
		h.start()
		h.wantPhase(ddns.PhaseStopped)
		h.stop()
		h.mu.Lock()
		h.writes = nil
		h.mu.Unlock()
		before := stateOf(t, h.cfg.StateFile)
		s := h.observe()
		if s.Link.Verdict != fact.VerdictFail || !strings.Contains(s.Link.Summary, "no longer updated: the token is wrong") {
			t.Errorf("%s: %s", s.Link.Verdict, s.Link.Summary)
		}
		if got := stateOf(t, h.cfg.StateFile); got != before {
			t.Errorf("the state folder was %s and is %s", before, got)
		}
		if err := os.WriteFile(h.cfg.StateFile, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		before = stateOf(t, h.cfg.StateFile)
		h.observe()
		if got := stateOf(t, h.cfg.StateFile); got != before {
			t.Errorf("with a damaged file, the state folder was %s and is %s", before, got)
		}
	}, name)
}

// A write that a daemon made just now is given the time to arrive.
func TestLookGivesAFreshWriteTime(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = filepath.Join(t.TempDir(), "ddns.json")
		h.spread = time.Hour
		h.start()
		h.wantPhase(ddns.PhaseWritten)
		h.stop()
		h.mu.Lock()
		h.writes = nil
		h.mu.Unlock()
		if s := h.observe(); s.Link.Verdict != fact.VerdictWarn || s.Records[0].Phase != ddns.PhaseWritten {
			t.Errorf("%s, %s: %s", s.Link.Verdict, s.Records[0].Phase, s.Link.Summary)
		}
		h.wait(11 * time.Minute)
		if s := h.observe(); s.Link.Verdict != fact.VerdictFail {
			t.Errorf("%s: %s", s.Link.Verdict, s.Link.Summary)
		}
	}, name)
}

// stateOf describes everything in a file's folder.
func stateOf(t *testing.T, file string) string {
	t.Helper()
	list, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(filepath.Dir(file), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(e.Name() + info.ModTime().String() + info.Mode().String() + string(text) + "\n")
	}
	return b.String()
}
