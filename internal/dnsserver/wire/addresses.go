package wire

// The addresses that a response gives its client.

import "net/netip"

// Keys of the service parameters that hold addresses (RFC 9460, section 7.3).
const (
	keyIPv4Hint = 4
	keyIPv6Hint = 6
)

// Address is an address in a response.
type Address struct {
	netip.Addr
	// Additional is whether it stands in the additional section, which nobody
	// asked for, and not in the answer.
	Additional bool
	// owner is where in the message the owner's name stands.
	owner int
}

// Addresses calls yield for each address in r: in A and AAAA records and in the
// hints of service bindings (RFC 9460, section 7.3), until yield returns false.
func (r *Response) Addresses(yield func(Address) bool) {
	msg, at := r.Packed(), HeaderLen+int(r.name)+4
	for section := answerSection; section <= additionalSection; section++ {
		for range be.Uint16(msg[6+2*section:]) {
			owner := at
			head, err := skipName(msg, at)
			if err != nil {
				return // NewResponse has read it all
			}
			data := head + 10
			at = data + int(be.Uint16(msg[head+8:]))
			if section == authoritySection {
				continue
			}
			a := Address{Additional: section == additionalSection, owner: owner}
			if !a.each(be.Uint16(msg[head:]), msg[:at], data, yield) {
				return
			}
		}
	}
}

// OwnedBy reports whether the owner of a in r is one of names.
func (a Address) OwnedBy(r *Response, names Names) bool {
	key, err := appendExpanded(nil, r.Packed(), a.owner)
	return err == nil && names.Has(key)
}

// each calls yield for the addresses in one record, whose data starts at data
// and ends with msg.
func (a Address) each(typ uint16, msg []byte, data int, yield func(Address) bool) bool {
	switch typ {
	case TypeA:
		return a.list(msg[data:], 4, yield)
	case TypeAAAA:
		return a.list(msg[data:], 16, yield)
	case TypeSVCB, TypeHTTPS:
		if data+2 > len(msg) {
			return true
		}
		at, err := skipName(msg, data+2)
		if err != nil {
			return true
		}
		for at+4 <= len(msg) {
			key, size := be.Uint16(msg[at:]), int(be.Uint16(msg[at+2:]))
			value := msg[at+4 : min(at+4+size, len(msg))]
			if key == keyIPv4Hint && !a.list(value, 4, yield) || key == keyIPv6Hint && !a.list(value, 16, yield) {
				return false
			}
			at += 4 + size
		}
	}
	return true
}

// list calls yield for each address of size octets in data.
func (a Address) list(data []byte, size int, yield func(Address) bool) bool {
	for ; len(data) >= size; data = data[size:] {
		a.Addr, _ = netip.AddrFromSlice(data[:size])
		if !yield(a) {
			return false
		}
	}
	return true
}

// Leads reports whether the answer leads a client to any name at all, in the
// sense of LeadsTo.
func (r *Response) Leads() bool { return int(r.ttls) < len(r.octets) }

// NoData returns a response to q that says that the name is there and has no
// such record; it may be kept for ttl seconds.
func NoData(q *Question, ttl uint32) (*Response, error) {
	plain := *q
	plain.EDNS = false
	return NewResponse(AppendNoData(nil, &plain, ttl))
}
