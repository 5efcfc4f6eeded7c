//go:build linux

package lab

// The router: nftables NAT, miniupnpd, and the WAN address.

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// natRules is the usual home router: everything out, nothing in, and chains
// for miniupnpd to fill. Its redirects match the WAN interface only, so the
// router has no NAT loopback.
const natRules = `
table inet filter {
	chain forward {
		type filter hook forward priority 0; policy drop;
		ct state established,related accept
		iifname "br0" accept
		jump miniupnpd
	}
	chain miniupnpd { }
	chain prerouting {
		type nat hook prerouting priority -100; policy accept;
		jump prerouting_miniupnpd
	}
	chain postrouting {
		type nat hook postrouting priority 100; policy accept;
		jump postrouting_miniupnpd
		meta nfproto ipv4 oifname "wan0" masquerade
	}
	chain prerouting_miniupnpd { }
	chain postrouting_miniupnpd { }
}
`

// upnpConf is miniupnpd's configuration. ext_ip is left out so that the
// external address is that of wan0.
const upnpConf = `
ext_ifname=wan0
listening_ip=br0
port=5555
enable_natpmp=yes
enable_upnp=yes
secure_mode=yes
system_uptime=no
notify_interval=30
uuid=00000000-0000-4000-8000-00000000ed6e
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
%s
allow 1024-65535 %s 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`

// Restart says how a router goes down.
type Restart int

const (
	// Crash is a power cut: no goodbye, and every mapping is forgotten.
	Crash Restart = iota
	// Clean ends miniupnpd with SIGTERM, goodbyes and all. Its table is empty
	// afterwards, but the rules in the kernel stay and forward on: that is
	// what miniupnpd does, and routers have it.
	Clean
)

// loadNAT makes the host forward from br0 to wan0, with NAT. dir is for files.
func (h *Host) loadNAT(dir string) error {
	if _, err := h.Try(Patience, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"); err != nil {
		return err
	}
	// With br_netfilter loaded, frames inside the LAN would pass the router's
	// NAT, which no home router does. Without it the key does not exist.
	h.Try(Patience, "sysctl", "-q", "-w", "net.bridge.bridge-nf-call-iptables=0")
	file := filepath.Join(dir, "nat.nft")
	if err := os.WriteFile(file, []byte(natRules), 0o644); err != nil {
		return fmt.Errorf("writing the router's rules: %w", err)
	}
	_, err := h.Try(Patience, "nft", "-f", file)
	return err
}

// StartRouter starts the router's UPnP, NAT-PMP and PCP service and waits
// until it answers. The lines, such as "secure_mode=no", are added to
// miniupnpd's configuration and override what is there, also after a restart.
func (h *Home) StartRouter(t testing.TB, lines ...string) {
	t.Helper()
	h.conf = lines
	h.startUPnP(t)
}

func (h *Home) startUPnP(t testing.TB) {
	t.Helper()
	h.router = h.Router.startUPnP(t, homeNet, h.conf)
}

// startUPnP starts miniupnpd on a host with br0 and wan0, for clients in lan.
func (h *Host) startUPnP(t testing.TB, lan netip.Prefix, lines []string) *Process {
	t.Helper()
	file := filepath.Join(h.home.dir, h.Name+"-miniupnpd.conf")
	text := fmt.Sprintf(without(upnpConf, lines), strings.Join(lines, "\n"), lan)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatalf("writing miniupnpd's configuration: %v", err)
	}
	// A pid file of its own: miniupnpd refuses to start beside another lab's.
	pid := filepath.Join(h.home.dir, h.Name+"-miniupnpd.pid")
	p := h.Start(t, "miniupnpd", "miniupnpd", "-d", "-f", file, "-P", pid)
	ready := "HTTP listening on port"
	if slices.Contains(lines, "enable_upnp=no") {
		ready = "Listening for NAT-PMP/PCP traffic on port"
	}
	p.WaitLog(t, Patience, ready)
	return p
}

// without is conf without what lines set: miniupnpd never takes back a "yes".
func without(conf string, lines []string) string {
	var b strings.Builder
	for line := range strings.Lines(conf) {
		key, _, found := strings.Cut(line, "=")
		if !found || !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, key+"=") }) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// StopRouter takes the router's UPnP service down. A Crash forgets its
// mappings, too.
func (h *Home) StopRouter(t testing.TB, how Restart) {
	t.Helper()
	if h.router == nil {
		t.Fatal("the router's UPnP service was never started: call StartRouter first")
	}
	if how == Clean {
		if _, err := h.router.Stop(Patience); err != nil {
			t.Fatal(err)
		}
		return
	}
	h.router.Kill()
	for _, chain := range []string{"miniupnpd", "prerouting_miniupnpd", "postrouting_miniupnpd"} {
		h.Router.Run(t, "nft", "flush", "chain", "inet", "filter", chain)
	}
}

// RestartRouter takes the router's UPnP service down and up again.
func (h *Home) RestartRouter(t testing.TB, how Restart) {
	t.Helper()
	h.StopRouter(t, how)
	h.startUPnP(t)
}

// WANAddress is the home's public address now.
func (h *Home) WANAddress() netip.Addr { return h.wanAddr }

// WANChanged is when the kernel was told the newest public address: just before
// the call that sets it.
func (h *Home) WANChanged() time.Time { return h.moved }

// SetWANAddress gives the home another public address, as a provider does
// overnight. Any IPv4 address will do: the internet finds it.
func (h *Home) SetWANAddress(t testing.TB, addr netip.Addr) {
	t.Helper()
	if addr == h.wanAddr {
		return
	}
	h.dropWANAddress(t)
	h.giveWANAddress(t, addr)
}

// dropWANAddress takes the home's public address away.
func (h *Home) dropWANAddress(t testing.TB) {
	t.Helper()
	old := h.wanAddr
	if err := h.edge().ip("addr del " + inNetwork(old) + " dev wan0"); err != nil {
		t.Fatalf("taking the WAN address away: %v", err)
	}
	// Without this the internet would go on sending the old address's packets
	// to the router, whose redirects match whatever comes in on wan0.
	forget := fmt.Sprintf("neigh flush to %s dev home0", old)
	if !internet.Contains(old) {
		forget = fmt.Sprintf("route del %s/32 dev home0", old)
	}
	if err := h.WAN.ip(forget); err != nil {
		t.Fatalf("making the internet forget the old WAN address: %v", err)
	}
}

// giveWANAddress gives the home a public address in place of the one that was
// dropped.
func (h *Home) giveWANAddress(t testing.TB, addr netip.Addr) {
	t.Helper()
	if err := h.addWANAddress(addr); err != nil {
		t.Fatalf("changing the WAN address: %v", err)
	}
	h.wanAddr = addr
}

// addWANAddress gives wan0 an address and the route out, which the kernel
// dropped with the old address.
func (h *Home) addWANAddress(addr netip.Addr) error {
	if !internet.Contains(addr) {
		if err := h.WAN.ip(fmt.Sprintf("route replace %s/32 dev home0", addr)); err != nil {
			return err
		}
	}
	h.moved = time.Now()
	// In one go, as a router has it: whoever hears of the address at once shall
	// not find a router without a way out.
	return h.edge().ipBatch(
		"addr add "+inNetwork(addr)+" dev wan0",
		fmt.Sprintf("route replace default via %s dev wan0 onlink", InternetAddr),
	)
}

// inNetwork writes a WAN address with the length of its prefix on wan0.
func inNetwork(addr netip.Addr) string {
	if internet.Contains(addr) {
		return addr.String() + "/24"
	}
	return addr.String() + "/32"
}
