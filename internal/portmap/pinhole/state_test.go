package pinhole

// Internal: the state file's form is nobody else's business.

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

var (
	noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	kept = []record{
		{service: "mqtt", protocol: fact.TCP, internal: netip.MustParseAddrPort("[2a0e::1]:8883"), method: fact.MethodIGD, router: "uuid:1", id: 7, lease: time.Hour, ends: noon},
		{service: "web", protocol: fact.UDP, internal: netip.MustParseAddrPort("[2a0e::2]:443"), method: fact.MethodPCP, nonce: [12]byte{1, 2, 3}, lease: time.Minute, ends: noon.Add(time.Hour)},
	}
)

func TestStateGoesBothWays(t *testing.T) {
	raw, err := text(kept)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parse(raw); err != nil || !reflect.DeepEqual(got, kept) {
		t.Errorf("read %+v, %v", got, err)
	}
	path := filepath.Join(t.TempDir(), "pinholes.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := load(path, noon.Add(time.Second)); err != nil || len(got) != 1 || got[0].service != "web" {
		t.Errorf("what has ended is still there: %+v, %v", got, err)
	}
}

func TestDamagedStateIsSetAside(t *testing.T) {
	for name, raw := range map[string]string{
		"garbage":      "\x00\xff",
		"half":         `{"version":1,"pinholes":[{"service":"mq`,
		"version":      `{"version":2,"pinholes":[]}`,
		"method":       line1(t, `"igd"`, `"natpmp"`),
		"protocol":     line1(t, `"TCP"`, `"ICMP"`),
		"private":      line1(t, "[2a0e::1]", "[fd00::1]"),
		"IPv4":         line1(t, "[2a0e::1]", "192.168.1.1"),
		"port":         line1(t, ":8883", ":0"),
		"lease":        line1(t, `"lease_seconds":3600`, `"lease_seconds":99999999999`),
		"nonce":        line1(t, `"id":7`, `"nonce":"00"`),
		"PCP, nonce":   line1(t, `"igd"`, `"pcp"`),
		"too many":     `{"version":1,"pinholes":[` + strings.Repeat("{},", 64) + `{}]}`,
		"far too long": `{"version":1,"pinholes":[]}` + strings.Repeat(" ", maxState),
	} {
		path := filepath.Join(t.TempDir(), "pinholes.json")
		if err := os.WriteFile(path, []byte(raw), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := load(path, noon.Add(-time.Hour)); err == nil || got != nil {
			t.Errorf("%s: read %+v, %v", name, got, err)
		}
		if _, err := os.Stat(path + ".bad"); err != nil {
			t.Errorf("%s: it is not set aside: %v", name, err)
		}
	}
}

// line1 is a state file with one record in which old is replaced.
func line1(t *testing.T, old, replacement string) string {
	t.Helper()
	raw, err := text(kept[:1])
	if err != nil || !strings.Contains(string(raw), old) {
		t.Fatalf("no %s in %s, %v", old, raw, err)
	}
	return strings.Replace(string(raw), old, replacement, 1)
}

func FuzzParseState(f *testing.F) {
	raw, err := text(kept)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"version":1,"pinholes":[{"method":"pcp","nonce":"00"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := parse(raw)
		if err != nil {
			return
		}
		for _, r := range list {
			if !isGlobal(r.internal.Addr()) || r.internal.Port() == 0 || r.lease < time.Second || r.lease > maxLease {
				t.Fatalf("%q: took %+v", raw, r)
			}
		}
		again, err := text(list)
		if err != nil {
			t.Fatalf("%q does not go back: %v", raw, err)
		}
		if !json.Valid(again) {
			t.Fatalf("%q became %q", raw, again)
		}
		if _, err := parse(again); err != nil {
			t.Fatalf("%q became %q: %v", raw, again, err)
		}
	})
}
