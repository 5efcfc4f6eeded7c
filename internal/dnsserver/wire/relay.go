package wire

// Questions that are passed on, and plain answers to them, without a message
// type in between.

import (
	"bytes"
	"sync"
)

// maxAliases is how many CNAME records a relayed answer may have. Nearly all
// have fewer.
const maxAliases = 8

// AppendQuery appends the query that asks q of another server: with RD, with
// AD to hear of it (RFC 6840, section 5.7), with an OPT record of our own and
// none of the client's options. Letters of the name are in upper case where
// bit 5 is set in the octet of lots at the same place, and else in lower case;
// lots is as long as q.Name, or nil.
func (q *Question) AppendQuery(dst []byte, id uint16, lots []byte) []byte {
	flags, ttl := flagRD|flagAD|q.flags&flagCD, uint32(0)
	if q.DO {
		ttl = flagDO
	}
	dst = be.AppendUint16(dst, id)
	dst = be.AppendUint16(dst, flags)
	dst = append(dst, 0, 1, 0, 0, 0, 0, 0, 1)
	name := len(dst)
	dst = append(dst, q.key[:q.name]...)
	for i, lot := range lots {
		if c := dst[name+i]; 'a' <= c && c <= 'z' { // no length is
			dst[name+i] = c &^ (lot & 0x20)
		}
	}
	dst = be.AppendUint16(dst, q.Type)
	dst = be.AppendUint16(dst, q.Class)
	dst = append(dst, 0)
	dst = be.AppendUint16(dst, TypeOPT)
	dst = be.AppendUint16(dst, UDPSize)
	dst = be.AppendUint32(dst, ttl)
	return append(dst, 0, 0)
}

// AppendRelayed appends the answer that reply gives to query, which AppendQuery
// made of q, in the form that NewResponse wants: the question in lower case, no
// additional records, no bits that are ours to set. It reports false, with dst
// as it was, unless the whole reply is of the plain kind: to exactly that
// query, with its ID and its case; NoError or NXDomain; a chain of CNAME records
// in order that starts at the question and ends at A or AAAA records of the
// type asked for, or nowhere; then at most one SOA record, of a zone that is or is above a name
// of that chain; then at most an OPT record without options; and nothing that does
// not belong to the answer. What it says no to may still be an answer.
func AppendRelayed(dst []byte, q *Question, query, reply []byte) ([]byte, bool) {
	at := HeaderLen + q.name + 4
	if len(reply) < at || reply[0] != query[0] || reply[1] != query[1] || be.Uint16(reply[4:]) != 1 ||
		!bytes.Equal(reply[HeaderLen:at], query[HeaderLen:at]) {
		return dst, false
	}
	flags := be.Uint16(reply[2:])
	rcode := flags & maskRcode
	if flags&(flagQR|maskOpcode|flagTC) != flagQR || rcode != NoError && rcode != NXDomain ||
		q.Type == TypeCNAME || q.Type == TypeDNAME || q.Type == TypeANY {
		return dst, false
	}
	r := relays.Get().(*relay)
	r.q, r.query, r.msg, r.at, r.dst, r.base, r.links, r.answered = q, query, reply, at, dst, len(dst), 0, false
	r.dst = append(r.dst, 0, 0)
	r.dst = be.AppendUint16(r.dst, flagQR|flagRD|flagRA|flags&flagAD|rcode)
	r.dst = append(append(r.dst, 0, 1), reply[6:10]...)
	r.dst = append(r.dst, 0, 0)
	r.dst = append(r.dst, q.key[:q.name+4]...)
	name := &r.chain[0]
	name.n, name.at, name.whole = copy(name.octets[:], q.key[:q.name]), HeaderLen, q.name
	ok := r.records() && r.at == len(reply)
	if ok {
		dst = r.dst
	}
	r.q, r.query, r.msg, r.dst = nil, nil, nil, nil
	relays.Put(r)
	return dst, ok
}

// relays are kept, as they are large for a stack.
var relays = sync.Pool{New: func() any { return new(relay) }}

// relay is the work on one reply.
type relay struct {
	q          *Question
	query, msg []byte
	at         int    // in msg
	dst        []byte // the answer starts at base
	base       int
	data       int // where in dst the data of the record being written starts

	chain    [1 + maxAliases]link // the question's name first
	scratch  [3]link
	links    int  // aliases in chain
	answered bool // a record of the type asked for is there
}

// link is a name that the answer leads to: its first octets stand at an offset
// of the answer as they are, up to whole, and then a pointer.
type link struct {
	octets       [MaxName]byte
	n, at, whole int
}

func (l *link) name() []byte { return l.octets[:l.n] }

// records copies the records of all sections.
func (r *relay) records() bool {
	for range be.Uint16(r.msg[6:]) {
		if !r.answer() {
			return false
		}
	}
	switch be.Uint16(r.msg[8:]) {
	case 0:
	case 1:
		if !r.authority() {
			return false
		}
	default:
		return false
	}
	switch be.Uint16(r.msg[10:]) {
	case 0:
		return true
	case 1: // an OPT record of version 0, with no upper bits of a code
		rest := r.msg[r.at:]
		r.at = len(r.msg)
		return len(rest) == optLen && rest[0] == 0 && be.Uint16(rest[1:]) == TypeOPT &&
			rest[5] == 0 && rest[6] == 0 && rest[9] == 0 && rest[10] == 0
	}
	return false
}

// head reads a record up to its data, and returns where that ends.
func (r *relay) head(owner *link) (typ uint16, ttl []byte, end int, ok bool) {
	at, ok := r.expand(owner, r.at)
	if !ok || at+10 > len(r.msg) || be.Uint16(r.msg[at+2:]) != r.q.Class {
		return 0, nil, 0, false
	}
	end = at + 10 + int(be.Uint16(r.msg[at+8:]))
	r.at = at + 10
	return be.Uint16(r.msg[at:]), r.msg[at+4 : at+8], end, end <= len(r.msg)
}

// answer copies a record of the answer section.
func (r *relay) answer() bool {
	owner, last := &r.scratch[0], &r.chain[r.links]
	typ, ttl, end, ok := r.head(owner)
	if !ok || !equalFold(owner.name(), last.name()) {
		return false
	}
	pointer := 0xC000 | uint16(last.at)
	switch {
	case typ == TypeCNAME:
		if r.answered || r.links == maxAliases {
			return false
		}
		next := &r.chain[r.links+1]
		if at, ok := r.expand(next, r.at); !ok || at != end || r.inChain(next.name()) {
			return false
		}
		r.begin(pointer, typ, ttl)
		r.write(next)
		r.finish()
		r.links++
	case typ == r.q.Type && (typ == TypeA && end-r.at == 4 || typ == TypeAAAA && end-r.at == 16):
		r.answered = true
		r.begin(pointer, typ, ttl)
		r.dst = append(r.dst, r.msg[r.at:end]...)
		r.finish()
	default:
		return false
	}
	r.at = end
	return true
}

// authority copies an SOA record.
func (r *relay) authority() bool {
	owner, server, person := &r.scratch[0], &r.scratch[1], &r.scratch[2]
	typ, ttl, end, ok := r.head(owner)
	if !ok || typ != TypeSOA || !r.above(owner.name()) {
		return false
	}
	at, ok := r.expand(server, r.at)
	if !ok {
		return false
	}
	if at, ok = r.expand(person, at); !ok || at+20 != end {
		return false
	}
	r.write(owner)
	r.begin(0, typ, ttl)
	r.write(server)
	r.write(person)
	r.dst = append(r.dst, r.msg[at:end]...)
	r.finish()
	r.at = end
	return true
}
