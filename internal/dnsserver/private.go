package dnsserver

// Devices that have their own idea of DNS: they ask us for the name of a server
// that speaks DNS over TLS, and then ask that server.

import (
	"cmp"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// privateServers are the host names that public resolvers give for Android's
// "Private DNS provider hostname", by their own set-up pages, and the names
// above those that are a customer's own. A device asks for it in the clear, as
// it must be found first (RFC 8310, section 7.1), and again when it joins the
// network. Names of services that browsers use over HTTPS alone are not here:
// a browser asks us for the rest of its names as before.
var privateServers = []string{
	// developers.google.com/speed/public-dns/docs/dns-over-tls
	"dns.google",
	// developers.cloudflare.com/1.1.1.1/setup/android
	"one.one.one.one", "1dot1dot1dot1.cloudflare-dns.com", "security.cloudflare-dns.com", "family.cloudflare-dns.com",
	// docs.quad9.net/Setup_Guides/Android
	"dns.quad9.net", "dns9.quad9.net", "dns10.quad9.net", "dns11.quad9.net",
	// adguard-dns.io/public-dns.html; d.adguard-dns.com has a name for each customer
	"dns.adguard-dns.com", "dns.adguard.com", "unfiltered.adguard-dns.com", "family.adguard-dns.com", "d.adguard-dns.com",
	// help.nextdns.io; a name for each customer
	"dns.nextdns.io",
	// controld.com/free-dns; dns.controld.com has a name for each customer
	"freedns.controld.com", "dns.controld.com",
	// mullvad.net/help/dns-over-https-and-dns-over-tls
	"dns.mullvad.net", "adblock.dns.mullvad.net", "base.dns.mullvad.net", "extended.dns.mullvad.net", "family.dns.mullvad.net", "all.dns.mullvad.net",
	// joindns4.eu/for-public
	"joindns4.eu",
	// www.dns0.eu, dnsforge.de, dismail.de/info.html, digitalcourage.de
	"dns0.eu", "dnsforge.de", "fdns1.dismail.de", "dns3.digitalcourage.de",
	// cleanbrowsing.org/filters, www.opendns.com
	"security-filter-dns.cleanbrowsing.org", "family-filter-dns.cleanbrowsing.org", "adult-filter-dns.cleanbrowsing.org",
	"dns.opendns.com", "dns.umbrella.com",
}

const (
	// privateQuiet is for how long a device must have asked next to nothing
	// before it is taken for one that asks elsewhere, privateFew how many
	// questions are next to nothing: what Android asks of a network before its
	// server is found.
	privateQuiet = 5 * time.Minute
	privateFew   = 8
	// privateFor is for how long that is said of it.
	privateFor    = 24 * time.Hour
	privateListed = 64
)

// elsewhereMark is the last time that a client looked for such a server.
type elsewhereMark struct {
	at     atomic.Int64  // Unix time in nanoseconds; 0: never
	server atomic.Uint32 // in privateServers
	before atomic.Uint64 // the client's questions until then
}

// looksElsewhere notes that the client asks for the address of a server of
// privateServers. It allocates nothing.
func (c *caller) looksElsewhere(p policy, qtype uint16, now time.Time) {
	if c.client == nil || qtype != wire.TypeA && qtype != wire.TypeAAAA {
		return
	}
	m := &c.client.elsewhere
	m.server.Store(uint32(p - elsewhere))
	m.before.Store(c.client.queries.Load() + c.questions)
	m.at.Store(now.UnixNano())
}

// private lists the clients that looked for another server and have been quiet
// since, the latest first; many leaves out what is not one device.
func (c *clients) private(now time.Time, many func(netip.Addr) bool) (list []PrivateClient) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		for a, one := range s.seen {
			m := &one.elsewhere
			nanos := m.at.Load()
			if nanos == 0 {
				continue
			}
			at := time.Unix(0, nanos)
			ago, since := now.Sub(at), int64(one.queries.Load()-m.before.Load())
			if ago < privateQuiet || ago >= privateFor || since > privateFew {
				continue
			}
			list = append(list, PrivateClient{Address: a, Server: privateServers[m.server.Load()], At: at})
		}
		s.mu.RUnlock()
	}
	list = slices.DeleteFunc(list, func(p PrivateClient) bool { return many(p.Address) })
	slices.SortFunc(list, func(a, b PrivateClient) int { return cmp.Or(b.At.Compare(a.At), a.Address.Compare(b.Address)) })
	return list[:min(len(list), privateListed)]
}
