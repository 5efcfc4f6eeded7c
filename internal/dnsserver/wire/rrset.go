package wire

// Records of our own, packed once and sent many times.

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
)

// Bounds, in octets. A chain must end where a compression pointer reaches.
const (
	maxSet   = 16 << 10
	maxChain = 12 << 10
)

// RRset is the records of one type that a name has, packed. It is immutable;
// make one with NewRRset or NewAddrs. A nil *RRset has no records.
type RRset struct {
	packed []byte   // with the question's name as owner
	starts []uint16 // where each record starts
}

// NewRRset returns the set of records with the given data, each in wire form
// without compression, and one TTL in seconds.
func NewRRset(typ uint16, ttl uint32, data ...[]byte) (*RRset, error) {
	if len(data) == 0 {
		return nil, errors.New("there is no value")
	}
	s := new(RRset)
	for _, d := range data {
		if len(d) > maxSet {
			return nil, fmt.Errorf("the value takes %d octets, more than %d", len(d), maxSet)
		}
		s.starts = append(s.starts, uint16(len(s.packed)))
		s.packed = append(appendRR(s.packed, nameAtQuestion, typ, ttl, len(d)), d...)
		if len(s.packed) > maxSet {
			return nil, fmt.Errorf("the values take more than %d octets together", maxSet)
		}
	}
	return s, nil
}

// NewAddrs returns the set of the A or AAAA records with these addresses, which
// are of one family, and one TTL in seconds; nil where there is no address.
func NewAddrs(ttl uint32, addrs ...netip.Addr) (*RRset, error) {
	if len(addrs) == 0 {
		return nil, nil
	}
	typ := TypeAAAA
	if addrs[0].Is4() {
		typ = TypeA
	}
	var data [][]byte
	for _, a := range addrs {
		if a.BitLen() != addrs[0].BitLen() {
			return nil, fmt.Errorf("%s and %s are no addresses of one family", addrs[0], a)
		}
		data = append(data, a.AsSlice())
	}
	return NewRRset(typ, ttl, data...)
}

// octets returns how long the records of s are.
func (s *RRset) octets() int {
	if s == nil {
		return 0
	}
	return len(s.packed)
}

// count returns how many records s has.
func (s *RRset) count() int {
	if s == nil {
		return 0
	}
	return len(s.starts)
}

// append appends the records of s, owned by the name that owner points to.
func (s *RRset) append(dst []byte, owner uint16) []byte {
	if s == nil {
		return dst
	}
	at := len(dst)
	dst = append(dst, s.packed...)
	if owner != nameAtQuestion {
		for _, start := range s.starts {
			be.PutUint16(dst[at+int(start):], owner)
		}
	}
	return dst
}

// record returns the record with the number i.
func (s *RRset) record(i int) []byte {
	end := len(s.packed)
	if i+1 < len(s.starts) {
		end = int(s.starts[i+1])
	}
	return s.packed[s.starts[i]:end]
}

// Chain is a row of CNAME records, the first owned by the name asked for, each
// other by the target of the one before. It is immutable; make one with
// NewChain. A nil *Chain has no link.
type Chain struct {
	rrs   []byte
	links int
	end   int // where in rrs the last target stands
}

// Link is one CNAME record: its target in wire form and its TTL in seconds.
type Link struct {
	Target []byte
	TTL    uint32
}

// NewChain returns the chain of links, of which there must be one at least.
func NewChain(links ...Link) (*Chain, error) {
	c := new(Chain)
	for i, l := range links {
		if i == 0 {
			c.rrs = appendRR(nil, nameAtQuestion, TypeCNAME, l.TTL, len(l.Target))
		} else {
			c.rrs = append(c.rrs, links[i-1].Target...)
			c.rrs = append(c.rrs, appendRR(nil, 0, TypeCNAME, l.TTL, len(l.Target))[2:]...)
		}
		c.end = len(c.rrs)
		c.rrs = append(c.rrs, l.Target...)
	}
	c.links = len(links)
	if c.links == 0 || len(c.rrs) > maxChain {
		return nil, fmt.Errorf("a row of %d CNAME records is none, or too long", c.links)
	}
	return c, nil
}

// count returns how many records c has.
func (c *Chain) count() int {
	if c == nil {
		return 0
	}
	return c.links
}

// octets returns how long c is when it is packed.
func (c *Chain) octets() int {
	if c == nil {
		return 0
	}
	return len(c.rrs)
}

// append appends c behind the question of the reply to q.
func (c *Chain) append(dst []byte) []byte {
	if c == nil {
		return dst
	}
	return append(dst, c.rrs...)
}

// owner returns the pointer to the name at which c ends.
func (c *Chain) owner(q *Question) uint16 {
	if c == nil {
		return nameAtQuestion
	}
	return 0xC000 | uint16(HeaderLen+q.name+4+c.end)
}

// size returns the size of a reply to q with c and more octets behind it.
func (q *Question) size(c *Chain, more int) int {
	more += HeaderLen + q.name + 4 + c.octets()
	if q.EDNS {
		more += optLen
	}
	return more
}

// cut appends the truncated reply of our own, without answers.
func cut(dst []byte, q *Question) []byte {
	return q.end(q.begin(dst, flagAA|flagTC, 0, 0), NoError)
}

// AppendRRset appends a reply to q with c and the records of s, which the name
// at which c ends has. A reply longer than limit octets is cut to a truncated
// one without answers.
func AppendRRset(dst []byte, q *Question, c *Chain, s *RRset, limit int) []byte {
	if q.size(c, s.octets()) > limit {
		return cut(dst, q)
	}
	dst = c.append(q.begin(dst, flagAA, c.count()+s.count(), 0))
	return q.end(s.append(dst, c.owner(q)), NoError)
}

// AppendPart is AppendRRset with only those of the first 64 records of s whose
// bit is set in which.
func AppendPart(dst []byte, q *Question, c *Chain, s *RRset, which uint64, limit int) []byte {
	size, count := 0, 0
	for left := which; left != 0; left &= left - 1 {
		size += len(s.record(bits.TrailingZeros64(left)))
		count++
	}
	if q.size(c, size) > limit {
		return cut(dst, q)
	}
	owner := c.owner(q)
	dst = c.append(q.begin(dst, flagAA, c.count()+count, 0))
	for left := which; left != 0; left &= left - 1 {
		at := len(dst)
		dst = append(dst, s.record(bits.TrailingZeros64(left))...)
		be.PutUint16(dst[at:], owner)
	}
	return q.end(dst, NoError)
}

// AppendChainNoData is AppendNoData for the name at which c ends (RFC 2308,
// section 2.2).
func AppendChainNoData(dst []byte, q *Question, c *Chain, ttl uint32, limit int) []byte {
	if q.size(c, soaLen) > limit {
		return cut(dst, q)
	}
	dst = c.append(q.begin(dst, flagAA, c.count(), 1))
	return q.end(appendSOA(dst, c.owner(q), ttl), NoError)
}
