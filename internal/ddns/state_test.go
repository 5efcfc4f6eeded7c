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

const salt = "00112233445566778899aabbccddeeff"

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
		"type":    `{"version":2,"records":[{"type":"TXT","salt":"` + salt + `","fingerprint":"x"}]}`,
		"no salt": `{"version":2,"records":[{"type":"A"}]}`,
		"v4":      `{"version":2,"records":[{"type":"AAAA","salt":"` + salt + `","fingerprint":"x","address":"1.2.3.4","outcome":"taken"}]}`,
		"mapped":  `{"version":2,"records":[{"type":"AAAA","salt":"` + salt + `","fingerprint":"x","address":"::ffff:1.2.3.4","outcome":"taken"}]}`,
		"stands":  `{"version":2,"records":[{"type":"A","salt":"` + salt + `","fingerprint":"x","stands":"fe80::1%eth0"}]}`,
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

// The file of the version before, whose stop a user relies on.
func TestAStopOutlivesTheUpgradeOfTheStateFile(t *testing.T) {
	both(t, func(t *testing.T, h *home) {
		h.cfg.StateFile = filepath.Join(t.TempDir(), "ddns.json")
		text := `{"version":1,"records":[{"provider":"duckdns","domain":"` + name + `","fingerprint":"` + ddns.FingerprintV1(h.cfg.Records[0]) +
			`","address":"11.22.33.44","written_at":"1999-12-31T00:00:00Z","outcome":"failed","stopped":"bad token","action":"Make a new one."}]}`
		if err := os.WriteFile(h.cfg.StateFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 { // read as version 1, then as version 2
			h.start()
			h.wait(time.Hour)
			s := h.manager.Status().Load()
			if s.Records[0].Phase != ddns.PhaseStopped || s.Records[0].LastError != "bad token" || s.Records[1].Phase != ddns.PhaseVerified {
				t.Errorf("status is %+v", s.Records)
			}
			h.stop()
		}
		h.wantWrites(addr6A)
		raw, err := os.ReadFile(h.cfg.StateFile)
		if err != nil || !strings.Contains(string(raw), `"version": 2`) || strings.Contains(string(raw), ddns.FingerprintV1(h.cfg.Records[0])) {
			t.Errorf("the file is %s, %v", raw, err)
		}
	})
}

func TestOnlyAChangeOfTheAccountLiftsAStop(t *testing.T) {
	base := record("rfc2136", "a.example.org", token)
	base.Type, base.Key = "AAAA", secret.New("key")
	for what, c := range map[string]struct {
		change func(r *ddns.RecordConfig)
		lifts  bool
	}{
		"token":     {func(r *ddns.RecordConfig) { r.Token = newToken() }, true},
		"key":       {func(r *ddns.RecordConfig) { r.Key = secret.New("other") }, true},
		"user":      {func(r *ddns.RecordConfig) { r.User = "u" }, true},
		"server":    {func(r *ddns.RecordConfig) { r.Server = "ns.example.org" }, true},
		"zone":      {func(r *ddns.RecordConfig) { r.Zone = "example.org" }, true},
		"algorithm": {func(r *ddns.RecordConfig) { r.Algorithm = "hmac-sha512" }, true},
		"default":   {func(r *ddns.RecordConfig) { r.Algorithm = "HMAC-SHA256." }, false},
		"on exit":   {func(r *ddns.RecordConfig) { r.DeleteOnExit = true }, false},
		"host part": {func(r *ddns.RecordConfig) { r.Host = netip.MustParseAddr("::1") }, false},
	} {
		r := base
		c.change(&r)
		if lifted := ddns.Fingerprint(r, salt) != ddns.Fingerprint(base, salt); lifted != c.lifts {
			t.Errorf("%s: another fingerprint is %v", what, lifted)
		}
	}
	if ddns.Fingerprint(base, salt) == ddns.Fingerprint(base, strings.Repeat("1", 32)) {
		t.Error("the salt has no part in the fingerprint")
	}
	if n := len(ddns.Fingerprint(base, salt)); n > 21 {
		t.Errorf("a fingerprint of %d characters tells too much of a password", n)
	}
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"records":[{"provider":"duckdns","domain":"a.duckdns.org","address":"1.2.3.4","outcome":"sent","written_at":"2026-01-01T00:00:00Z"}]}`))
	f.Add([]byte(`{"version":1,"records":[{"address":"::1"}]}`))
	f.Add([]byte(`{"version":2,"records":[{"provider":"duckdns","domain":"a.duckdns.org","type":"AAAA","salt":"` + salt + `","fingerprint":"x","address":"2001:db8::1","stands":"2001:db8::1","outcome":"taken","verified":true,"edits":99,"edited_at":"9999-01-01T00:00:00Z","prior_at":"9999-01-01T00:00:00Z"}]}`))
	f.Add([]byte(`{"version":2,"records":[{"type":"A","salt":"` + salt + `","fingerprint":"x","outcome":"deleted","deleted_at":"9999-01-01T00:00:00Z"}]}`))
	f.Add([]byte(`{"version":1,"records":[{"stopped":"a\u001b[2Jb","not_before":"9999-01-01T00:00:00Z","repeats":-5}]}`))
	now := time.Now()
	f.Fuzz(func(t *testing.T, raw []byte) {
		held, counts, words, err := ddns.LoadState(raw, now)
		if err != nil && len(held) > 0 {
			t.Errorf("%v, and yet records", err)
		}
		for _, at := range held {
			if at.After(now.Add(24*time.Hour + 10*time.Minute)) {
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
