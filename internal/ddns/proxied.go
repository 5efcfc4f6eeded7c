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

// behindCloudflare reports whether addrs are addresses of Cloudflare's proxy,
// all of them and at least one.
func behindCloudflare(addrs []netip.Addr) bool {
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(addr netip.Addr) bool { return !fact.IsCloudflare(addr) })
}
