package wan

// Which IPv4 addresses can be the public address of a home, and what the others
// are.

import (
	"net/netip"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// class is what kind of address one is, as far as publishing it goes.
type class uint8

const (
	// classPublic addresses may be published.
	classPublic class = iota
	classInvalid
	classLAN        // in a prefix of the home's own networks
	classPrivate    // RFC 1918
	classCGNAT      // RFC 6598
	classCloudflare // a proxy's, never a home's
	classReserved   // everything else that is nobody's: see reserved
)

// String completes "… is …".
func (c class) String() string {
	switch c {
	case classPublic:
		return "a public address"
	case classLAN:
		return "an address of the home's own network"
	case classPrivate:
		return "a private address (RFC 1918)"
	case classCGNAT:
		return "an address of a provider's shared network (100.64.0.0/10, RFC 6598)"
	case classCloudflare:
		return "an address of Cloudflare, which proxies and intercepting resolvers answer with"
	case classReserved:
		return "a reserved address that nobody on the internet can have"
	default:
		return "no IPv4 address"
	}
}

var (
	private = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
	dsLite  = netip.MustParsePrefix("192.0.0.0/29") // RFC 6333, section 5.7

	// reserved is the rest of IANA's special-purpose registry (RFC 6890 and
	// its updates) that is not globally reachable, multicast, and class E.
	reserved = prefixes(
		"0.0.0.0/8",       // this network, RFC 791
		"127.0.0.0/8",     // loopback, RFC 1122
		"169.254.0.0/16",  // link-local, RFC 3927
		"192.0.0.0/24",    // IETF protocol assignments, DS-Lite among them, RFC 6333
		"192.0.2.0/24",    // documentation, RFC 5737
		"192.88.99.0/24",  // 6to4 relays, deprecated by RFC 7526
		"198.18.0.0/15",   // benchmarks, RFC 2544; DNS hijackers' favourite
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"224.0.0.0/4",     // multicast, RFC 5771
		"240.0.0.0/4",     // reserved and broadcast, RFC 1112
	)

	// cloudflareResolvers are what an echo service sees of those who ask it
	// through Cloudflare's own client.
	cloudflareResolvers = prefixes("1.0.0.0/24", "1.1.1.0/24")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// classify says what addr is. own are the prefixes of the home's networks; a
// prefix that holds every address says nothing and is passed over.
func classify(addr netip.Addr, own []netip.Prefix) class {
	addr = addr.Unmap()
	if !addr.Is4() {
		return classInvalid
	}
	for _, p := range own {
		if p.Bits() > 0 && p.Contains(addr) {
			return classLAN
		}
	}
	switch {
	case contains(private, addr):
		return classPrivate
	case fact.IsShared(addr):
		return classCGNAT
	case contains(reserved, addr):
		return classReserved
	case fact.IsCloudflare(addr), contains(cloudflareResolvers, addr):
		return classCloudflare
	default:
		return classPublic
	}
}

func contains(list []netip.Prefix, addr netip.Addr) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// reversed is addr with its four octets the other way round, as some routers'
// firmware gives its address.
func reversed(addr netip.Addr) netip.Addr {
	b := addr.As4()
	return netip.AddrFrom4([4]byte{b[3], b[2], b[1], b[0]})
}
