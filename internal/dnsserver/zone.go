package dnsserver

// The zone: names that mean services in the LAN, and records of the user's own.

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// DefaultTTL is how long clients may keep an override. Zero makes some of them
// ask without end; an hour strands them when the address changes.
const DefaultTTL = 60 * time.Second

const (
	maxOverrides = 4096
	// maxAddrs is how many addresses of a family a name may have; that many
	// fit in one datagram.
	maxAddrs = 16
	maxTTL   = 24 * time.Hour
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

// node is what the zone knows of one name.
type node struct {
	role role
	// override is whether its addresses are those of an override, and not of
	// records.
	override   bool
	v4, v6     []netip.Addr
	ttl4, ttl6 uint32
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
	end    *node       // its node; nil where it is not a name of the zone
}

// inHouse reports whether the zone says which addresses n has.
func (n *node) inHouse() bool {
	return n != nil && (n.role == service || n.role == aliased && n.alias.end != nil)
}

// Zone is the set of local names in the form in which questions are looked up.
// It is immutable; a nil *Zone has no names. Make one with NewZone or
// BuildZone.
type Zone struct {
	nodes     map[string]*node
	wild      map[string]*node // by the name that stands behind "*."
	targets   map[string]bool  // names of others that our records lead to
	overrides []Override
	records   []Record
	shadowed  []string
	ttl       uint32
}

// ZoneConfig is what a Zone is made of.
type ZoneConfig struct {
	// Overrides are the names of services. A name may stand in more than one
	// with the same addresses. A name of the form "*.example.org" stands for
	// every name with exactly one label in place of the "*" that does not
	// start with "_" and is no name of the zone itself.
	Overrides []Override
	// Records are the user's own. Where one of type A, AAAA or CNAME has the
	// name of an override, the record counts and the override does not.
	Records []Record
	// TTL is how long clients may keep the answers, in whole seconds; zero
	// means DefaultTTL.
	TTL time.Duration
	// NoPTR leaves out the reverse names of the private and link-local
	// addresses of overrides and records. With them a PTR record of the user's
	// own comes first, then the first of the names.
	NoPTR bool
}

// NewZone returns a zone of overrides alone, which it copies.
func NewZone(overrides []Override, ttl time.Duration) (*Zone, error) {
	return BuildZone(ZoneConfig{Overrides: overrides, TTL: ttl})
}

// BuildZone returns a zone. The error names the override or the record that
// cannot be.
func BuildZone(cfg ZoneConfig) (*Zone, error) {
	if cfg.TTL == 0 {
		cfg.TTL = DefaultTTL
	}
	if cfg.TTL < time.Second || cfg.TTL > maxTTL {
		return nil, fmt.Errorf("the TTL of overrides is %s, which is not between 1 s and %s", cfg.TTL, maxTTL)
	}
	if len(cfg.Overrides) > maxOverrides || len(cfg.Records) > maxRecords {
		return nil, fmt.Errorf("there are %d overrides and %d records, more than %d or %d", len(cfg.Overrides), len(cfg.Records), maxOverrides, maxRecords)
	}
	z := &Zone{nodes: make(map[string]*node), ttl: uint32(cfg.TTL / time.Second)}
	if err := z.addRecords(cfg.Records, cfg.TTL); err != nil {
		return nil, err
	}
	for _, o := range cfg.Overrides {
		if err := z.add(o); err != nil {
			return nil, fmt.Errorf("overriding %q: %w", o.Name, err)
		}
	}
	if err := z.linkAliases(); err != nil {
		return nil, err
	}
	if !cfg.NoPTR {
		if err := z.addAllPointers(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(z.overrides, func(a, b Override) int { return strings.Compare(a.Name, b.Name) })
	return z, nil
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
func (z *Zone) Has(key []byte) bool {
	if z == nil {
		return false
	}
	n := z.nodes[string(key)]
	if n != nil && n.role != above {
		return n.inHouse()
	}
	return len(z.wild) > 0 && len(key) > 1 && key[1] != '_' && z.wild[string(key[1+int(key[0]):])] != nil
}

// find returns the node of a name, or nil.
func (z *Zone) find(key []byte) *node {
	if z == nil {
		return nil
	}
	n := z.nodes[string(key)]
	if n != nil && n.role != above || len(z.wild) == 0 || len(key) < 2 || key[1] == '_' {
		return n
	}
	if w := z.wild[string(key[1+int(key[0]):])]; w != nil {
		return w
	}
	return n
}

func (z *Zone) add(o Override) error {
	parent, wild := strings.CutPrefix(o.Name, "*.")
	key, err := wire.PackName(parent)
	if err != nil {
		return err
	}
	if wild && len(key) == 2+int(key[0]) {
		return errors.New("it would stand for every name of a top-level domain")
	}
	v4, err := family(o.V4, true)
	if err != nil {
		return err
	}
	v6, err := family(o.V6, false)
	if err != nil {
		return err
	}
	if len(v4)+len(v6) == 0 {
		return errors.New("it has no address")
	}
	o = Override{Name: fact.CanonicalName(o.Name), V4: v4, V6: v6, Reason: o.Reason}
	if wild {
		return z.addWild(key, o)
	}
	n := z.nodes[string(key)]
	switch {
	case n == nil || n.role == above:
		n = &node{role: service}
		z.nodes[string(key)] = n
		z.addAbove(key)
	case n.override:
		return z.again(n, o)
	case n.role == aliased || len(n.v4)+len(n.v6) > 0:
		z.shadowed = append(z.shadowed, o.Name)
		return nil
	}
	n.setAddrs(o, z.ttl)
	z.overrides = append(z.overrides, o)
	return nil
}

// addWild adds an override of all names one label below the one with key.
func (z *Zone) addWild(key []byte, o Override) error {
	if n := z.wild[string(key)]; n != nil {
		return z.again(n, o)
	}
	if z.wild == nil {
		z.wild = make(map[string]*node)
	}
	n := &node{role: service}
	n.setAddrs(o, z.ttl)
	z.wild[string(key)] = n
	z.addAbove(append([]byte{1, '*'}, key...))
	z.overrides = append(z.overrides, o)
	return nil
}

// again takes an override of a name that has n already.
func (z *Zone) again(n *node, o Override) error {
	if !slices.Equal(n.v4, o.V4) || !slices.Equal(n.v6, o.V6) {
		return errors.New("it is overridden twice with different addresses")
	}
	for i, old := range z.overrides {
		if old.Name == o.Name && o.Reason != "" && !slices.Contains(strings.Split(old.Reason, ", "), o.Reason) {
			z.overrides[i].Reason = strings.TrimPrefix(old.Reason+", "+o.Reason, ", ")
		}
	}
	return nil
}

func (n *node) setAddrs(o Override, ttl uint32) {
	n.override, n.v4, n.v6, n.ttl4, n.ttl6 = true, o.V4, o.V6, ttl, ttl
}

// addAbove marks the names above key, the root left out.
func (z *Zone) addAbove(key []byte) {
	for key = key[1+int(key[0]):]; len(key) > 1; key = key[1+int(key[0]):] {
		if z.nodes[string(key)] == nil {
			z.nodes[string(key)] = &node{role: above}
		}
	}
}

// family checks and copies the addresses of one family.
func family(addrs []netip.Addr, v4 bool) ([]netip.Addr, error) {
	if len(addrs) > maxAddrs {
		return nil, fmt.Errorf("it has %d addresses, more than %d", len(addrs), maxAddrs)
	}
	var list []netip.Addr
	for _, a := range addrs {
		a = a.Unmap().WithZone("")
		if !a.IsValid() || a.Is4() != v4 || a.IsUnspecified() || a.IsMulticast() {
			return nil, fmt.Errorf("%s is not a host's address of the family it is given for", a)
		}
		if !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list, nil
}
