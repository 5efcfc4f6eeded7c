package wire

// Answers past their time, answers within bounds of ours, and the reasons that
// go with them (RFC 8767, RFC 8914).

import "slices"

const (
	// Stale is an age for Append: the response is past its time. It goes out
	// with StaleTTL in all records, without AD, and with the reason in the OPT
	// record of a client that sent one.
	Stale uint32 = 1<<32 - 1
	// StaleTTL is for how many seconds clients may keep it (RFC 8767,
	// section 4).
	StaleTTL = 30
)

// Extended DNS errors (RFC 8914, section 4).
const (
	EDEStaleAnswer   uint16 = 3
	EDECachedError   uint16 = 13
	EDEStaleNXDomain uint16 = 19
	EDEUnreachable   uint16 = 22 // nobody that could tell was reached
)

// optionEDE is the EDNS option of extended errors (RFC 8914, section 2).
const optionEDE uint16 = 15

// edeLen is the size of such an option: code, length and info code, no text.
const edeLen = 6

// AppendFailure appends a reply to q that says only rcode, and why: info is an
// extended DNS error, for a client that sent an OPT record.
func AppendFailure(dst []byte, q *Question, rcode, info uint16) []byte {
	start := len(dst)
	dst = q.begin(dst, rcode&maskRcode, 0, 0)
	opt := len(dst)
	return appendReason(q.end(dst, rcode), start, opt, info, minUDP)
}

// appendReason adds info to the OPT record that starts at octet opt of dst and
// ends it, where there is one and the message that starts at octet start then
// still fits in limit octets.
func appendReason(dst []byte, start, opt int, info uint16, limit int) []byte {
	if len(dst) < opt+optLen || len(dst)-start+edeLen > limit {
		return dst
	}
	size := dst[opt+optLen-2:]
	be.PutUint16(size, be.Uint16(size)+edeLen)
	dst = be.AppendUint16(dst, optionEDE)
	dst = be.AppendUint16(dst, edeLen-4)
	return be.AppendUint16(dst, info)
}

// staleReason returns the extended DNS error for a stale r.
func (r *Response) staleReason() uint16 {
	if r.Rcode() == NXDomain {
		return EDEStaleNXDomain
	}
	return EDEStaleAnswer
}

// Bounded returns r with every TTL brought within least and most seconds, and
// with them its lifetime; r itself where that changes nothing. What may not be
// kept at all is left alone, other than for a TTL of zero.
func (r *Response) Bounded(least, most uint32) *Response {
	if !r.keepable || least > most {
		return r
	}
	bounded := func(ttl uint32) uint32 { return min(max(ttl, least), most) }
	b := *r
	b.octets, b.life = slices.Clone(r.octets), bounded(r.life)
	changes := b.life != r.life
	for places := b.octets[b.reply:b.ttls]; len(places) >= 2; places = places[2:] {
		ttl := b.octets[be.Uint16(places):]
		is := be.Uint32(ttl)
		changes = changes || bounded(is) != is
		be.PutUint32(ttl, bounded(is))
	}
	if !changes {
		return r
	}
	return &b
}
