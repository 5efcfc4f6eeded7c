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
	Has(key string) bool
}

// Response is a packed reply. It is immutable; make one with NewResponse.
type Response struct {
	msg   []byte
	name  int      // octets of the question's name
	ttls  []uint16 // where the TTLs stand in msg
	names []string // keys of the names that the answer leads to
	life  uint32   // seconds to keep it; 0 means not at all
	// keepable is whether it could be kept if its TTLs were longer.
	keepable bool
}

// NewResponse looks through msg, a packed reply with one question and no OPT
// record, and takes it over: its TTLs are brought within their bounds in
// place, and the caller must not touch it again. The error says what is
// malformed.
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
	r := &Response{msg: msg, name: at - HeaderLen}
	s := scan{r: r, at: at + 4, qtype: be.Uint16(msg[at:]), least: MaxTTL}
	for section := answerSection; section <= additionalSection; section++ {
		for range be.Uint16(msg[6+2*section:]) {
			if err := s.record(section); err != nil {
				return nil, fmt.Errorf("reading a record: %w", err)
			}
		}
	}
	r.msg = msg[:s.at:s.at]
	r.life, r.keepable = s.lifetime()
	return r, nil
}

// Len returns the size of the packed reply in octets, without an OPT record.
func (r *Response) Len() int { return len(r.msg) }

// Cost returns about how many octets of memory the response takes.
func (r *Response) Cost() int {
	cost := 128 + cap(r.msg) + 2*cap(r.ttls) + 16*cap(r.names)
	for _, n := range r.names {
		cost += len(n)
	}
	return cost
}

// Rcode returns the response code of the header.
func (r *Response) Rcode() uint16 { return be.Uint16(r.msg[2:]) & maskRcode }

// Lifetime returns for how many seconds the response may be kept; zero means
// not at all. It is the least TTL in it, for a negative answer with its SOA
// record's MINIMUM (RFC 2308, section 5); a negative answer without SOA, a
// truncated one and a failure are not kept.
func (r *Response) Lifetime() uint32 { return r.life }

// LeadsTo reports whether the answer leads a client to one of names: by a
// CNAME or DNAME record, as the target of a service binding, or with an
// address in the additional section.
func (r *Response) LeadsTo(names Names) bool {
	for _, n := range r.names {
		if names.Has(n) {
			return true
		}
	}
	return false
}

// Append appends the response as the reply to q, age seconds after it was
// made: with q's ID, case, RD and CD, with TTLs counted down, with AD only for
// a client that asked for it (RFC 6840, section 5.8). The age Stale is for a
// response past its time. What is longer than limit octets becomes a truncated
// reply without answers. The question must be the one that the response
// answers.
func (r *Response) Append(dst []byte, q *Question, age uint32, limit int) []byte {
	size := len(r.msg)
	if q.EDNS {
		size += optLen
	}
	if q.name != r.name {
		return AppendRcode(dst, q, ServFail)
	}
	if size > limit {
		return AppendTruncated(dst, q)
	}
	start := len(dst)
	dst = append(dst, r.msg...)
	msg := dst[start:]
	keep := maskRcode
	if q.WantsAD() && age != Stale {
		keep |= flagAD
	}
	be.PutUint16(msg, q.ID)
	be.PutUint16(msg[2:], flagQR|flagRA|be.Uint16(msg[2:])&keep|q.flags&(flagRD|flagCD))
	copy(msg[HeaderLen:], q.raw[:q.name])
	for _, at := range r.ttls {
		ttl := be.Uint32(msg[at:])
		ttl -= min(ttl, age)
		if age == Stale {
			ttl = StaleTTL
		}
		be.PutUint32(msg[at:], ttl)
	}
	if q.EDNS {
		be.PutUint16(msg[10:], be.Uint16(msg[10:])+1)
	}
	opt := len(dst)
	dst = q.end(dst, NoError)
	if age == Stale {
		dst = appendReason(dst, start, opt, r.staleReason(), limit)
	}
	return dst
}
