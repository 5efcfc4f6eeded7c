package handed

// What is known, as others read it.

import (
	"net/netip"
	"reflect"
	"time"

	"github.com/edgeguard/edgeguard/internal/lan/dhcp"
	"github.com/edgeguard/edgeguard/internal/lan/radv"
)

// Status is what is known. It is immutable. The zero Status means that nobody
// has looked yet.
type Status struct {
	// Local is this host's address in the LAN, Router the router's; the zero Addr
	// while unknown. Own are all addresses that mean this host.
	Local, Router netip.Addr
	Own           []netip.Addr
	// Boxed is whether this host may be a container on a bridge, where the LAN's
	// DHCP is not heard.
	Boxed bool
	// DHCP are the servers that answered, by address; nil while that is unknown,
	// empty where none answers. DHCPError says in words why they could not be
	// asked, or not this time; empty where they could.
	DHCP      []dhcp.Server
	DHCPError string
	// Routers are the IPv6 routers that were heard, by address; nil while nobody
	// listens. RoutersError says why nobody does.
	Routers      []radv.Advertisement
	RoutersError string
	// ThroughRouter are the addresses behind which devices reach a service
	// through the router: the router's own, as it stands in for them; nil where
	// that cannot be seen.
	ThroughRouter []netip.Addr
	// CheckedAt is when the DHCP servers were asked last; zero while they were
	// not.
	CheckedAt time.Time
}

// Equal reports whether two statuses say the same.
func (s Status) Equal(o Status) bool { return reflect.DeepEqual(s, o) }

// Ours reports whether addr means this host.
func (s Status) Ours(addr netip.Addr) bool {
	for _, own := range s.Own {
		if own == addr.Unmap().WithZone("") {
			return true
		}
	}
	return false
}
