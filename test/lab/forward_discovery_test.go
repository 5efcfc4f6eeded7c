//go:build linux

package lab_test

// Finding the router: beside broken interfaces, by one way only, among other
// routers, and from a container on a bridge.

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/test/lab"
)

func isFound(s router.Status) bool { return s.Found }

// A container engine's bridges, and a firewall that lets nothing out on one of
// them: what goes there is EPERM.
func TestForwardFindsTheRouterBesideABlockedBridge(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := withRouter(t)
	h.NAS.Run(t, "ip", "link", "add", "docker0", "type", "bridge")
	h.NAS.Run(t, "ip", "addr", "add", "172.17.0.1/16", "dev", "docker0")
	h.NAS.Run(t, "ip", "link", "set", "docker0", "up")
	for i := range 20 {
		name := fmt.Sprint("br-", i)
		h.NAS.Run(t, "ip", "link", "add", name, "type", "bridge")
		h.NAS.Run(t, "ip", "addr", "add", fmt.Sprintf("172.18.%d.1/24", i), "dev", name)
		h.NAS.Run(t, "ip", "link", "set", name, "up")
	}
	h.NAS.Run(t, "nft", `add table inet wall; add chain inet wall out { type filter hook output priority 0; policy accept; }; add rule inet wall out oifname "docker0" drop`)
	f := find(t, h.NAS, finderConfig{Gateway: lab.RouterAddr})
	s := f.status(t, "that the router is found", isFound)
	if s.Address != lab.RouterAddr || s.Local != lab.NASAddr || s.Bridged || s.Generation == 0 {
		t.Errorf("status %+v", s)
	}
	if log := f.Log(); !strings.Contains(log, "docker0: write udp4 172.17.0.1") || !strings.Contains(log, "operation not permitted") {
		t.Error("nothing was blocked, so nothing was shown")
	}
	if a := f.ask(t); a.WAN != lab.WANAddr.String() {
		t.Errorf("the router said %+v", a)
	}
	f.end(t)
}

// Every way to the router may be the only one.
func TestForwardFindsTheRouterByOneWay(t *testing.T) {
	t.Parallel() // it waits more than it works
	for name, rule := range map[string]string{
		"multicast only": "ip daddr 192.168.77.1 udp dport 1900 drop",
		"unicast only":   "ip daddr 239.255.255.250 udp dport 1900 drop",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := withRouter(t)
			// The NAS itself cannot send that way in one, and in the other
			// the router does not hear.
			at, hook := h.Router, "input"
			if name == "multicast only" {
				at, hook = h.NAS, "output"
			}
			at.Run(t, "nft", "add table inet wall; add chain inet wall c { type filter hook "+hook+" priority 0; policy accept; }; add rule inet wall c "+rule)
			f := find(t, h.NAS, finderConfig{Gateway: lab.RouterAddr})
			if s := f.status(t, "that the router is found", isFound); s.Address != lab.RouterAddr || s.Bridged {
				t.Errorf("status %+v", s)
			}
			f.end(t)
		})
	}
}

