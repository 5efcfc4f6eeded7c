//go:build linux

package lab_test

// Breaking the home's network: loopback, DNS, devices.

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/test/lab"
)

// nobodyAddr is an address of the LAN that no host has, publicAddr a DNS server
// somewhere in the world.
var (
	nobodyAddr = netip.MustParseAddr("192.168.77.99")
	publicAddr = netip.MustParseAddr("9.9.9.9")
)

// resolvedHome is commonHome with a daemon that asks a resolver which nothing
// else does.
func resolvedHome(t *testing.T) *faulty {
	t.Helper()
	h := newHome(t, lab.DuckDNSName)
	resolver := h.StartUnbound(t)
	text := replaceLine(t, h.EdgeguardConfig(t, lab.EdgeguardOptions{Provider: "duckdns"}), "upstreams = ", fmt.Sprintf("upstreams = [%q]", resolver.Addr))
	f := wellHome(t, h, h.StartEdgeguard(t, lab.EdgeguardOptions{Config: text}))
	f.resolver = resolver
	return f
}

// handing starts a DHCP server on each host that hands out these DNS servers,
// and has the daemon begin anew, as it asks at its start; and so when they end.
func handing(servers map[*lab.Host][]netip.Addr, t *testing.T, h *faulty) func() {
	var running []*lab.Process
	for host, list := range servers {
		first := 100
		if host == h.Pi {
			first = 120
		}
		running = append(running, host.StartDHCP(t, dnsServer(list...), lab.DHCPRange(first)))
	}
	h.restart()
	return func() {
		for _, p := range running {
			p.Kill()
		}
		h.restart()
	}
}

// askWorld has the phone ask for names of the world, as phones do all the time;
// who asks makes them others than before.
func (f *faulty) askWorld(who string) {
	for i := range 3 {
		_, _ = f.Phone.Ask(lab.NASAddr, fmt.Sprintf("%s-%d.example.com", who, i), dns.TypeA)
	}
}

// unasked has the daemon begin anew while no device asks.
func (f *faulty) unasked() {
	f.t.Helper()
	f.d.Stop(f.t)
	f.d.Start(f.t)
}

var _ = addBreakings(map[string]breaking{
	"hairpin-dropped": {do: func(_ *testing.T, h *faulty) func() {
		h.Router.Run(h.t, "nft", fmt.Sprintf("add table ip hole; add chain ip hole in { type filter hook input priority 0; }; add rule ip hole in iifname br0 ip daddr %s tcp dport %d drop",
			h.WANAddress(), lab.BrokerPort))
		h.restart()
		return func() {
			h.Router.Run(h.t, "nft", "delete table ip hole")
			h.restart()
		}
	}},
	"dns-upstream-dead": {group: "dns", home: resolvedHome, do: func(_ *testing.T, h *faulty) func() {
		h.resolver.Kill()
		h.askWorld("dead")
		return func() { h.resolver.Start(h.t) }
	}},
	"dns-upstream-refuses": {group: "dns", home: resolvedHome, do: func(t *testing.T, h *faulty) func() {
		liar := h.StartLiar(t, h.Pi, netip.MustParseAddr("192.168.77.40"))
		liar.Tell(lab.Refused)
		mend := reconfigure(func(text string) string {
			return replaceLine(t, text, "upstreams = ", fmt.Sprintf("upstreams = [%q]", liar.Addr))
		})(t, h)
		h.askWorld("refused")
		return func() {
			mend()
			h.asked()
		}
	}},
	"dns-listen-elsewhere": {group: "dns", home: resolvedHome, do: func(t *testing.T, h *faulty) func() {
		mend := reconfigure(func(text string) string {
			return strings.Replace(text, "[dns]\n", fmt.Sprintf("[dns]\nlisten = [\"%s:53\"]\n", nobodyAddr), 1)
		})(t, h)
		return func() {
			mend()
			h.asked()
		}
	}},
	"clients-nobody": {do: func(_ *testing.T, h *faulty) func() {
		h.unasked()
		return h.asked
	}},
	"clients-nobody-though-told": {do: func(t *testing.T, h *faulty) func() {
		server := h.Router.StartDHCP(t, dnsServer(lab.NASAddr), lab.DHCPRange(100))
		h.unasked()
		return func() {
			h.asked()
			server.Kill()
		}
	}},
	// Who corrects the DHCP is told so without a start anew.
	"clients-dhcp-router": {do: func(t *testing.T, h *faulty) func() {
		server := h.Router.StartDHCP(t, dnsServer(lab.RouterAddr), lab.DHCPRange(100))
		h.restart()
		return func() {
			server.Kill()
			h.Router.StartDHCP(t, dnsServer(lab.NASAddr), lab.DHCPRange(100))
		}
	}},
	"clients-dhcp-beside": {group: "clients-2", do: func(t *testing.T, h *faulty) func() {
		return handing(map[*lab.Host][]netip.Addr{h.Router: {lab.NASAddr, publicAddr}}, t, h)
	}},
	"clients-dhcp-none": {group: "clients-2", do: func(t *testing.T, h *faulty) func() {
		return handing(map[*lab.Host][]netip.Addr{h.Router: nil}, t, h)
	}},
	"clients-dhcp-two": {group: "clients-2", do: func(t *testing.T, h *faulty) func() {
		return handing(map[*lab.Host][]netip.Addr{h.Router: {lab.NASAddr}, h.Pi: {publicAddr}}, t, h)
	}},
	"clients-rdnss": {alone: true, do: func(t *testing.T, h *faulty) func() {
		h.GiveIPv6(t)
		h.Announce(t, lab.HomePrefix, 7200e9, 3600e9) // the router has an address in it from now on
		server := h.Router.StartDHCP(t, dnsServer(lab.NASAddr), lab.DHCPRange(100), "--enable-ra", "--dhcp-range=::,constructor:br0,ra-only",
			fmt.Sprintf("--dhcp-option=option6:dns-server,[%s]", lab.HomePrefix.Addr().Next()))
		h.restart()
		return func() {
			server.Kill()
			h.restart()
		}
	}},
})
