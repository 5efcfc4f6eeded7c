package history_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status/history"
)

// run runs a History on the file at path until the end, and returns what it
// remembers then.
func run(t *testing.T, path string, do func(h *history.History)) history.View {
	t.Helper()
	h := history.New(history.Config{Path: path, Links: ids})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()
	do(h)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return h.View()
}

func TestRestartsAreNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.json")
		first := run(t, path, func(h *history.History) {
			h.SawAddress(noon, history.IPv4, fact.Known, one)
			h.SawAddress(noon, history.IPv6, fact.Known, six)
			h.SawAddress(noon, history.IPv6, fact.None, netip.Addr{})
			h.SawLink(noon, "wan", fact.VerdictPass, "Good: “é”.")
			h.SawLink(noon, "ddns", fact.VerdictPass, "Right.")
		})
		if len(first.WAN) != 3 || len(first.Links) != 2 {
			t.Fatalf("remembered %+v", first)
		}
		second := run(t, path, func(h *history.History) {
			h.SawAddress(noon.Add(time.Hour), history.IPv4, fact.Unknown, netip.Addr{})
			h.SawAddress(noon.Add(time.Hour), history.IPv6, fact.None, netip.Addr{})
			h.SawLink(noon.Add(time.Hour), "wan", fact.VerdictUnknown, "Nothing is known.")
			h.SawLink(noon.Add(time.Hour), "ddns", fact.VerdictUnknown, "Nothing is known.")
			h.SawAddress(noon.Add(time.Hour), history.IPv4, fact.Known, one)
			h.SawLink(noon.Add(time.Hour), "wan", fact.VerdictPass, "Good.")
			h.SawLink(noon.Add(time.Hour), "ddns", fact.VerdictFail, "Wrong.")
		})
		want := first
		want.Links = append([]history.Change{{At: noon.Add(time.Hour), ID: "ddns", Verdict: fact.VerdictFail, Summary: "Wrong."}}, first.Links...)
		if !reflect.DeepEqual(second, want) {
			t.Errorf("after the restart %+v is remembered, want %+v", second, want)
		}
	})
}

func TestTheFileIsWrittenRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.json")
		holds := func(want string) {
			t.Helper()
			synctest.Wait()
			text, _ := os.ReadFile(path)
			if want == "" && text != nil || !strings.Contains(string(text), want) {
				t.Errorf("the file holds %q, want %q in it", text, want)
			}
		}
		run(t, path, func(h *history.History) {
			h.SawLink(noon, "wan", fact.VerdictPass, "First.")
			time.Sleep(59 * time.Second)
			holds("")
			time.Sleep(2 * time.Second)
			holds("First.")
			h.SawLink(noon, "wan", fact.VerdictFail, "Second.")
			h.SawLink(noon, "wan", fact.VerdictPass, "Third.")
			time.Sleep(30 * time.Second)
			if text, _ := os.ReadFile(path); strings.Contains(string(text), "Second.") {
				t.Error("it was written twice within a minute")
			}
			time.Sleep(31 * time.Second)
			holds("Third.")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour) // nothing new, nothing to write
			holds("")
			h.SawLink(noon, "wan", fact.VerdictFail, "Fourth.")
			time.Sleep(time.Second)
			holds("Fourth.") // at once after a quiet time
			h.SawLink(noon, "wan", fact.VerdictPass, "Fifth.")
		})
		holds("Fifth.") // and at the end
	})
}

func TestHostileFiles(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":            `what?`,
		"another version":    `{"version":2,"wan":[],"links":[]}`,
		"no version":         `{}`,
		"too many changes":   `{"version":1,"links":[` + strings.Repeat(`{"at":"2026-11-21T12:00:00Z","id":"wan","status":"pass","summary":""},`, 200) + `{"at":"2026-11-21T12:00:00Z","id":"wan","status":"pass","summary":""}]}`,
		"no time":            `{"version":1,"links":[{"id":"wan","status":"pass","summary":""}]}`,
		"another word":       `{"version":1,"links":[{"at":"2026-11-21T12:00:00Z","id":"wan","status":"green","summary":""}]}`,
		"another family":     `{"version":1,"wan":[{"at":"2026-11-21T12:00:00Z","family":"ipx","address":""}]}`,
		"not of that family": `{"version":1,"wan":[{"at":"2026-11-21T12:00:00Z","family":"ipv4","address":"2001:db8::1"}]}`,
		"no address":         `{"version":1,"wan":[{"at":"2026-11-21T12:00:00Z","family":"ipv4","address":"<b>"}]}`,
		"a zone":             `{"version":1,"wan":[{"at":"2026-11-21T12:00:00Z","family":"ipv6","address":"fe80::1%<b>"}]}`,
		"too large":          `{"version":1}` + strings.Repeat(" ", 1<<20),
	} {
		path := filepath.Join(t.TempDir(), "history.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if v := history.New(history.Config{Path: path, Links: ids}).View(); !v.Empty() {
			t.Errorf("%s: remembered %+v", name, v)
		}
		if kept, err := os.ReadFile(path + ".bad"); err != nil || string(kept) != text {
			t.Errorf("%s: not set aside: %v", name, err)
		}
	}
}

// A link that only another version knows is left out, and its words are cleaned.
func TestForeignEntries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.json")
	const text = `{"version":1,"links":[
		{"at":"2026-11-21T12:00:00Z","id":"moon","status":"pass","summary":"Full."},
		{"at":"2026-11-21T13:00:00.5+01:00","id":"wan","status":"pass","summary":"a\u001b[31m\nb"}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []history.Change{{At: noon, ID: "wan", Verdict: fact.VerdictPass, Summary: "a[31m b"}}
	if got := history.New(history.Config{Path: path, Links: ids}).View().Links; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAFolderThatCannotBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent", "history.json")
	v := run(t, path, func(h *history.History) { h.SawLink(noon, "wan", fact.VerdictPass, "Good.") })
	if len(v.Links) != 1 {
		t.Errorf("remembered %+v", v)
	}
}

// FuzzFile: whatever a file holds, what is remembered of it is bounded and
// comes back from the file written of it.
func FuzzFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"wan":[{"at":"2026-11-21T12:00:00Z","family":"ipv4","address":"203.0.113.7"},{"at":"2026-11-21T12:00:00Z","family":"ipv6","address":""}],"links":[{"at":"2026-11-21T12:00:00Z","id":"wan","status":"fail","summary":"Gone: \u202e."}]}`))
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"wan":[{"at":"9999-12-31T23:59:59-23:00","family":"ipv6","address":"::ffff:1.2.3.4"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := history.Parse(text, ids)
		if err != nil {
			return
		}
		if len(v.WAN) > 50 || len(v.Links) > 200 {
			t.Fatalf("%d addresses, %d changes", len(v.WAN), len(v.Links))
		}
		again, err := json.Marshal(history.FormOf(v))
		if err != nil {
			t.Fatal(err)
		}
		back, err := history.Parse(again, ids)
		if err != nil || !reflect.DeepEqual(back, v) {
			t.Fatalf("%+v came back as %+v, %v", v, back, err)
		}
	})
}
