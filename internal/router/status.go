package router

// What is known of the router, for the status page and for those who must act
// when it is another one.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Status is what is known of the router. It is immutable.
type Status struct {
	// Found is whether a router that speaks UPnP-IGD is known now.
	Found bool
	// Address is the router's LAN address; the zero Addr unless Found, or
	// where it answers by NAT-PMP or PCP.
	Address netip.Addr
	// Local is our own address toward it; zero where Address is.
	Local netip.Addr
	// Speaks are those of PCP and NAT-PMP, in this order, in which the router
	// has answered when it was last asked; nil where it has not, or was not
	// asked. A refusal is an answer.
	Speaks []fact.Method
	// SpeaksIPv6 is the IPv6 default router, with its zone, where it has
	// answered in PCP over IPv6; zero where it has not, or was not asked.
	SpeaksIPv6 netip.Addr
	// Manufacturer, Model and UDN are the router's own words, cut and cleaned.
	Manufacturer, Model, UDN string
	// Generation grows whenever what is kept on the router may be gone, so
	// that whoever keeps something there looks after it: when a router is found,
	// and when the one that is known is found at another place or in another
	// boot, by another name or on another of its connections; when it was lost
	// in a call or has forgotten our subscription, and is there again; when it
	// said goodbye and came back, or its epoch started anew, which a router
	// without a BOOTID may have no other sign of; while Run runs, with another
	// gateway and another address of ours toward it; and where no router speaks UPnP-IGD, when one begins
	// to answer in PCP or NAT-PMP, when its epoch starts anew (RFC 6887,
	// section 8.5; RFC 6886, section 3.6), and when it announces itself. Under
	// a flood of forged announcements that is five times at once, and then once
	// a minute. A router whose epoch starts anew with every answer has no
	// clock: then that is no sign any more.
	Generation uint64
	// FoundAt is when the router was discovered as it is now; zero unless
	// Found.
	FoundAt time.Time
	// Err is why there is none, in words; empty when Found or not yet tried.
	Err string
	// Others are other hosts in the LAN that answered the search as routers, by
	// address; nothing is ever asked of them. Nil where there were none.
	Others []Other
	// Bridged is whether the router is not in a network of ours, as for a
	// container on a bridge: what it tells all hosts by multicast is not heard
	// here then.
	Bridged bool
	// Events are the event sources that Run listens to.
	Events EventSources
}

// Other is a host that says it is a router, too.
type Other struct {
	// Address is where its answer came from.
	Address netip.Addr
	// Server is what it calls itself in its answer, cut and cleaned; may be
	// empty.
	Server string
}
