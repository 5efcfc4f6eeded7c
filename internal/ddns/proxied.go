package ddns

// Recognising Cloudflare's proxy in front of a record.

import (
	"net/netip"
	"slices"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// proxier is a provider that can say whether the record that it wrote last
// hides behind its proxy.
type proxier interface{ Proxied() bool }

// cloudflareV6 are the IPv6 networks of Cloudflare's proxy, as published at
// https://www.cloudflare.com/ips-v6.
var cloudflareV6 = []netip.Prefix{
	netip.MustParsePrefix("2400:cb00::/32"),
	netip.MustParsePrefix("2405:8100::/32"),
	netip.MustParsePrefix("2405:b500::/32"),
	netip.MustParsePrefix("2606:4700::/32"),
	netip.MustParsePrefix("2803:f800::/32"),
	netip.MustParsePrefix("2a06:98c0::/29"),
	netip.MustParsePrefix("2c0f:f248::/32"),
}

// behindCloudflare reports whether addrs are addresses of Cloudflare's proxy,
// all of them and at least one.
func behindCloudflare(addrs []netip.Addr) bool {
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(addr netip.Addr) bool {
		return !fact.IsCloudflare(addr) && !slices.ContainsFunc(cloudflareV6, func(p netip.Prefix) bool { return p.Contains(addr) })
	})
}
