package memory_test

// What is kept over restarts, and what a damaged file does.

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/memory"
)

var quiet = slog.New(slog.DiscardHandler)

func made(port uint16) memory.Made {
	return memory.Made{Router: "uuid:1", Protocol: fact.TCP, ExternalPort: port, Internal: netip.MustParseAddrPort("192.168.1.10:8883"),
		Description: "edgeguard mqtt", Method: fact.MethodIGD}
}

func TestWhatIsLearnedOutlivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "forwards.json")
	m := memory.Open(path, quiet)
	router := memory.Router{ID: "uuid:1", Gateway: netip.MustParseAddr("192.168.1.1"), Endless: true, EndlessWhy: "so it says",
		NoLeases: true, Method: fact.MethodPCP, OwnHostOnly: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	m.Learn("uuid:1", func(r *memory.Router) { *r = router })
	pcp := made(8884)
	pcp.Method, pcp.Description, pcp.Nonce = fact.MethodPCP, "", memory.Nonce{1, 2, 3}
	m.Keep(made(8883))
	m.Keep(pcp)
	m.Save()

	again := memory.Open(path, quiet)
	if got, ok := again.Find("uuid:1", fact.TCP, 8884, fact.MethodPCP, func(memory.Made) bool { return true }); !ok || got != pcp {
		t.Errorf("found %+v", got)
	}
	if _, ok := again.Find("uuid:1", fact.TCP, 8884, fact.MethodIGD, func(memory.Made) bool { return true }); ok {
		t.Error("found what was made by another method")
	}
	if got := again.Router("uuid:1"); got != router {
		t.Errorf("got %+v, want %+v", got, router)
	}
	if got := again.Made("uuid:1"); !reflect.DeepEqual(got, []memory.Made{made(8883), pcp}) {
		t.Errorf("got %+v", got)
	}
	if id := again.At(router.Gateway); id != "uuid:1" {
		t.Errorf("at the gateway is %q", id)
	}
	if id := again.At(netip.Addr{}); id != "" {
		t.Errorf("at no gateway is %q", id)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: nonces are nobody else's", info.Mode(), err)
	}
}

func TestWrittenOnlyWhenChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "forwards.json")
	m := memory.Open(path, quiet)
	m.Save()
	if _, err := os.Stat(path); err == nil {
		t.Error("written with nothing to say")
	}
	m.Keep(made(8883))
	m.Learn("uuid:1", func(r *memory.Router) { r.Endless = true })
	m.Save()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	m.Keep(made(8883))
	m.Learn("uuid:1", func(r *memory.Router) { r.Endless = true })
	m.Forget(made(1))
	m.Rename("uuid:7", "uuid:8")
	m.Save()
	if _, err := os.Stat(path); err == nil {
		t.Error("written again though nothing has changed")
	}
	m.Forget(made(8883))
	m.Save()
	if got := memory.Open(path, quiet).Made("uuid:1"); len(got) != 0 {
		t.Errorf("left %v", got)
	}
}

func TestBoundedAndTheOldestGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "forwards.json")
	m := memory.Open(path, quiet)
	for i := range 100 {
		m.Learn(fmt.Sprintf("%s:%d", strings.Repeat("<", 250), i), func(r *memory.Router) { r.EndlessWhy = strings.Repeat(`"`, 256) })
		e := made(uint16(1000 + i))
		e.Router, e.Description = "uuid:99", strings.Repeat(`\`, 256)
		m.Keep(e)
	}
	m.Keep(func() memory.Made { e := made(1036); e.Router, e.Description = "uuid:99", "used again"; return e }())
	m.Save()
	again := memory.Open(path, quiet)
	left := again.Made("uuid:99")
	if len(left) != memory.MaxMade || left[0].ExternalPort != 1037 || left[63].ExternalPort != 1036 || left[63].Description != "used again" {
		t.Errorf("%d forwards are left, of %d to %d", len(left), left[0].ExternalPort, left[63].ExternalPort)
	}
	for id, want := range map[string]bool{"83": false, "84": true, "99": true} {
		if got := again.Router(strings.Repeat("<", 250)+":"+id).EndlessWhy != ""; got != want {
			t.Errorf("%s known: %v, want %v", id, got, want)
		}
	}
}

func TestWhatCouldNotBeReadAgainIsNotKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "forwards.json")
	m := memory.Open(path, quiet)
	m.Keep(made(8883))
	for _, spoil := range []func(*memory.Made){
		func(e *memory.Made) { e.Router = "" },
		func(e *memory.Made) { e.Router = "a\nb" },
		func(e *memory.Made) { e.Router = strings.Repeat("x", 300) },
		func(e *memory.Made) { e.Description = "\xff" },
		func(e *memory.Made) { e.Description = "\x1b[2J" },
		func(e *memory.Made) { e.ExternalPort = 0 },
		func(e *memory.Made) { e.Internal = netip.AddrPort{} },
		func(e *memory.Made) { e.Internal = netip.MustParseAddrPort("[fe80::1%eth0]:1") },
		func(e *memory.Made) { e.Protocol = "tcp" },
		func(e *memory.Made) { e.Method = "ftp" },
		func(e *memory.Made) { e.Method = fact.MethodPCP },
		func(e *memory.Made) { e.Nonce[0] = 1 },
	} {
		e := made(1)
		spoil(&e)
		m.Keep(e)
	}
	m.Learn("", func(r *memory.Router) { r.Endless = true })
	m.Learn("a\x00b", func(r *memory.Router) { r.Endless = true })
	m.Learn("uuid:1", func(r *memory.Router) { r.Method = "ftp" })
	m.Rename("uuid:1", "a\x00b")
	m.Save()
	if got := memory.Open(path, quiet).Made("uuid:1"); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestRenameKeepsWhatWasMade(t *testing.T) {
	m := memory.Open("", quiet)
	m.Keep(made(8883))
	m.Learn("uuid:1", func(r *memory.Router) { r.Method = fact.MethodPCP })
	m.Rename("uuid:1", "uuid:2")
	if len(m.Made("uuid:1")) != 0 || len(m.Made("uuid:2")) != 1 || m.Router("uuid:2").Method != fact.MethodPCP {
		t.Errorf("%+v, %+v", m.Made("uuid:2"), m.Router("uuid:2"))
	}
}

func TestDamagedFileIsSetAsideAndSaid(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON":        "{",
		"another version": `{"version":2}`,
		"empty":           "",
		"too large":       `{"version":1}` + strings.Repeat(" ", 130<<10),
		"no identity":     `{"version":1,"routers":[{"id":""}]}`,
		"a router twice":  `{"version":1,"routers":[{"id":"a"},{"id":"a"}]}`,
		"a bad nonce":     `{"version":1,"made":[{"router":"a","protocol":"TCP","external_port":1,"internal":"10.0.0.1:1","method":"pcp","nonce":"00"}]}`,
		"a bad method":    `{"version":1,"routers":[{"id":"a","method":"ftp"}]}`,
		"a bad gateway":   `{"version":1,"routers":[{"id":"a","gateway":"fe80::1%eth0"}]}`,
		"a bad reason":    `{"version":1,"routers":[{"id":"a","endless_why":"\u0000"}]}`,
		"a forward twice": `{"version":1,"made":[{"router":"a","protocol":"TCP","external_port":1,"internal":"10.0.0.1:1","method":"igd"},{"router":"a","protocol":"TCP","external_port":1,"internal":"10.0.0.1:1","method":"igd"}]}`,
		"too many":        `{"version":1,"routers":[` + strings.Repeat(`{"id":"a"},`, 16) + `{"id":"a"}]}`,
		"a bad port":      `{"version":1,"made":[{"router":"a","protocol":"TCP","external_port":70000,"internal":"10.0.0.1:1","method":"igd"}]}`,
	} {
		path := filepath.Join(t.TempDir(), "forwards.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		m := memory.Open(path, slog.New(slog.NewTextHandler(&log, nil)))
		if kept, err := os.ReadFile(path + ".bad"); err != nil || string(kept) != text {
			t.Errorf("%s: it is not set aside: %v", name, err)
		}
		if !strings.Contains(log.String(), path+".bad") {
			t.Errorf("%s: the log says %q", name, log.String())
		}
		m.Keep(made(8883))
		m.Save()
		if got := memory.Open(path, quiet).Made("uuid:1"); len(got) != 1 {
			t.Errorf("%s: the next file holds %v", name, got)
		}
	}
}

func TestFileThatCannotBeWrittenIsToldOnce(t *testing.T) {
	var log bytes.Buffer
	m := memory.Open(filepath.Join(t.TempDir(), "missing", "forwards.json"), slog.New(slog.NewTextHandler(&log, nil)))
	for port := range uint16(3) {
		m.Keep(made(port + 1))
		m.Save()
	}
	if n := strings.Count(log.String(), "cannot be written"); n != 1 {
		t.Errorf("told %d times: %s", n, log.String())
	}
}
