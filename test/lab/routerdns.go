//go:build linux

package lab

// dnsmasq, in its two usual places: in the router, knowing the names of the
// house; and on a device, asking us for everything.

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// What the router's dnsmasq knows.
const (
	// RouterZone is the domain of the house's own devices.
	RouterZone = "lan"
	// RouterReverseZone is the reverse zone of the LAN.
	RouterReverseZone = "77.168.192.in-addr.arpa"
	// PrinterName is a device that only the router knows, at PrinterAddr.
	PrinterName = "printer.lan"
)

// PrinterAddr is what PrinterName means.
var PrinterAddr = netip.MustParseAddr("192.168.77.30")

// StartRouterDNS starts dnsmasq in the router, on RouterAddr, as most routers
// run it. What it does not know it asks of upstream.
func (h *Home) StartRouterDNS(t testing.TB, upstream netip.Addr) *Process {
	t.Helper()
	p := h.Router.dnsmasq(t, RouterAddr,
		"--server="+upstream.String(), "--local=/"+RouterZone+"/", "--bogus-priv",
		"--host-record="+PrinterName+","+PrinterAddr.String(),
		"--cname=scanner."+RouterZone+","+PrinterName)
	Eventually(t, Patience, h.Router.WantA(RouterAddr, PrinterName, PrinterAddr))
	return p
}

// StartForwarder starts dnsmasq on a host's loopback address as a device does
// that has a cache of its own: it asks server for everything.
func (h *Host) StartForwarder(t testing.TB, server netip.Addr, args ...string) *Process {
	t.Helper()
	return h.StartDnsmasq(t, Loopback, append([]string{"--server=" + server.String()}, args...)...)
}

// StartDnsmasq starts dnsmasq on one address of the host, knowing nothing, and
// waits until it answers.
func (h *Host) StartDnsmasq(t testing.TB, listen netip.Addr, args ...string) *Process {
	t.Helper()
	p := h.dnsmasq(t, listen, args...)
	Eventually(t, Patience, func() error {
		if p.Ended() {
			return fmt.Errorf("dnsmasq has ended: %s", p.Log())
		}
		_, err := h.Ask(listen, "localhost", dns.TypeA)
		return err
	})
	return p
}

// Loopback is where a host's own forwarder listens.
var Loopback = netip.MustParseAddr("127.0.0.1")

// dnsmasq starts it on one address, knowing nothing.
func (h *Host) dnsmasq(t testing.TB, listen netip.Addr, args ...string) *Process {
	t.Helper()
	return h.Start(t, "dnsmasq", append([]string{"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
		"--no-resolv", "--no-hosts", "--bind-interfaces", "--listen-address=" + listen.String(),
		"--user=root", "--pid-file=", "--log-queries", "--log-facility=-"}, args...)...)
}
