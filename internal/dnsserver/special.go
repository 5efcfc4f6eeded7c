package dnsserver

// Special-use names, which are answered without asking anybody.

import (
	"net/netip"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// policy is what is done with a special-use name and all names below it.
type policy uint8

const (
	// deny answers NXDOMAIN.
	deny policy = iota + 1
	// denyButDS does so, but for the DS record of the name itself, with which
	// the world proves that the name is nobody's.
	denyButDS
	// empty answers NODATA.
	empty
	// loopback answers with the loopback addresses.
	loopback
	// loopbackPointer is the reverse name of a loopback address.
	loopbackPointer
	// elsewhere is the first of those that are answered as all other names are:
	// the name of a server that phones ask in a private way, of which is noted
	// who looks for it. It stands for privateServers[0], the next one for the
	// next server.
	elsewhere
)

// specialTTL is for how many seconds clients may keep these answers: not long,
// as an override may stand under such a name tomorrow.
const specialTTL = 60

// alwaysSpecial are the special-use names that no config changes. Names that
// are none here on purpose: ipv4only.arpa (RFC 7050; its addresses are public
// facts, and only a network with DNS64 answers otherwise), .internal (reserved
// for private use, so that a resolver behind us may well know such names), the
// reverse zones of 100.64.0.0/10 (the provider's network, RFC 6598), and
// .example (RFC 6761, section 6.5, asks nothing of resolvers).
var alwaysSpecial = map[policy][]string{
	deny: {
		"local",           // RFC 6762, section 22.1
		"invalid", "test", // RFC 6761, sections 6.4 and 6.2
		"onion", // RFC 7686, section 2
		"alt",   // RFC 9476, section 3.2: not names of the DNS at all
		// RFC 6303, section 4: reverse zones of private and special addresses.
		"10.in-addr.arpa", "16.172.in-addr.arpa", "17.172.in-addr.arpa", "18.172.in-addr.arpa",
		"19.172.in-addr.arpa", "20.172.in-addr.arpa", "21.172.in-addr.arpa", "22.172.in-addr.arpa",
		"23.172.in-addr.arpa", "24.172.in-addr.arpa", "25.172.in-addr.arpa", "26.172.in-addr.arpa",
		"27.172.in-addr.arpa", "28.172.in-addr.arpa", "29.172.in-addr.arpa", "30.172.in-addr.arpa",
		"31.172.in-addr.arpa", "168.192.in-addr.arpa", "0.in-addr.arpa", "127.in-addr.arpa",
		"254.169.in-addr.arpa", "2.0.192.in-addr.arpa", "100.51.198.in-addr.arpa",
		"113.0.203.in-addr.arpa", "255.255.255.255.in-addr.arpa",
		wire.ReverseName(netip.IPv6Unspecified()), "d.f.ip6.arpa",
		"8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa",
		"8.b.d.0.1.0.0.2.ip6.arpa",
	},
	denyButDS:       {"home.arpa"},     // RFC 8375, section 4
	empty:           {"resolver.arpa"}, // RFC 9462, section 6.4
	loopback:        {"localhost"},     // RFC 6761, section 6.3
	loopbackPointer: {"1.0.0.127.in-addr.arpa", wire.ReverseName(netip.IPv6Loopback())},
}

// Names that programs ask for to learn whether they may bypass this server.
var (
	// canaries: NXDOMAIN keeps Firefox from choosing a resolver by itself.
	canaries = []string{"use-application-dns.net"}
	// relays: NXDOMAIN turns iCloud Private Relay off in this network.
	relays = []string{"mask.icloud.com", "mask-h2.icloud.com"}
)

// newSpecials returns the special-use names of one config.
func newSpecials(cfg Config) *suffixes[policy] {
	byKey := make(map[string]policy)
	add := func(p policy, names []string) {
		for _, name := range names {
			packed, err := wire.PackName(name)
			if err != nil {
				panic(err) // a mistake in the lists above
			}
			byKey[string(packed)] = p
		}
	}
	for i, server := range privateServers {
		add(elsewhere+policy(i), []string{server})
	}
	for p, names := range alwaysSpecial {
		add(p, names)
	}
	if !cfg.NoCanary {
		add(deny, canaries)
	}
	if cfg.BlockPrivateRelay {
		add(deny, relays)
	}
	return newSuffixes(byKey)
}

var (
	loopback4     = mustSet(wire.NewAddrs(specialTTL, netip.AddrFrom4([4]byte{127, 0, 0, 1})))
	loopback6     = mustSet(wire.NewAddrs(specialTTL, netip.IPv6Loopback()))
	localhostName = mustSet(wire.NewRRset(wire.TypePTR, specialTTL, []byte("\x09localhost\x00")))
)

// mustSet returns set, which is right or a mistake above.
func mustSet(set *wire.RRset, err error) *wire.RRset {
	if err != nil {
		panic(err)
	}
	return set
}

// answerSpecial appends the answer to q if its name is a special-use name, and
// otherwise reports false. n is the zone's node for the name, or nil; a name
// above one of the zone's or above a forwarded zone is never denied. A zone
// that is forwarded comes first, unless the special-use name is the longer.
func (r *rules) answerSpecial(dst []byte, q *wire.Question, n *zone.Node, limit int) ([]byte, bool) {
	p, skip, apex, special := r.specials.find(q, 0)
	if !special || p >= elsewhere {
		return dst, false
	}
	return r.answerAs(dst, q, n, p, skip, apex, limit)
}

// answerAs is answerSpecial where p, skip and apex were found already.
func (r *rules) answerAs(dst []byte, q *wire.Question, n *zone.Node, p policy, skip, apex, limit int) ([]byte, bool) {
	if f, at := r.forwards.find(q); f != nil && at <= skip {
		return dst, false
	}
	switch {
	case p == denyButDS && q.Type == wire.TypeDS && apex == 0:
		return dst, false
	case p == deny || p == denyButDS:
		if n == nil && !r.forwards.reaches(q) {
			return wire.AppendNegative(dst, q, wire.NXDomain, apex, specialTTL), true
		}
	case p == loopback && (q.Type == wire.TypeA || q.Type == wire.TypeANY):
		return wire.AppendRRset(dst, q, nil, loopback4, limit), true
	case p == loopback && q.Type == wire.TypeAAAA:
		return wire.AppendRRset(dst, q, nil, loopback6, limit), true
	case p == loopbackPointer && apex != 0:
		return wire.AppendNegative(dst, q, wire.NXDomain, apex, specialTTL), true
	case p == loopbackPointer && (q.Type == wire.TypePTR || q.Type == wire.TypeANY):
		return wire.AppendRRset(dst, q, nil, localhostName, limit), true
	}
	return wire.AppendNegative(dst, q, wire.NoError, apex, specialTTL), true
}
