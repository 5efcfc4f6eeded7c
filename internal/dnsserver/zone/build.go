package zone

// Putting a zone together out of overrides.

import (
	"errors"
	"fmt"
	"net/netip"
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

// Override is a name that means a service in the LAN.
type Override struct {
	// Name is the exact name, canonical.
	Name string
	// V4 and V6 are the addresses to answer with; an empty family is answered
	// with NODATA. Never both empty.
	V4, V6 []netip.Addr
	// Reason says where the name comes from, for people ("configured",
	// "certificate of mqtt").
	Reason string
}

// Config is what a Zone is made of.
type Config struct {
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

// builder puts a Zone together.
type builder struct {
	zone  *Zone
	nodes map[string]*Node
	wild  map[string]*Node // by the name that stands behind "*."
}

// find returns the node of a name, as Zone.Find will.
func (b *builder) find(key []byte) *Node {
	n := b.nodes[string(key)]
	if n.Known() || len(b.wild) == 0 || len(key) < 2 || key[1] == '_' {
		return n
	}
	if w := b.wild[string(key[1+int(key[0]):])]; w != nil {
		return w
	}
	return n
}

// New returns a zone of overrides alone, which it copies.
func New(overrides []Override, ttl time.Duration) (*Zone, error) {
	return Build(Config{Overrides: overrides, TTL: ttl})
}

// Build returns a zone. The error names the override or the record that
// cannot be.
func Build(cfg Config) (*Zone, error) {
	if cfg.TTL == 0 {
		cfg.TTL = DefaultTTL
	}
	if cfg.TTL < time.Second || cfg.TTL > maxTTL {
		return nil, fmt.Errorf("the TTL of overrides is %s, which is not between 1 s and %s", cfg.TTL, maxTTL)
	}
	if len(cfg.Overrides) > maxOverrides || len(cfg.Records) > maxRecords {
		return nil, fmt.Errorf("there are %d overrides and %d records, more than %d or %d", len(cfg.Overrides), len(cfg.Records), maxOverrides, maxRecords)
	}
	z := &Zone{ttl: uint32(cfg.TTL / time.Second)}
	b := &builder{zone: z, nodes: make(map[string]*Node)}
	if err := b.addRecords(cfg.Records, cfg.TTL); err != nil {
		return nil, err
	}
	for _, o := range cfg.Overrides {
		if err := b.add(o); err != nil {
			return nil, fmt.Errorf("overriding %q: %w", o.Name, err)
		}
	}
	if !cfg.NoPTR {
		if err := b.addAllPointers(); err != nil {
			return nil, err
		}
	}
	if err := b.linkAliases(); err != nil {
		return nil, err
	}
	if err := b.seal(); err != nil {
		return nil, err
	}
	slices.SortFunc(z.overrides, func(a, b Override) int { return strings.Compare(a.Name, b.Name) })
	return z, nil
}

func (b *builder) add(o Override) error {
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
		return b.addWild(key, o)
	}
	n := b.nodes[string(key)]
	switch {
	case n == nil || n.role == above:
		n = &Node{role: service}
		b.nodes[string(key)] = n
		b.addAbove(key)
	case n.override:
		return b.again(n, o)
	case n.role == aliased || len(n.v4)+len(n.v6) > 0:
		b.zone.shadowed = append(b.zone.shadowed, o.Name)
		return nil
	}
	n.setAddrs(o, b.zone.ttl)
	b.zone.overrides = append(b.zone.overrides, o)
	return nil
}

// addWild adds an override of all names one label below the one with key.
func (b *builder) addWild(key []byte, o Override) error {
	if n := b.wild[string(key)]; n != nil {
		return b.again(n, o)
	}
	if b.wild == nil {
		b.wild = make(map[string]*Node)
	}
	n := &Node{role: service}
	n.setAddrs(o, b.zone.ttl)
	b.wild[string(key)] = n
	b.addAbove(append([]byte{1, '*'}, key...))
	b.zone.overrides = append(b.zone.overrides, o)
	return nil
}

// again takes an override of a name that has n already.
func (b *builder) again(n *Node, o Override) error {
	if !slices.Equal(n.v4, o.V4) || !slices.Equal(n.v6, o.V6) {
		return errors.New("it is overridden twice with different addresses")
	}
	for i, old := range b.zone.overrides {
		if old.Name == o.Name && o.Reason != "" && !slices.Contains(strings.Split(old.Reason, ", "), o.Reason) {
			b.zone.overrides[i].Reason = strings.TrimPrefix(old.Reason+", "+o.Reason, ", ")
		}
	}
	return nil
}

func (n *Node) setAddrs(o Override, ttl uint32) {
	n.override, n.v4, n.v6, n.ttl4, n.ttl6 = true, o.V4, o.V6, ttl, ttl
}

// addAbove marks the names above key, the root left out.
func (b *builder) addAbove(key []byte) {
	for key = key[1+int(key[0]):]; len(key) > 1; key = key[1+int(key[0]):] {
		if b.nodes[string(key)] == nil {
			b.nodes[string(key)] = &Node{role: above}
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
