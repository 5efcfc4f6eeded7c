//go:build linux

package lab

// The router's events, kept from a host.

import (
	"fmt"
	"testing"
)

// BlockRouterEvents keeps from a host all that the router says unasked, as a
// firewall on a NAS or the network of a container does: connections from the
// router (GENA, UPnP device architecture, section 4), its announcements to port
// 5350 (RFC 6886, section 3.2.1; RFC 6887, section 14.1), and SSDP by multicast.
// Answers to what the host asks come through, and so do connections to the
// status page, whose port is open to the LAN.
func (h *Host) BlockRouterEvents(t testing.TB) {
	t.Helper()
	for _, rule := range []string{
		"add table inet noevents",
		"add chain inet noevents input { type filter hook input priority 0; }",
		fmt.Sprintf("add rule inet noevents input ip saddr %s tcp dport != %d tcp flags & (syn | ack) == syn counter drop", RouterAddr, StatusPort),
		"add rule inet noevents input udp dport 5350 counter drop",
		"add rule inet noevents input ip daddr 239.255.255.250 udp dport 1900 counter drop",
	} {
		h.Run(t, "nft", rule)
	}
}
