package ddns

// Recognising Cloudflare's proxy in front of a record.

import (
	"net/netip"
	"slices"
)

// cloudflareRanges are the IPv4 addresses of Cloudflare's proxy, as listed at
// https://www.cloudflare.com/ips-v4 (unchanged since 2021).
var cloudflareRanges = [...]netip.Prefix{
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

// behindCloudflare reports whether addrs are addresses of Cloudflare's proxy,
// all of them and at least one.
func behindCloudflare(addrs []netip.Addr) bool {
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(addr netip.Addr) bool {
		return !slices.ContainsFunc(cloudflareRanges[:], func(p netip.Prefix) bool { return p.Contains(addr) })
	})
}
