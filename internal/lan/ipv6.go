package lan

// Which of the host's IPv6 addresses the world may be told.

import (
	"errors"
	"math"
	"net/netip"
	"slices"
	"time"
)

// Forever is the lifetime of an address that does not end by itself.
const Forever = time.Duration(math.MaxInt64)

// ErrNoIPv6Route means that the host has no IPv6 default route: the router does
// not offer IPv6, or has not yet.
var ErrNoIPv6Route = errors.New("this host has no IPv6 default route: the router offers no IPv6, or has not yet")

// IPv6Addr is a global IPv6 address of this host. It is immutable.
type IPv6Addr struct {
	// Addr is the address, without a zone.
	Addr netip.Addr
	// Bits is the length of its prefix on the interface: 64 by SLAAC, often 128
	// by DHCPv6.
	Bits int
	// Preferred is how long new connections may still use it; Forever where it
	// does not end.
	Preferred time.Duration
	// Stable is whether it stays the same while its prefix does: written by
	// hand, or made of the hardware's address or of a secret (RFC 7217).
	Stable bool
}

const (
	// lifeSlack is by how much the lifetimes of two addresses in use may
	// differ, as routers renew them at different moments; one that lies further
	// behind is no longer renewed.
	lifeSlack = time.Hour
	// maxIPv6Addrs bounds how many are given.
	maxIPv6Addrs = 32
)

// ranked puts addresses that are still renewed first, of these the stable ones,
// and leaves the order otherwise the same from one call to the next.
func ranked(list []IPv6Addr) []IPv6Addr {
	most := time.Duration(0)
	for _, a := range list {
		most = max(most, a.Preferred)
	}
	rank := func(a IPv6Addr) int {
		r := 0
		if a.Preferred < most-lifeSlack {
			r += 2
		}
		if !a.Stable {
			r++
		}
		return r
	}
	slices.SortFunc(list, func(a, b IPv6Addr) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return a.Addr.Compare(b.Addr)
	})
	return list[:min(len(list), maxIPv6Addrs)]
}

// isEUI64 reports whether the lower half is made of a hardware address
// (RFC 4291, appendix A).
func isEUI64(addr netip.Addr) bool {
	b := addr.As16()
	return b[11] == 0xff && b[12] == 0xfe
}
