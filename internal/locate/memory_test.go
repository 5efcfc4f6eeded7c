package locate

// The file that anybody may have written.

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryOutlivesARestart(t *testing.T) {
	m := memory{path: filepath.Join(t.TempDir(), "located.json"), log: slog.New(slog.DiscardHandler)}
	want := record{Service: "mqtt", By: "broker.lan", Addr: netip.MustParseAddr("192.168.1.10"), SPKI: ""}
	m.save([]record{want})
	if got := m.load(); len(got) != 1 || got["mqtt"] != want {
		t.Errorf("%+v", got)
	}
	for _, text := range []string{`{`, `{"version":2}`, `{"version":1,"services":[{"service":"mqtt"}]}`,
		`{"version":1,"services":[{"service":"mqtt","address":"192.168.1.10","spki_sha256":"zz"}]}`,
		`{"version":1,"services":[{"service":"mqtt","address":"fe80::1%eth0"}]}`} {
		if err := os.WriteFile(m.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := m.load(); len(got) != 0 {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func FuzzMemory(f *testing.F) {
	f.Add([]byte(`{"version":1,"services":[{"service":"mqtt","by":"b.lan","address":"192.168.1.10","spki_sha256":""}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := parseMemory(raw)
		if err != nil && list != nil {
			t.Error("an error and a list")
		}
		for _, r := range list {
			if !r.Addr.IsValid() || r.SPKI != "" && len(r.SPKI) != 64 {
				t.Errorf("%+v", r)
			}
		}
	})
}
