//go:build linux

package lab_test

// edgeguard doctor in a whole home: what it says, and that it leaves no trace.

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// doctor runs doctor with a config file and returns what it found.
func (h *house) doctor(t *testing.T, config string) (code int, s lab.Status) {
	t.Helper()
	code, output := h.Edgeguard(t, h.NAS, "--config", config, "doctor", "--json", "--timeout", "50s")
	if err := json.Unmarshal([]byte(output), &s); err != nil {
		t.Fatalf("doctor exited with %d and said: %s", code, output)
	}
	s.Raw = []byte(output)
	return code, s
}

// wantLinks wants each link to have the verdict given, or else pass.
func wantLinks(t *testing.T, s lab.Status, but map[string]string) {
	t.Helper()
	for _, id := range []string{"wan", "ddns", "forward", "broker", "certificate", "hairpin", "dns", "clients"} {
		want := but[id]
		if want == "" {
			want = "pass"
		}
		if got := s.Link(id); got.Status != want {
			t.Errorf("%s is %s, want %s: %s", id, got.Status, want, got.Summary)
		}
	}
}

// filesIn describes a folder, times included.
func filesIn(t *testing.T, folder string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			fmt.Fprintln(&b, path, info.Size(), info.Mode(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDoctorInAHealthyHome(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.works)
	for _, id := range []string{"wan", "ddns", "forward", "broker", "certificate", "hairpin", "dns", "clients"} {
		lab.Eventually(t, lab.Patience, d.WantLink(id, "pass"))
	}
	before := fmt.Sprint(h.Mappings(t))

	// Beside the daemon, which holds its ports and knows who asks.
	code, s := h.doctor(t, d.ConfigFile)
	if code != 0 || s.Status != "pass" {
		t.Errorf("doctor exited with %d in a healthy home, and says %s", code, s.Raw)
	}
	wantLinks(t, s, nil)
	code, text := d.Run(t, "doctor", "-v", "--timeout", "50s")
	if code != 0 || strings.Count(text, "PASS  ") != 8 || strings.Contains(text, "\x1b") {
		t.Errorf("doctor exited with %d: %s", code, text)
	}
	t.Log(text)

	// The broker goes down: that link, and nothing is said against the others.
	h.broker.Kill()
	code, s = h.doctor(t, d.ConfigFile)
	if code != 1 {
		t.Errorf("doctor exited with %d without a broker", code)
	}
	wantLinks(t, s, map[string]string{"broker": "fail", "certificate": "unknown", "hairpin": "unknown"})

	if got := fmt.Sprint(h.Mappings(t)); got != before {
		t.Errorf("the router's forwards were %s and are %s", before, got)
	}
	if err := d.WantLink("forward", "pass")(); err != nil {
		t.Errorf("the daemon after doctor: %v", err)
	}
}

// A daemon that was killed leaves a forward, a record and its files behind;
// doctor knows them as edgeguard's, and leaves them as they are.
func TestDoctorAfterACrashTouchesNothing(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.works)
	lab.Eventually(t, lab.Patience, d.WantLink("ddns", "pass"))
	d.Kill()
	mappings, files := fmt.Sprint(h.Mappings(t)), filesIn(t, d.StateDir)

	code, s := h.doctor(t, d.ConfigFile)
	if code != 1 {
		t.Errorf("doctor exited with %d without a DNS server", code)
	}
	wantLinks(t, s, map[string]string{"dns": "fail", "clients": "unknown"})
	if got := fmt.Sprint(h.Mappings(t)); got != mappings {
		t.Errorf("the router's forwards were %s and are %s", mappings, got)
	}
	if got := filesIn(t, d.StateDir); got != files {
		t.Errorf("the state folder was\n%sand is\n%s", files, got)
	}
}

// Where nothing has been set up, doctor says so and sets nothing up.
func TestDoctorInAnUntouchedHome(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	text := h.EdgeguardConfig(t, lab.EdgeguardOptions{Provider: "duckdns"})
	config, state := filepath.Join(t.TempDir(), "edgeguard.toml"), filepath.Join(t.TempDir(), "state")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "state_dir = ") {
			text = strings.Replace(text, line, fmt.Sprintf("state_dir = %q\n", state), 1)
		}
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, s := h.doctor(t, config)
	if code != 1 {
		t.Errorf("doctor exited with %d in a home without anything", code)
	}
	wantLinks(t, s, map[string]string{"ddns": "fail", "forward": "fail", "dns": "fail", "clients": "unknown", "hairpin": "unknown"})
	if got := h.inet.DuckDNS.Addr(h.name); got.IsValid() {
		t.Errorf("the record says %v now", got)
	}
	if list := h.Mappings(t); len(list) != 0 {
		t.Errorf("the router forwards %v now", list)
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("the state folder is there now: %v", err)
	}
}

// A broker that is found by its MAC address is looked at where it is, and where
// that is is written nowhere. The LAN is asked what it tells devices.
func TestDoctorFindsTheBrokerAndAsksTheLAN(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	h.StartRouter(t, "secure_mode=no")
	h.StartBrokerOnAll(t, h.Pi, h.CA.Issue(t, lab.DuckDNSName))
	state := filepath.Join(t.TempDir(), "state")
	text := h.EdgeguardConfig(t, lab.EdgeguardOptions{Names: []string{lab.DuckDNSName}})
	text = replaceLine(t, text, "address = ", fmt.Sprintf("address = \":8883\"\nmac = %q", h.Pi.MAC(t)))
	text = replaceLine(t, text, "state_dir = ", fmt.Sprintf("state_dir = %q", state))
	text = replaceLine(t, text, "sources = ", `sources = ["igd"]`)
	config := filepath.Join(t.TempDir(), "edgeguard.toml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, output := h.Edgeguard(t, h.NAS, "--config", config, "doctor", "--json", "--timeout", "50s")
	var s lab.Status
	_, text, _ = strings.Cut(output, "\n{") // behind a warning of the config
	if err := json.Unmarshal([]byte("{"+text), &s); err != nil || code != 1 {
		t.Fatalf("doctor exited with %d and said: %s", code, output)
	}
	if l := s.Link("broker"); l.Status != "pass" || !strings.Contains(l.Summary, lab.PiAddr.String()) {
		t.Errorf("broker: %+v", l)
	}
	if !strings.Contains(output, `"checked_at"`) || !strings.Contains(output, `"lan": {`) || !strings.Contains(output, "DHCP server") {
		t.Errorf("the LAN was not asked: %s", output)
	}
	if list := h.Mappings(t); len(list) != 0 {
		t.Errorf("the router forwards %v now", list)
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("the state folder is there now: %v", err)
	}
}
