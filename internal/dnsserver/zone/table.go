package zone

// Looking names up by the hash that a question brings with it.

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// table is a hash table with open addressing that is filled once. At least half
// of its slots are free, so most names that it does not have, as are nearly all
// that are asked, cost one look. The zero table has no names.
type table struct {
	slots []slot // a power of two
	names int
}

type slot struct {
	hash uint64
	key  string
	node *Node // nil where the slot is free
}

// newTable returns a table of nodes. The same nodes give the same table.
func newTable(nodes map[string]*Node) table {
	if len(nodes) == 0 {
		return table{}
	}
	size := 2
	for size < 2*len(nodes) {
		size *= 2
	}
	t := table{make([]slot, size), len(nodes)}
	for _, key := range slices.Sorted(maps.Keys(nodes)) {
		hash := wire.Hash(key)
		i := hash & uint64(size-1)
		for t.slots[i].node != nil {
			i = (i + 1) & uint64(size-1)
		}
		t.slots[i] = slot{hash, key, nodes[key]}
	}
	return t
}

// find returns the node of a key with its hash in t, or nil.
func find[K ~string | ~[]byte](t *table, hash uint64, key K) *Node {
	if len(t.slots) == 0 {
		return nil
	}
	for i := hash; ; i++ {
		s := &t.slots[i&uint64(len(t.slots)-1)]
		if s.node == nil || s.hash == hash && s.key == string(key) {
			return s.node
		}
	}
}

// seal packs the addresses of all nodes and makes the tables.
func (b *builder) seal() error {
	for _, nodes := range []map[string]*Node{b.nodes, b.wild} {
		for key, n := range nodes {
			var err4, err6 error
			n.set4, err4 = wire.NewAddrs(n.ttl4, n.v4...)
			n.set6, err6 = wire.NewAddrs(n.ttl6, n.v6...)
			if err4 != nil || err6 != nil {
				return fmt.Errorf("packing the addresses of %q: %w", nameOf(key), cmp.Or(err4, err6))
			}
		}
	}
	b.zone.names, b.zone.wild = newTable(b.nodes), newTable(b.wild)
	return nil
}
