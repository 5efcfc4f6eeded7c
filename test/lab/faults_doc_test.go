//go:build linux

package lab_test

// The documentation against the table; this needs no lab.

import (
	"flag"
	"os"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

var update = flag.Bool("update", false, "write docs/troubleshooting.md anew")

func TestTroubleshootingIsMadeOfTheTable(t *testing.T) {
	const path = "../../docs/troubleshooting.md"
	want := lab.Troubleshooting()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s is not what the table says; run this test with -update", path)
	}
}
