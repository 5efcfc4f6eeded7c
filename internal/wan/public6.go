package wan

// Which IPv6 addresses can be the public address of a host at home.

import (
	"net/netip"

	"github.com/edgeguard/edgeguard/internal/fact"
)

var (
	// global is what IANA has given out for unicast (RFC 4291, section 2.5.4):
	// all else is link-local, unique local, multicast, site-local, NAT64 or
	// nobody's.
	global = netip.MustParsePrefix("2000::/3")

	// reserved6 is what in global is no host's of its own, by IANA's
	// special-purpose registry (RFC 6890 and its updates).
	reserved6 = prefixes(
		"2001::/23",     // IETF protocol assignments: Teredo, benchmarks, ORCHID, AMT, AS112
		"2001:db8::/32", // documentation, RFC 3849
		"2002::/16",     // 6to4, which no home should be reached by (RFC 7526)
		"2620:4f:8000::/48",
		"3fff::/20", // documentation, RFC 9637
	)
)

// classify6 says what addr is, as far as publishing it in an AAAA record goes.
func classify6(addr netip.Addr) class {
	switch {
	case !addr.Is6() || addr.Is4In6() || addr.Zone() != "":
		return classInvalid
	case addr.IsPrivate():
		return classPrivate
	case !global.Contains(addr), contains(reserved6, addr):
		return classReserved
	case fact.IsCloudflare(addr):
		return classCloudflare
	default:
		return classPublic
	}
}

// subnet is the /64 in which addr lies.
func subnet(addr netip.Addr) netip.Prefix {
	p, err := addr.Prefix(64)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
