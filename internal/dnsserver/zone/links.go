package zone

// The zone's records beside overrides: the user's own, where CNAME records
// lead, and reverse names.

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// maxChain is how many CNAME records in a row are followed; more than a few
// are a mistake or an attack.
const maxChain = 16

// addRecords adds the user's own records.
func (b *builder) addRecords(records []Record, ttl time.Duration) error {
	for _, r := range records {
		p, err := r.parse(ttl)
		if err == nil {
			err = b.addRecord(p)
		}
		if err != nil {
			return fmt.Errorf("the %s record of %q: %w", r.Type, r.Name, err)
		}
		r.Values = slices.Clone(r.Values)
		b.zone.records = append(b.zone.records, r)
	}
	return nil
}

func (b *builder) addRecord(p *parsed) error {
	n := b.nodes[string(p.key)]
	if n == nil || n.role == above {
		n = &Node{role: service}
		switch p.typ {
		case wire.TypeCNAME:
			n.role = aliased
		case wire.TypePTR:
			n.role = pointer
		}
		b.nodes[string(p.key)] = n
		b.addAbove(p.key)
	} else if n.role == aliased || p.typ == wire.TypeCNAME {
		return errors.New("a name with a CNAME record can have no other record (RFC 1034, section 3.6.2)")
	}
	switch {
	case p.typ == wire.TypeA && n.v4 == nil:
		n.v4, n.ttl4 = p.addr, p.ttl
		return nil
	case p.typ == wire.TypeAAAA && n.v6 == nil:
		n.v6, n.ttl6 = p.addr, p.ttl
		return nil
	case p.typ == wire.TypeA || p.typ == wire.TypeAAAA || n.sets[p.typ] != nil:
		return errors.New("the name has a record of this type already; put all values in one")
	}
	set, err := wire.NewRRset(p.typ, p.ttl, p.data...)
	if err != nil {
		return err
	}
	if p.typ == wire.TypeCNAME {
		n.alias = &lead{target: p.data[0], ttl: p.ttl, first: set}
		return nil
	}
	n.addSet(p.typ, set)
	return nil
}

func (n *Node) addSet(typ uint16, set *wire.RRset) {
	if n.sets == nil {
		n.sets = make(map[uint16]*wire.RRset)
	}
	n.sets[typ] = set
	if n.any == 0 || typ < n.any {
		n.any = typ
	}
}

// CircleError says that CNAME records never end. It is found with errors.As.
type CircleError struct {
	// Name is the owner of the first of them, canonical.
	Name string
}

// Error implements error.
func (e *CircleError) Error() string {
	return fmt.Sprintf("the CNAME record of %q leads in a circle, or through more than %d others", e.Name, maxChain)
}

// linkAliases follows each CNAME record within the zone.
func (b *builder) linkAliases() error {
	for _, key := range slices.Sorted(maps.Keys(b.nodes)) {
		n := b.nodes[key]
		if n.role != aliased {
			continue
		}
		a, links := n.alias, []wire.Link{{Target: n.alias.target, TTL: n.alias.ttl}}
		next := b.find(a.target)
		a.to = a.target
		for next != nil && next.role == aliased {
			if next == n || len(links) == maxChain {
				return &CircleError{Name: nameOf(key)}
			}
			links = append(links, wire.Link{Target: next.alias.target, TTL: next.alias.ttl})
			a.to = next.alias.target
			next = b.find(a.to)
		}
		if next != nil && next.role != above {
			a.end = next
		} else {
			if b.zone.targets == nil {
				b.zone.targets = make(map[string]bool)
			}
			b.zone.targets[string(a.to)] = true
		}
		var err error
		if a.chain, err = wire.NewChain(links...); err != nil {
			return fmt.Errorf("the CNAME record of %q: %w", nameOf(key), err)
		}
	}
	return nil
}

// addAllPointers adds the reverse names of private addresses.
func (b *builder) addAllPointers() error {
	for _, o := range b.zone.overrides {
		if strings.HasPrefix(o.Name, "*.") {
			continue
		}
		if err := b.addPointers(o.Name, true, slices.Concat(o.V4, o.V6)); err != nil {
			return fmt.Errorf("overriding %q: %w", o.Name, err)
		}
	}
	for _, r := range b.zone.records {
		if r.Type != "A" && r.Type != "AAAA" {
			continue
		}
		var addrs []netip.Addr
		for _, v := range r.Values {
			addrs = append(addrs, netip.MustParseAddr(v)) // parse has read it
		}
		if err := b.addPointers(r.Name, false, addrs); err != nil {
			return fmt.Errorf("the %s record of %q: %w", r.Type, r.Name, err)
		}
	}
	return nil
}

// addPointers adds the reverse names of those of addrs that are private and
// have no name yet.
func (b *builder) addPointers(name string, override bool, addrs []netip.Addr) error {
	target, err := wire.PackName(name)
	if err != nil {
		return err
	}
	for _, addr := range addrs {
		if !addr.IsPrivate() && !addr.IsLinkLocalUnicast() {
			continue
		}
		key, err := wire.PackName(wire.ReverseName(addr))
		if err != nil {
			return fmt.Errorf("writing the reverse name of %s: %w", addr, err)
		}
		if n := b.nodes[string(key)]; n != nil && n.role != above {
			continue
		}
		set, err := wire.NewRRset(wire.TypePTR, b.zone.ttl, target)
		if err != nil {
			return err
		}
		n := &Node{role: pointer, override: override}
		n.addSet(wire.TypePTR, set)
		b.nodes[string(key)] = n
		b.addAbove(key)
	}
	return nil
}

// nameOf returns the text of a name in wire form that PackName has made.
func nameOf(key string) string {
	var labels []string
	for len(key) > 1 {
		size := 1 + int(key[0])
		labels = append(labels, key[1:size])
		key = key[size:]
	}
	return strings.Join(labels, ".")
}
