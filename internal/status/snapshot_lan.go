package status

// The snapshot's LAN: which DNS servers its devices are told of.

import (
	"net/netip"
	"time"
)

// LAN is what the LAN tells its devices, and what they do.
type LAN struct {
	// DHCP are the DHCP servers that answered; nil while nobody asked, [] where
	// none answers.
	DHCP []DHCPServer `json:"dhcp"`
	// Advertisements are the IPv6 routers that were heard; nil while nobody
	// listens.
	Advertisements []Advertisement `json:"advertisements"`
	// ThroughRouter are devices that reach a service through the router and
	// not directly; nil where that cannot be seen.
	ThroughRouter []netip.Addr `json:"through_router"`
	// PrivateDNS are devices that seem to ask another server in a private way.
	PrivateDNS []PrivateDNS `json:"private_dns"`
	CheckedAt  *time.Time   `json:"checked_at"`
	LastError  *string      `json:"last_error"`
}

// DHCPServer is one that hands out addresses in the LAN.
type DHCPServer struct {
	Address netip.Addr `json:"address"`
	// DNS are the servers that it tells devices of, in its order.
	DNS []netip.Addr `json:"dns"`
	// Ours is whether all of DNS are us.
	Ours    bool        `json:"ours"`
	Domain  *string     `json:"domain"`
	Gateway *netip.Addr `json:"gateway"`
}

// Advertisement is what an IPv6 router told all (RFC 4861, RFC 8106).
type Advertisement struct {
	Router netip.Addr `json:"router"`
	// DNS are the servers of its RDNSS option.
	DNS []netip.Addr `json:"dns"`
	// Ours is whether all of DNS are us; true where there are none.
	Ours bool `json:"ours"`
	// Other is whether devices are to ask DHCPv6 for their DNS servers.
	Other bool `json:"other"`
}

// PrivateDNS is a device that seems to have its own idea of DNS.
type PrivateDNS struct {
	Address netip.Addr `json:"address"`
	// Server is the name of the server that it was seen to look for.
	Server string     `json:"server"`
	At     *time.Time `json:"at"`
}
