package dnsserver

// Looking up which of a few names a question's name is, or is below of.

import (
	"maps"
	"slices"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

// suffixes holds values by name. Nearly all names that are asked are below none
// of the names held, and to find that out must cost little: it takes one look at
// a table of bits for each label. The zero value holds nothing.
type suffixes[V any] struct {
	byKey map[string]V
	// bits has, by the length of a name in wire form, a bit for each first
	// octet that a held name of that length has, modulo 32.
	bits [wire.MaxName + 1]uint32
	most int // labels of the longest name held
}

// newSuffixes returns the values by the keys of their names, none of which is
// the root.
func newSuffixes[V any](byKey map[string]V) *suffixes[V] {
	s := &suffixes[V]{byKey: byKey}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		s.bits[len(key)] |= 1 << (key[1] % 32)
		labels := 0
		for ; len(key) > 1; key = key[1+int(key[0]):] {
			labels++
		}
		s.most = max(s.most, labels)
	}
	return s
}

// find returns the value of the longest held name that q's name is or is below
// of, how many labels stand before it and where in q's name it starts. It starts
// at the label with the number from.
func (s *suffixes[V]) find(q *wire.Question, from int) (v V, skip, at int, ok bool) {
	if s == nil {
		return v, 0, 0, false
	}
	for skip := max(from, q.Labels()-s.most); skip < q.Labels(); skip++ {
		key, at := q.Suffix(skip)
		if s.bits[len(key)]>>(key[1]%32)&1 == 0 {
			continue
		}
		if v, ok := s.byKey[string(key)]; ok {
			return v, skip, at, true
		}
	}
	return v, 0, 0, false
}
