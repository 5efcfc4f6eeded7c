package wire

// Records of our own, packed once and sent many times.

import (
	"errors"
	"fmt"
	"net/netip"
)

// Bounds, in octets. A chain must end where a compression pointer reaches.
const (
	maxSet   = 16 << 10
	maxChain = 12 << 10
)

// RRset is the records of one type that a name has, packed but for their
// owner. It is immutable; make one with NewRRset.
type RRset struct {
	bodies [][]byte // type, class, TTL, length and data
	octets int      // of all, with their owners
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
		body := append(appendRR(nil, 0, typ, ttl, len(d))[2:], d...)
		s.bodies = append(s.bodies, body)
		s.octets += 2 + len(body)
	}
	if s.octets > maxSet {
		return nil, fmt.Errorf("the values take %d octets together, more than %d", s.octets, maxSet)
	}
	return s, nil
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

// AppendChainAddrs is AppendAddrs for the name at which c ends.
func AppendChainAddrs(dst []byte, q *Question, c *Chain, addrs []netip.Addr, ttl uint32, limit int) []byte {
	size := 0
	for _, a := range addrs {
		size += 12 + a.BitLen()/8
	}
	if q.size(c, size) > limit {
		return cut(dst, q)
	}
	owner := c.owner(q)
	dst = c.append(q.begin(dst, flagAA, c.count()+len(addrs), 0))
	for _, a := range addrs {
		if a.Is4() {
			octets := a.As4()
			dst = append(appendRR(dst, owner, TypeA, ttl, 4), octets[:]...)
		} else {
			octets := a.As16()
			dst = append(appendRR(dst, owner, TypeAAAA, ttl, 16), octets[:]...)
		}
	}
	return q.end(dst, NoError)
}

// AppendRRset appends a reply to q with c and the records of s, which the name
// at which c ends has; a nil s has none. A reply longer than limit octets is
// cut to a truncated one without answers.
func AppendRRset(dst []byte, q *Question, c *Chain, s *RRset, limit int) []byte {
	var octets int
	var bodies [][]byte
	if s != nil {
		octets, bodies = s.octets, s.bodies
	}
	if q.size(c, octets) > limit {
		return cut(dst, q)
	}
	owner := c.owner(q)
	dst = c.append(q.begin(dst, flagAA, c.count()+len(bodies), 0))
	for _, body := range bodies {
		dst = append(be.AppendUint16(dst, owner), body...)
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
