package main

// The files of deploy/ fit together: what the compose file mounts is where
// edgeguard's lines write and Mosquitto's read.

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/config"
)

const deployFolder = "../../deploy"

// fenced returns the block of the README after which a marker stands in it.
func fenced(t *testing.T, kind, marker string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployFolder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)\n```([a-z]*)\n(.*?)```\n").FindAllSubmatch(text, -1) {
		if string(m[1]) == kind && strings.Contains(string(m[2]), marker) {
			return string(m[2])
		}
	}
	t.Fatalf("deploy/README.md has no block %q with %q", kind, marker)
	return ""
}

func TestTheComposeFileFitsItsConfigs(t *testing.T) {
	file := filepath.Join(deployFolder, "compose-mosquitto.yml")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	if path, err := exec.LookPath("docker-compose"); err == nil {
		out, err := exec.Command(path, "-f", file, "config").CombinedOutput()
		if err != nil {
			t.Fatalf("docker-compose does not take it: %v\n%s", err, out)
		}
		text = string(out) // as it understood it
	}
	// The shared folder, on each side.
	mount := regexp.MustCompile(`(?m)^ *- certs:(/[^:\s]+)(?::(r[ow]))?\s*$`)
	sides := mount.FindAllStringSubmatch(text, -1)
	if len(sides) != 2 || sides[0][2] == "ro" || sides[1][2] != "ro" {
		t.Fatalf("the folder is mounted as %q, not once to write and once to read", sides)
	}
	dir := t.TempDir()
	toml := filepath.Join(dir, "edgeguard.toml")
	lines := fenced(t, "toml", "[certificate]") + "mode = \"own-ca\"\n[[service]]\nname = \"mqtt\"\naddress = \"192.168.1.10:8883\"\nnames = [\"mqtt.example.org\"]\n"
	if err := os.WriteFile(toml, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(toml, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if d := cfg.Certificate.Deploy; cfg.Certificate.Mode != cert.OwnCA || d.Directory != sides[0][1] || d.Reload != deploy.ReloadNone || d.UID != 1883 || d.GID != 1883 {
		t.Errorf("edgeguard hands over as %+v, and %s is mounted", d, sides[0][1])
	}
	conf := fenced(t, "", "listener 8883")
	for _, key := range []string{"certfile", "keyfile"} {
		if want := key + " " + sides[1][1] + "/" + deploy.FileCombined; !slices.Contains(strings.Split(conf, "\n"), want) {
			t.Errorf("mosquitto.conf lacks %q: %s", want, conf)
		}
	}
	script, err := os.ReadFile(filepath.Join(deployFolder, "mosquitto-reload.sh"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(script), "EDGEGUARD_CERT_DIR:-"+sides[1][1]+"}") || !strings.Contains(text, "/mosquitto-reload.sh:ro") {
		t.Errorf("the watcher does not look at %s, or is not mounted", sides[1][1])
	}
}
