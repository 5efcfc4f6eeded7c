//go:build linux

package lab

// What tells the LAN's devices of DNS servers: dnsmasq as a DHCP server, and as
// an IPv6 router that announces them.

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
)

// lanDevice is the host's interface in the LAN.
func (h *Host) lanDevice() string {
	if h == h.home.Router {
		return "br0"
	}
	return "eth0"
}

// StartDHCP starts dnsmasq on a host as a DHCP server for the LAN, which it
// waits for; args say what it hands out beside addresses. It answers no DNS.
func (h *Host) StartDHCP(t testing.TB, args ...string) *Process {
	t.Helper()
	p := h.Start(t, "dhcp", append([]string{"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
		"--interface=" + h.lanDevice(), "--except-interface=lo", "--user=root", "--pid-file=", "--log-dhcp", "--log-facility=-",
		"--dhcp-leasefile=" + filepath.Join(t.TempDir(), "leases"), "--dhcp-authoritative"}, args...)...)
	p.WaitLog(t, Patience, "started")
	return p
}

// DHCPRange is an argument of StartDHCP: addresses of the LAN from .first to
// .first+9.
func DHCPRange(first int) string {
	return fmt.Sprintf("--dhcp-range=192.168.77.%d,192.168.77.%d,1h", first, first+9)
}

// HandedOut is what the daemon's status says of the LAN.
type HandedOut struct {
	DHCP *[]struct {
		Address netip.Addr   `json:"address"`
		DNS     []netip.Addr `json:"dns"`
		Ours    bool         `json:"ours"`
		Domain  string       `json:"domain"`
		Gateway netip.Addr   `json:"gateway"`
	} `json:"dhcp"`
	Advertisements *[]struct {
		Router netip.Addr   `json:"router"`
		DNS    []netip.Addr `json:"dns"`
		Ours   bool         `json:"ours"`
		Other  bool         `json:"other"`
	} `json:"advertisements"`
	ThroughRouter *[]netip.Addr `json:"through_router"`
	LastError     string        `json:"last_error"`
}

// HandedOut asks the daemon what the LAN hands out; nil while it does not know.
func (d *Daemon) HandedOut() (*HandedOut, error) {
	s, err := d.Status()
	if err != nil {
		return nil, err
	}
	var all struct {
		LAN *HandedOut `json:"lan"`
	}
	if err := json.Unmarshal(s.Raw, &all); err != nil {
		return nil, fmt.Errorf("reading the daemon's status: %w: %s", err, s.Raw)
	}
	return all.LAN, nil
}
