package ddns_test

// The state file over restarts, and what may stand in its place.

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/secret"
)

func newToken() secret.Value { return secret.New("00000000-114e-40ef-ba1d-d217904a50f2") }

func TestAfterKillNothingIsSentTwiceWhileTheServersAreSilent(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		path := t.TempDir() + "/ddns.json"
		h.cfg.StateFile = path
		h.setSilent(true)
		h.start()
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseUnconfirmed)
		for range 5 {
			// What is on the disk now is all that a killed process leaves.
			left, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			h.stop()
			if err := os.WriteFile(path, left, 0o600); err != nil {
				t.Fatal(err)
			}
			h.start()
			h.wait(time.Minute)
			h.wantWrites(addrA)
			h.wantPhase(ddns.PhaseUnconfirmed)
		}
		h.setSilent(false)
		h.wait(5 * time.Minute)
		h.wantPhase(ddns.PhaseVerified)
		h.wantWrites(addrA)
	})
}

func TestTheWriteIsRememberedBeforeItGoesOut(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		path := t.TempDir() + "/ddns.json"
		h.cfg.StateFile = path
		var during []byte // what kill -9 during the write leaves on the disk
		h.set = func(_ string, addr netip.Addr) (netip.Addr, error) {
			var err error
			if during, err = os.ReadFile(path); err != nil {
				t.Error(err)
			}
			return addr, nil
		}
		h.start()
		h.stop()
		if strings.Contains(string(during), token) {
			t.Errorf("the token is in the state file: %s", during)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode is %v, %v", info.Mode(), err)
		}
		if err := os.WriteFile(path, during, 0o600); err != nil {
			t.Fatal(err)
		}
		h.setSilent(true)
		h.start()
		h.wait(9 * time.Minute)
		h.wantWrites(addrA)
		h.wantPhase(ddns.PhaseUnconfirmed)
	})
}

func TestAStateFileThatIsNotOursIsSetAside(t *testing.T) {
	for what, text := range map[string]string{
		"torn":    `{"version":1,"records":[{"provider":"duck`,
		"empty":   "",
		"foreign": `{"hello":"world"}`,
		"newer":   `{"version":99}`,
		"lies":    `{"version":1,"records":[{"outcome":"taken"}]}`,
		"v6":      `{"version":1,"records":[{"address":"::1","outcome":"taken"}]}`,
		"large":   strings.Repeat(" ", 65<<10) + `{"version":1}`,
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *home) {
				h.cfg.StateFile = filepath.Join(t.TempDir(), "ddns.json")
				if err := os.WriteFile(h.cfg.StateFile, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				h.start()
				h.wait(time.Minute)
				h.wantPhase(ddns.PhaseVerified)
				if kept, err := os.ReadFile(h.cfg.StateFile + ".bad"); err != nil || string(kept) != text {
					t.Errorf("set aside is %.40q, %v", kept, err)
				}
				if !contains(h.log.String(), "set aside") {
					t.Errorf("log has no warning: %s", h.log.String())
				}
			})
		})
	}
}

func TestAStateFileThatCannotBeWrittenIsToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = filepath.Join(t.TempDir(), "missing", "ddns.json")
		h.start()
		h.wait(time.Minute)
		h.address.Store(known(addrB))
		h.wait(time.Minute)
		h.wantWrites(addrA, addrB)
		h.stop()
		if n := strings.Count(h.log.String(), "cannot be written"); n != 1 {
			t.Errorf("told %d times, want once: %s", n, h.log.String())
		}
	})
}

func TestAClockThatWasAheadDoesNotSilenceUs(t *testing.T) {
	bubble(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = filepath.Join(t.TempDir(), "ddns.json")
		h.setSilent(true)
		h.start()
		h.stop()
		raw, err := os.ReadFile(h.cfg.StateFile)
		if err != nil {
			t.Fatal(err)
		}
		year := time.Now().Format("2006")
		ahead := strings.ReplaceAll(string(raw), `"written_at": "`+year, `"written_at": "2999`)
		if ahead == string(raw) {
			t.Fatalf("state is %s", raw)
		}
		if err := os.WriteFile(h.cfg.StateFile, []byte(ahead), 0o600); err != nil {
			t.Fatal(err)
		}
		h.setSilent(false)
		h.show(name)
		h.start()
		h.wait(11 * time.Minute)
		h.wantWrites(addrA, addrA)
	})
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"records":[{"provider":"duckdns","domain":"a.duckdns.org","address":"1.2.3.4","outcome":"sent","written_at":"2026-01-01T00:00:00Z"}]}`))
	f.Add([]byte(`{"version":1,"records":[{"address":"::1"}]}`))
	f.Add([]byte(`{"version":1,"records":[{"stopped":"a\u001b[2Jb","not_before":"9999-01-01T00:00:00Z","repeats":-5}]}`))
	now := time.Now()
	f.Fuzz(func(t *testing.T, raw []byte) {
		held, counts, words, err := ddns.LoadState(raw, now)
		if err != nil && len(held) > 0 {
			t.Errorf("%v, and yet records", err)
		}
		for _, at := range held {
			if at.After(now.Add(24 * time.Hour)) {
				t.Errorf("silent until %v", at)
			}
		}
		for _, n := range counts {
			if n < 0 || n > 16 {
				t.Errorf("a count of %d", n)
			}
		}
		for _, w := range words {
			if strings.ContainsFunc(w, unicode.IsControl) || len(w) > 4096 {
				t.Errorf("text %q", w)
			}
		}
	})
}
