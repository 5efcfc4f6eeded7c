// Package zone holds the names that mean something of the house's own:
// overrides, which are services in the LAN, records of the user's, and reverse
// names. A Zone is built once, found wanting or good as a whole, and then looked
// up in from any goroutine.
//
// An answer is written from the bytes of a question, without allocating. What
// has to be put together with an answer of somebody else's (Bend, Splice) goes
// by way of messages and allocates.
package zone

import (
	"net/netip"
	"reflect"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// role is what a name is to the zone.
type role uint8

const (
	// above is a name that has one of the zone's names below it, and so must
	// never be denied (RFC 8020).
	above role = iota
	// service is a name of which the zone has addresses or other records.
	service
	// aliased is a name with a CNAME record.
	aliased
	// pointer is a reverse name.
	pointer
)

// Node is what a Zone knows of one name. It is immutable; a nil *Node is a name
// that the zone knows nothing of.
type Node struct {
	role role
	// override is whether its addresses are those of an override, and not of
	// records.
	override   bool
	v4, v6     []netip.Addr
	ttl4, ttl6 uint32
	set4, set6 *wire.RRset            // the records of v4 and v6; nil where there is none
	sets       map[uint16]*wire.RRset // of other types; may be nil
	any        uint16                 // the type in sets that answers for all
	alias      *lead                  // where role is aliased
}

// lead is where a CNAME record leads.
type lead struct {
	target []byte
	ttl    uint32
	first  *wire.RRset // the record alone
	chain  *wire.Chain // all records of the zone from here on
	to     []byte      // the name that the chain ends at
	end    *Node       // its node; nil where it is not a name of the zone
}

// Known reports whether the zone has anything to say of the name itself, and
// not only of names below it.
func (n *Node) Known() bool { return n != nil && n.role != above }

// Target returns the name, in wire form, that the CNAME records of the name end
// at, and its node, which is nil where that is no name of the zone's; nil and
// nil where the name has none. The slice is the zone's own; it must not be
// changed.
func (n *Node) Target() ([]byte, *Node) {
	if n == nil || n.role != aliased {
		return nil, nil
	}
	return n.alias.to, n.alias.end
}

// InHouse reports whether the zone says which addresses n has.
func (n *Node) InHouse() bool {
	return n != nil && (n.role == service || n.role == aliased && n.alias.end != nil)
}

// Zone is the set of local names in the form in which questions are looked up.
// It is immutable; a nil *Zone has no names. Make one with New or Build.
type Zone struct {
	names     table
	wild      table           // by the name that stands behind "*."
	targets   map[string]bool // names of others that our records lead to
	overrides []Override
	records   []Record
	shadowed  []string
	ttl       uint32
}

// Equal reports whether z and other answer and are shown the same.
func (z *Zone) Equal(other *Zone) bool { return reflect.DeepEqual(z, other) }

// Overrides returns the overrides by name. The slice is the zone's own; it
// must not be changed.
func (z *Zone) Overrides() []Override {
	if z == nil {
		return nil
	}
	return z.overrides
}

// Records returns the user's own records in their order. The slice is the
// zone's own; it must not be changed.
func (z *Zone) Records() []Record {
	if z == nil {
		return nil
	}
	return z.records
}

// Shadowed returns the names of overrides in whose place a record is answered.
func (z *Zone) Shadowed() []string {
	if z == nil {
		return nil
	}
	return z.shadowed
}

// Has reports whether the zone says which addresses the name with this key
// has; it implements wire.Names.
func (z *Zone) Has(key []byte) bool { return lookUp(z, wire.Hash(key), key).InHouse() }

// Find returns the node of the name with this key, which may be one that a
// wildcard stands for; nil where there is none.
func (z *Zone) Find(key []byte) *Node { return lookUp(z, wire.Hash(key), key) }

// Of returns the node of q's name, as Find does.
func (z *Zone) Of(q *wire.Question) *Node { return lookUp(z, q.Hash(), q.NameKey()) }

func lookUp[K ~string | ~[]byte](z *Zone, hash uint64, key K) *Node {
	if z == nil {
		return nil
	}
	n := find(&z.names, hash, key)
	if z.wild.names == 0 || n.Known() || len(key) < 2 || key[1] == '_' {
		return n
	}
	parent := key[1+int(key[0]):]
	if w := find(&z.wild, wire.Hash(parent), parent); w != nil {
		return w
	}
	return n
}

// LedTo reports whether q's name is one outside of the zone that the CNAME
// records of the zone lead to.
func (z *Zone) LedTo(q *wire.Question) bool {
	return z != nil && z.targets[string(q.NameKey())]
}

// Turn returns the question to ask of others for q: q itself, or one put into
// turned, which may be nil, about the name that the CNAME records of q's name
// lead to.
func (z *Zone) Turn(turned, q *wire.Question) *wire.Question {
	to, _ := z.Of(q).Target()
	if to == nil {
		return q
	}
	if turned == nil {
		turned = new(wire.Question)
	}
	if turned.Turn(q, to) {
		return turned
	}
	return q
}
