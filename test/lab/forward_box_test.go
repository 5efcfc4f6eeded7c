//go:build linux

package lab_test

// A container on a bridge of the NAS's: what the engine makes of it in the
// kernel, and the whole daemon in it.

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// boxAddr is the container's address, which the LAN does not know.
var boxAddr = netip.MustParseAddr("172.17.0.2")

// eventPort is where the router's events arrive in the container.
const eventPort = 49200

// publish is a port of the NAS's that leads to the same one of the container.
type publish struct {
	protocol string // "tcp" or "udp"
	port     uint16
}

// container makes a container on a bridge of the NAS's, behind the NAS's NAT,
// with published ports, as Docker has it: what leaves is masqueraded, and what
// comes for an address of the NAS's own is redirected.
func container(t *testing.T, h *lab.Home, published ...publish) *lab.Host {
	t.Helper()
	box := h.AddHost(t, "box", netip.MustParseAddr("192.168.77.99"))
	h.Router.Run(t, "ip", "link", "del", "box") // its wire to the LAN
	h.NAS.Run(t, "ip", "link", "add", "docker0", "type", "bridge", "forward_delay", "0")
	h.NAS.Run(t, "ip", "addr", "add", "172.17.0.1/16", "dev", "docker0")
	h.NAS.Run(t, "ip", "link", "set", "docker0", "up")
	h.NAS.Run(t, "ip", "link", "add", "box", "type", "veth", "peer", "name", "eth0", "netns", box.Namespace())
	h.NAS.Run(t, "ip", "link", "set", "box", "master", "docker0", "up")
	box.Run(t, "ip", "addr", "add", boxAddr.String()+"/16", "dev", "eth0")
	box.Run(t, "ip", "link", "set", "eth0", "up")
	box.Run(t, "ip", "route", "add", "default", "via", "172.17.0.1")
	h.NAS.Run(t, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
	h.NAS.Run(t, "nft", `add table ip engine;
add chain ip engine pre { type nat hook prerouting priority -100; };
add chain ip engine post { type nat hook postrouting priority 100; };
add chain ip engine forward { type filter hook forward priority 0; policy drop; };
add rule ip engine post ip saddr 172.17.0.0/16 oifname != "docker0" masquerade;
add rule ip engine forward ct state established,related accept;
add rule ip engine forward iifname "docker0" accept`)
	for _, p := range published {
		h.NAS.Run(t, "nft", fmt.Sprintf(`add rule ip engine pre iifname != "docker0" fib daddr type local %[1]s dport %[2]d dnat to %[3]s:%[2]d;
add rule ip engine forward oifname "docker0" ip daddr %[3]s %[1]s dport %[2]d accept`, p.protocol, p.port, boxAddr))
	}
	return box
}

// usual are the ports that the documentation has published.
func usual() []publish {
	return []publish{{"udp", 53}, {"tcp", 53}, {"tcp", lab.StatusPort}, {"tcp", eventPort}}
}

// The keys for a container, each on its own.
var (
	lanRouter  = fmt.Sprintf("router = %q\n", lab.RouterAddr)
	lanAddress = fmt.Sprintf("address = %q\n", lab.NASAddr)
)

// startBoxed starts the daemon in a container, with these keys under [lan] and
// [wan] and more sections.
func (p *port) startBoxed(t *testing.T, box *lab.Host, lan, wan, more string) *lab.Daemon {
	t.Helper()
	text := replaceLine(t, p.config(t, more), "sources = ", "sources = [\"igd\", \"natpmp\"]\n"+wan)
	if lan != "" {
		text += "\n[lan]\n" + lan
	}
	return p.StartEdgeguard(t, lab.EdgeguardOptions{Host: box, Config: text})
}

// eventPortKey is the key under [wan].
func eventPortKey() string { return fmt.Sprintf("event_port = %d\n", eventPort) }

// heard is whether a source of events is listened to.
type heard struct {
	On  bool   `json:"on"`
	Why string `json:"why"`
}

// boxedStatus is what of the status speaks of the router.
type boxedStatus struct {
	Forwards []lab.Forward `json:"forwards"`
	Chain    []struct {
		ID, Status, Action string
		Evidence           []string
	} `json:"chain"`
	Router struct {
		Found   bool       `json:"found"`
		Address netip.Addr `json:"address"`
		Local   netip.Addr `json:"local"`
		Bridged bool       `json:"bridged"`
		Lost    string     `json:"lost"`
		Events  struct {
			GENA, Announcements, SSDP heard
		} `json:"events"`
		Speaks []string `json:"speaks"`
	} `json:"router"`
	WAN struct {
		IPv4     *netip.Addr `json:"ipv4"`
		LastHint struct {
			Kind string    `json:"kind"`
			At   time.Time `json:"at"`
		} `json:"last_hint"`
	} `json:"wan"`
	DNS struct {
		Clients []struct {
			Address string `json:"address"`
		} `json:"clients_seen"`
	} `json:"dns"`
}

// boxed asks a running daemon for it.
func boxed(t *testing.T, d *lab.Daemon) boxedStatus {
	t.Helper()
	s, err := boxedOf(d.Get)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func boxedOf(get func(path string) ([]byte, error)) (s boxedStatus, err error) {
	raw, err := get("/api/v1/status")
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	return s, err
}

// forward is what the link says to a person, evidence and all.
func (s boxedStatus) forward() (evidence, action string) {
	for _, l := range s.Chain {
		if l.ID == "forward" {
			return strings.Join(l.Evidence, "\n"), l.Action
		}
	}
	return "", ""
}

// wantAll wants a text to have all of some words.
func wantAll(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not say %q", text, word)
		}
	}
}
