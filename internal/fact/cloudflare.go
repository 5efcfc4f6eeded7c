package fact

import (
	"net/netip"
	"slices"
)

// cloudflare are the IPv4 networks of Cloudflare's proxy, as published at
// https://www.cloudflare.com/ips-v4 (unchanged since 2021).
var cloudflare = []netip.Prefix{
	netip.MustParsePrefix("103.21.244.0/22"),
	netip.MustParsePrefix("103.22.200.0/22"),
	netip.MustParsePrefix("103.31.4.0/22"),
	netip.MustParsePrefix("104.16.0.0/13"),
	netip.MustParsePrefix("104.24.0.0/14"),
	netip.MustParsePrefix("108.162.192.0/18"),
	netip.MustParsePrefix("131.0.72.0/22"),
	netip.MustParsePrefix("141.101.64.0/18"),
	netip.MustParsePrefix("162.158.0.0/15"),
	netip.MustParsePrefix("172.64.0.0/13"),
	netip.MustParsePrefix("173.245.48.0/20"),
	netip.MustParsePrefix("188.114.96.0/20"),
	netip.MustParsePrefix("190.93.240.0/20"),
	netip.MustParsePrefix("197.234.240.0/22"),
	netip.MustParsePrefix("198.41.128.0/17"),
}

// IsCloudflare reports whether addr, an IPv4 address, is one of Cloudflare's
// proxy: no house has it, so a record that holds it is proxied, and an echo
// service that says it was asked through a tunnel. It is false for IPv6 and
// for an invalid address.
func IsCloudflare(addr netip.Addr) bool {
	return slices.ContainsFunc(cloudflare, func(p netip.Prefix) bool { return p.Contains(addr) })
}
