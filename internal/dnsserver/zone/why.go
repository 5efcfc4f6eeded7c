package zone

// Why the zone answers as it does, for people who wonder.

import "github.com/edgeguard/edgeguard/internal/dnsserver/wire"

// Origin says what an answer of the zone comes from.
type Origin uint8

const (
	// FromOverride is a service's name, or the reverse name of its address.
	FromOverride Origin = iota + 1
	// FromRecord is a record of the user's own.
	FromRecord
	// FromWildcard is a name that a service's wildcard covers.
	FromWildcard
)

// Why says which of the zone's names answers a question about n, which was
// found by key, and how in one line for people.
func (z *Zone) Why(key []byte, n *Node, qtype uint16) (Origin, string) {
	exact := find(&z.names, wire.Hash(key), key)
	set := n.sets[qtype] != nil || qtype == wire.TypeANY && len(n.v4)+len(n.v6) == 0
	switch {
	case exact != n:
		return FromWildcard, "a wildcard of a service covers the name" + z.reason("*."+nameOf(string(key[1+int(key[0]):])))
	case n.role == pointer && n.override:
		return FromOverride, "it is the reverse name of a service's address"
	case n.role == pointer:
		return FromRecord, "it is the reverse name of an address in a record of yours"
	case n.override && !set:
		return FromOverride, "it is a service's name" + z.reason(nameOf(string(key)))
	case n.role == aliased && n.alias.end != nil && qtype != wire.TypeCNAME:
		return FromRecord, "a CNAME record of yours leads to the local name " + nameOf(string(n.alias.to))
	}
	return FromRecord, "it is a name of your own records"
}

// reason returns where an override comes from, to be read behind a word.
func (z *Zone) reason(name string) string {
	for _, o := range z.overrides {
		if o.Name == name && o.Reason != "" {
			return " (" + o.Reason + ")"
		}
	}
	return ""
}