// oldRouter puts one more router into the LAN, which is not the gateway.
func oldRouter(t *testing.T, h *lab.Home, addr string) *lab.Process {
	t.Helper()
	old := h.AddHost(t, "old", netip.MustParseAddr(addr))
	old.Run(t, "ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
	old.Run(t, "ip", "link", "set", "up1", "up")
	old.Run(t, "ip", "addr", "add", "11.99.0.1/24", "dev", "up0")
	old.Run(t, "ip", "link", "set", "up0", "up")
	old.Run(t, "nft", "add table inet filter; add chain inet filter miniupnpd; add chain inet filter prerouting_miniupnpd; add chain inet filter postrouting_miniupnpd")
	conf := filepath.Join(t.TempDir(), "old.conf")
	if err := os.WriteFile(conf, []byte(`ext_ifname=up0
listening_ip=eth0
port=5557
enable_upnp=yes
uuid=00000000-0000-4000-8000-00000000ed78
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
`), 0o644); err != nil {
		t.Fatal(err)
	}
	p := old.Start(t, "the old router", "miniupnpd", "-d", "-f", conf, "-P", filepath.Join(t.TempDir(), "pid"))
	p.WaitLog(t, lab.Patience, "HTTP listening on port")
	return p
}

func TestForwardToldOfAnotherRouter(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := withRouter(t)
	old := oldRouter(t, h, "192.168.77.254")
	f := find(t, h.NAS, finderConfig{Gateway: lab.RouterAddr})
	s := f.status(t, "that there is another router", func(s router.Status) bool { return s.Found && len(s.Others) > 0 })
	if s.Address != lab.RouterAddr || len(s.Others) != 1 || s.Others[0].Address.String() != "192.168.77.254" || !strings.Contains(s.Others[0].Server, "MiniUPnPd") {
		t.Errorf("status %+v", s)
	}
	// The first search may have found nothing on a busy machine, and a search
	// may miss the other router, so what counts is what is said in the end of
	// what is so now.
	crashed := time.Now()
	h.StopRouter(t, lab.Crash)
	f.ask(t)
	const want = ` answers as a router, but is not the default gateway; if it is the one, set router = "192.168.77.254" under [lan]`
	f.statusSince(t, crashed, "that the router is not found, and who else there is", func(s router.Status) bool {
		return !s.Found && strings.HasSuffix(s.Err, want) && strings.Contains(s.Err, "192.168.77.254 (")
	})
	f.end(t)
	if log := old.Log(); strings.Contains(log, "HTTP REQUEST from") {
		t.Errorf("the other router was spoken to:\n%s", log)
	}
	// Configured, it is the one.
	f = find(t, h.NAS, finderConfig{Gateway: netip.MustParseAddr("192.168.77.254")})
	if s := f.status(t, "that the configured router is found", isFound); s.Address.String() != "192.168.77.254" {
		t.Errorf("status %+v", s)
	}
	if !strings.Contains(old.Log(), "HTTP REQUEST from") {
		t.Error("miniupnpd does not log connections, so nothing was shown above")
	}
	f.end(t)
}

func TestForwardFromAContainerOnABridge(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := withRouter(t)
	const port = 18053
	box := container(t, h, publish{"tcp", port})
	f := find(t, box, finderConfig{
		Gateway: lab.RouterAddr, Host: lab.NASAddr, Port: port, Most: 10,
		Add: []netip.AddrPort{netip.AddrPortFrom(lab.NASAddr, 8883), netip.MustParseAddrPort("172.17.0.2:8884")},
	})
	began := time.Now()
	s := f.status(t, "that the router is found and tells its events", func(s router.Status) bool { return s.Found && s.Events.GENA.On })
	if !s.Bridged || s.Address != lab.RouterAddr || s.Local != lab.NASAddr || len(s.Others) != 0 {
		t.Errorf("status %+v", s)
	}
	t.Logf("found and subscribed within %v", time.Since(began).Round(time.Millisecond))
	// The router forwards to the NAS, which is who asks, and to nobody else.
	a := f.ask(t)
	if a.WAN != lab.WANAddr.String() || a.Adds["192.168.77.10:8883"] != "ok" || !strings.Contains(a.Adds["172.17.0.2:8884"], "718") {
		t.Errorf("the router said %+v", a)
	}
	if len(a.Table) != 1 || a.Table[0].Internal.Addr() != lab.NASAddr {
		t.Errorf("its table is %+v", a.Table)
	}
	// Its events come through the published port.
	changed := time.Now()
	h.SetWANAddress(t, netip.MustParseAddr("11.22.33.91"))
	hint := f.await(t, "that the router told of a change", func(l finderLine) bool { return l.Hint != nil && l.Hint.Kind == "gena" && l.Hint.At.After(changed) })
	t.Logf("the event came %v after the first command", hint.At.Sub(changed).Round(time.Millisecond))
	lab.Eventually(t, lab.Patience, func() error {
		if a := f.ask(t); a.WAN != "11.22.33.91" {
			return errors.New(a.WAN)
		}
		return nil
	})
	f.end(t)
}

// A real table, in both versions of the service.
func TestForwardReadsTheRoutersTable(t *testing.T) {
	t.Parallel() // it waits more than it works
	for name, line := range map[string]string{"version 2": "force_igd_desc_v1=no", "version 1": "force_igd_desc_v1=yes"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab.Require(t)
			h := lab.New(t, lab.Options{})
			h.StartRouter(t, line)
			f := find(t, h.NAS, finderConfig{Gateway: lab.RouterAddr, Most: 3})
			f.status(t, "that the router is found", isFound)
			if a := f.ask(t); a.Table != nil || a.More || a.Err != "" {
				t.Errorf("an empty table is %+v", a)
			}
			want := []string{"TCP 8883 192.168.77.10:8883 one", "TCP 9001 192.168.77.11:1883 two", "UDP 9002 192.168.77.11:5000 three"}
			add := func(host *lab.Host, name, external, internal, protocol string) {
				t.Helper()
				host.Run(t, "upnpc", "-m", "eth0", "-e", name, "-a", host.Addr.String(), internal, external, protocol, "600")
			}
			add(h.NAS, "one", "8883", "8883", "TCP")
			add(h.Pi, "two", "9001", "1883", "TCP")
			add(h.Pi, "three", "9002", "5000", "UDP")
			a := f.ask(t)
			var got []string
			for _, m := range a.Table {
				got = append(got, fmt.Sprintf("%s %d %s %s", m.Protocol, m.ExternalPort, m.Internal, m.Description))
				if m.Lease < 400*time.Second || m.Lease > 600*time.Second || !m.Enabled {
					t.Errorf("entry %+v", m)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) || a.More || a.Err != "" {
				t.Errorf("got %q, %t, %s, want %q", got, a.More, a.Err, want)
			}
			add(h.Pi, "four", "9003", "5001", "TCP")
			if a := f.ask(t); len(a.Table) != 3 || !a.More || a.Err != "" {
				t.Errorf("a table too long is %+v", a)
			}
			f.end(t)
		})
	}
}
