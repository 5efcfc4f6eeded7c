package portmap_test

// Looking without touching: what is said of the router's table, and that
// nothing on the router or in the state file changes.

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

// lookAt looks once, and wants that nothing was changed.
func lookAt(t *testing.T, g *gateway, cfg portmap.Config) portmap.Status {
	t.Helper()
	before := fmt.Sprint(g.table)
	s := portmap.Look(t.Context(), cfg, g)
	if n := len(g.adds) + len(g.dels) + len(g.maps) + len(g.back); n > 0 {
		t.Errorf("%d changes asked of the router while only looking", n)
	}
	if got := fmt.Sprint(g.table); got != before {
		t.Errorf("the router's table was %s and is %s", before, got)
	}
	return s
}

func TestLookSaysWhoseTheEntryIs(t *testing.T) {
	local := netip.MustParseAddr("192.168.1.2")
	off := entry(broker.String(), "edgeguard mqtt", time.Hour)
	off.Enabled = false
	cases := map[string]struct {
		entry   fact.Mapping
		err     error
		change  func(*portmap.Config)
		state   portmap.State
		verdict fact.Verdict
		words   string
	}{
		"ours":         {entry: entry(broker.String(), "edgeguard mqtt", time.Hour), state: portmap.StateActive, verdict: fact.VerdictPass, words: "forwards port 8883 to 192.168.1.10:8883, as read back"},
		"by hand":      {entry: entry(broker.String(), "typed in", 0), state: portmap.StateActive, verdict: fact.VerdictPass, words: "forwards port 8883"},
		"switched off": {entry: off, state: portmap.StateFailed, verdict: fact.VerdictFail, words: "switched off"},
		"another's":    {entry: entry("192.168.1.77:8883", "console", 0), state: portmap.StateConflict, verdict: fact.VerdictFail, words: "held by 192.168.1.77 'console'"},
		"moved":        {entry: entry("192.168.1.10:1883", "edgeguard mqtt", time.Hour), state: portmap.StateFailed, verdict: fact.VerdictFail, words: "leads to 192.168.1.10:1883"},
		"none":         {err: fact.ErrNoMapping, state: portmap.StateFailed, verdict: fact.VerdictFail, words: "no entry for it"},
		"no IGD":       {err: fact.ErrNoRouter, state: portmap.StateUnconfirmed, verdict: fact.VerdictWarn, words: "may or may not be forwarded"},
		"refuses":      {err: fault(606), state: portmap.StateUnconfirmed, verdict: fact.VerdictWarn, words: "does not let its table be read"},
		"silence":      {err: errors.New("timed out"), state: portmap.StateFailed, verdict: fact.VerdictFail, words: "timed out"},
		"PCP only": {entry: entry(broker.String(), "", 0), change: func(c *portmap.Config) { c.Methods = []fact.Method{fact.MethodPCP} },
			state: portmap.StateUnconfirmed, verdict: fact.VerdictWarn, words: "may or may not"},
		"by hand in the config": {entry: entry(broker.String(), "", 0), change: func(c *portmap.Config) { c.Enabled = false },
			state: portmap.StateManual, verdict: fact.VerdictUnknown, words: "left to you"},
		"the relay": {entry: entry(netip.AddrPortFrom(local, 8883).String(), "edgeguard mqtt", time.Hour), change: func(c *portmap.Config) { c.Relay = portmap.RelayAuto },
			state: portmap.StateActive, verdict: fact.VerdictPass, words: "to edgeguard's relay, which carries it to 192.168.1.10:8883"},
		"this host without a relay": {entry: entry(netip.AddrPortFrom(local, 8883).String(), "edgeguard mqtt", time.Hour),
			state: portmap.StateConflict, verdict: fact.VerdictFail, words: "held by 192.168.1.2"},
	}
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway()
				cfg := portmap.Config{Enabled: true, Forwards: []portmap.Forward{mqtt}}
				if c.change != nil {
					c.change(&cfg)
				}
				g.onGet = func(key) (fact.Mapping, error) { return c.entry, c.err }
				s := lookAt(t, g, cfg)
				if f := s.Forwards[0]; f.State != c.state || s.Link.Verdict != c.verdict || !strings.Contains(s.Link.Summary, c.words) {
					t.Errorf("%s, %s: %s", f.State, s.Link.Verdict, s.Link.Summary)
				}
				if c.verdict == fact.VerdictFail && s.Link.Action == "" {
					t.Error("a failure without an action")
				}
			})
		})
	}
}

// What a daemon has made is known by its state file, which stays as it is, and
// so is the entry.
func TestLookBesideAKeeper(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "portmap.json")
	keep(t, func(g *gateway, cfg *portmap.Config) {
		cfg.StateFile = file
		// The router drops what entries are called.
		g.onAdd = func(m fact.Mapping) error {
			m.Description = "UPnP"
			g.put(m)
			return nil
		}
	}, func(g *gateway, k *portmap.Keeper) {
		g.sleep(time.Second)
		wantState(t, k, portmap.StateActive, fact.VerdictPass)
		g.order()
		before, text := statOf(t, file)
		g.adds, g.dels = nil, nil
		s := lookAt(t, g, portmap.Config{Enabled: true, StateFile: file, Forwards: []portmap.Forward{mqtt}})
		if s.Link.Verdict != fact.VerdictPass || s.Forwards[0].Note != "" {
			t.Errorf("an entry that the state file knows as ours: %s, %q: %s", s.Link.Verdict, s.Forwards[0].Note, s.Link.Summary)
		}
		after, now := statOf(t, file)
		if list, _ := os.ReadDir(folder); before != after || text != now || len(list) != 1 {
			t.Errorf("the state file was touched: %v, %v; %v", before, after, list)
		}
	}, nil)
}

// A damaged state file stays where it is.
func TestLookLeavesADamagedFileAlone(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "portmap.json")
	if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		g.put(entry(broker.String(), "edgeguard mqtt", time.Hour))
		if s := lookAt(t, g, portmap.Config{Enabled: true, StateFile: file, Forwards: []portmap.Forward{mqtt}}); s.Link.Verdict != fact.VerdictPass {
			t.Errorf("%s: %s", s.Link.Verdict, s.Link.Summary)
		}
	})
	if list, _ := os.ReadDir(folder); len(list) != 1 || list[0].Name() != "portmap.json" {
		t.Errorf("the state folder holds %v", list)
	}
}

func statOf(t *testing.T, file string) (time.Time, string) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime(), string(text)
}
