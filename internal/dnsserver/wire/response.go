package wire

// Somebody else's replies, looked through once and sent many times.

import (
	"errors"
	"fmt"
)

// Bounds on the time, in seconds, for which a response is worth keeping.
const (
	// MaxTTL bounds what any record may say.
	MaxTTL = 24 * 60 * 60
	// MaxNegativeTTL bounds negative answers (RFC 2308, section 5, holds one
	// to three hours for sensible).
	MaxNegativeTTL = 3 * 60 * 60
)

// Names is a set of names, asked with their keys.
type Names interface {
	// Has reports whether the name with this key is in the set. It must not
	// keep or change key.
	Has(key []byte) bool
}

// Response is a packed reply with what was found out about it. It is
// immutable; make one with NewResponse, or Stored from what AppendStored
// wrote. The zero Response is none and must not be used.
type Response struct {
	// octets are the packed reply, then where its TTLs stand, two octets each,
	// then the keys of the names that the answer leads to, each behind an
	// octet with its length.
	octets []byte
	reply  uint32 // octets of the reply
	ttls   uint32 // where the places of the TTLs end
	life   uint32 // seconds to keep it; 0 means not at all
	name   uint8  // octets of the question's name
	// keepable is whether it could be kept if its TTLs were longer.
	keepable bool
}

// NewResponse looks through msg, a packed reply with one question and no OPT
// record. Its TTLs are brought within their bounds in place; the response is a
// copy. The error says what is malformed.
func NewResponse(msg []byte) (*Response, error) {
	if len(msg) < HeaderLen || len(msg) > MaxMessage || be.Uint16(msg[4:]) != 1 || be.Uint16(msg[2:])&flagQR == 0 {
		return nil, errors.New("the message is not a reply with one question")
	}
	at, err := skipName(msg, HeaderLen)
	if err != nil {
		return nil, fmt.Errorf("reading the question: %w", err)
	}
	// The name is written over with the client's, so it must stand in full.
	if at-HeaderLen > MaxName || msg[at-1] != 0 || at+4 > len(msg) {
		return nil, fmt.Errorf("reading the question: %w", errName)
	}
	s := scan{msg: msg, at: at + 4, qtype: be.Uint16(msg[at:]), least: MaxTTL}
	var places, names [64]byte // enough for most, without allocating
	s.ttls, s.names = places[:0], names[:0]
	for section := answerSection; section <= additionalSection; section++ {
		for range be.Uint16(msg[6+2*section:]) {
			if err := s.record(section); err != nil {
				return nil, fmt.Errorf("reading a record: %w", err)
			}
		}
	}
	r := &Response{reply: uint32(s.at), ttls: uint32(s.at + len(s.ttls)), name: uint8(at - HeaderLen)}
	r.octets = make([]byte, 0, s.at+len(s.ttls)+len(s.names))
	r.octets = append(append(append(r.octets, msg[:s.at]...), s.ttls...), s.names...)
	r.life, r.keepable = s.lifetime()
	return r, nil
}

// Len returns the size of the packed reply in octets, without an OPT record.
func (r *Response) Len() int { return int(r.reply) }

// Rcode returns the response code of the header.
func (r *Response) Rcode() uint16 { return be.Uint16(r.octets[2:]) & maskRcode }

// Lifetime returns for how many seconds the response may be kept; zero means
// not at all. It is the least TTL in it, for a negative answer with its SOA
// record's MINIMUM (RFC 2308, section 5); a negative answer without SOA, a
// truncated one and a failure are not kept.
func (r *Response) Lifetime() uint32 { return r.life }

// LeadsTo reports whether the answer leads a client to one of names: by a
// CNAME or DNAME record, as the target of a service binding, or with an
// address in the additional section.
func (r *Response) LeadsTo(names Names) bool {
	for rest := r.octets[r.ttls:]; len(rest) > 0; {
		end := 1 + int(rest[0])
		if names.Has(rest[1:end]) {
			return true
		}
		rest = rest[end:]
	}
	return false
}

// Append appends the response as the reply to q, age seconds after it was
// made: with q's ID, case, RD and CD, with TTLs counted down, with AD only for
// a client that asked for it (RFC 6840, section 5.8). The age Stale is for a
// response past its time. What is longer than limit octets becomes a truncated
// reply without answers. The question must be the one that the response
// answers.
//
// A response whose octets stand right behind dst, in its spare capacity, is
// written over: it becomes the reply where it is, and is no more.
func (r *Response) Append(dst []byte, q *Question, age uint32, limit int) []byte {
	size := int(r.reply)
	if q.EDNS {
		size += optLen
	}
	if q.name != int(r.name) {
		return AppendRcode(dst, q, ServFail)
	}
	if size > limit {
		return AppendTruncated(dst, q)
	}
	reason := r.staleReason()
	start := len(dst)
	dst = r.appendTo(dst)
	msg := dst[start:]
	keep := maskRcode
	if q.WantsAD() && age != Stale {
		keep |= flagAD
	}
	be.PutUint16(msg, q.ID)
	be.PutUint16(msg[2:], flagQR|flagRA|be.Uint16(msg[2:])&keep|q.flags&(flagRD|flagCD))
	copy(msg[HeaderLen:], q.raw[:q.name])
	r.countDown(msg, age) // before anything is written behind msg
	if q.EDNS {
		be.PutUint16(msg[10:], be.Uint16(msg[10:])+1)
	}
	opt := len(dst)
	dst = q.end(dst, NoError)
	if age == Stale {
		dst = appendReason(dst, start, opt, reason, limit)
	}
	return dst
}

// appendTo appends the reply as it is, which takes no copy where it stands
// there already.
func (r *Response) appendTo(dst []byte) []byte {
	start, end := len(dst), len(dst)+int(r.reply)
	if end <= cap(dst) && &dst[:end][start] == &r.octets[0] {
		return dst[:end]
	}
	return append(dst, r.octets[:r.reply]...)
}

// countDown takes age from the TTLs in msg, which is a copy of the reply or
// the reply itself.
func (r *Response) countDown(msg []byte, age uint32) {
	if age == 0 {
		return
	}
	for places := r.octets[r.reply:r.ttls]; len(places) >= 2; places = places[2:] {
		at := be.Uint16(places)
		ttl := be.Uint32(msg[at:])
		ttl -= min(ttl, age)
		if age == Stale {
			ttl = StaleTTL
		}
		be.PutUint32(msg[at:], ttl)
	}
}
