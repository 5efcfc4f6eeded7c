package lan_test

// What an interface is, by what the kernel tells of it in files.

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/edgeguard/edgeguard/internal/lan"
)

func TestPairedIsAPairOnly(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"a container's":      {map[string]string{"ifindex": "6\n", "iflink": "7\n", "uevent": "INTERFACE=eth0\nIFINDEX=6\n"}, true},
		"a card":             {map[string]string{"ifindex": "2\n", "iflink": "2\n", "uevent": "INTERFACE=eth0\nIFINDEX=2\n"}, false},
		"a VLAN":             {map[string]string{"ifindex": "4\n", "iflink": "2\n", "uevent": "DEVTYPE=vlan\nINTERFACE=eth0\nIFINDEX=4\n"}, false},
		"a macvlan":          {map[string]string{"ifindex": "4\n", "iflink": "2\n", "uevent": "DEVTYPE=macvlan\nINTERFACE=eth0\nIFINDEX=4\n"}, false},
		"nothing to be read": {nil, false},
		"no type to be read": {map[string]string{"ifindex": "6\n", "iflink": "7\n"}, false},
	} {
		sys := t.TempDir()
		if err := os.Mkdir(filepath.Join(sys, "eth0"), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range c.files {
			if err := os.WriteFile(filepath.Join(sys, "eth0", file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := lan.Paired(sys, "eth0"); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// The rest is shown in the lab, where there are pairs.
func TestBoxedKnowsNoOther(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "192.0.2.1"} {
		if lan.Boxed(netip.MustParseAddr(addr)) {
			t.Errorf("%s is one end of a pair", addr)
		}
	}
	if lan.Boxed(netip.Addr{}) {
		t.Error("no address is one end of a pair")
	}
}
