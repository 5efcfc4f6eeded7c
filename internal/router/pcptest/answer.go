package pcptest

// The answers, by the octets of RFC 6886, section 3, and RFC 6887, sections 7
// and 11.

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// answer makes the answer to a request, or nil for none; mu is held.
func (r *Router) answer(request []byte, from netip.AddrPort) []byte {
	switch {
	case len(request) < 2 || request[1]&0x80 != 0:
		return nil
	case request[0] == 2 && !r.odd.NoPCP && len(request) >= 24:
		return r.answerPCP(request, from)
	case request[0] == 0 && !r.odd.NoNATPMP:
		return r.answerNATPMP(request, from)
	case !r.odd.NoNATPMP: // RFC 6887, appendix A
		return binary.BigEndian.AppendUint32([]byte{0, request[1] | 0x80, 0, 1}, r.epoch())
	case !r.odd.NoPCP: // RFC 6887, section 9
		p := make([]byte, 24)
		p[0], p[1], p[3] = 2, request[1]|0x80, 1
		binary.BigEndian.PutUint32(p[8:], r.epoch())
		return p
	}
	return nil
}

func (r *Router) epoch() uint32 {
	if r.odd.Epoch != nil {
		return r.odd.Epoch()
	}
	return uint32(time.Since(r.began) / time.Second)
}

// answerPCP answers a MAP request; mu is held.
func (r *Router) answerPCP(request []byte, from netip.AddrPort) []byte {
	p := slices.Clone(request)
	p[1] |= 0x80
	p[2] = 0
	clear(p[12:24])
	binary.BigEndian.PutUint32(p[8:], r.epoch())
	refuse := func(code byte) []byte {
		p[3] = code
		binary.BigEndian.PutUint32(p[4:], 30) // a short lifetime error
		return p
	}
	switch {
	case request[1] != 1:
		return refuse(4)
	case len(request) != 60:
		return refuse(3)
	case netip.AddrFrom16([16]byte(request[8:24])).Unmap() != from.Addr().WithZone(""):
		return refuse(12)
	case r.odd.Code != 0:
		return refuse(r.odd.Code)
	}
	m := Mapping{
		PCP: true, Nonce: [12]byte(request[24:36]), Protocol: request[36],
		Internal: netip.AddrPortFrom(from.Addr(), binary.BigEndian.Uint16(request[40:])),
		External: binary.BigEndian.Uint16(request[42:]), Lifetime: binary.BigEndian.Uint32(request[4:]),
	}
	m, code := r.apply(m)
	if code != 0 {
		return refuse(code)
	}
	p[3] = 0
	binary.BigEndian.PutUint32(p[4:], m.Lifetime)
	binary.BigEndian.PutUint16(p[42:], m.External)
	external := r.odd.WAN.As16()
	if from.Addr().Is6() {
		external = from.Addr().WithZone("").As16() // a pinhole: nothing is translated
	}
	copy(p[44:], external[:])
	return p
}

// answerNATPMP answers a request for the address or for a mapping; mu is held.
func (r *Router) answerNATPMP(request []byte, from netip.AddrPort) []byte {
	p := binary.BigEndian.AppendUint32([]byte{0, request[1] | 0x80, 0, 0}, r.epoch())
	if request[1] == 0 && len(request) == 2 {
		return append(p, r.odd.WAN.AsSlice()...)
	}
	if len(request) != 12 || request[1] > 2 {
		p[3] = 5
		return p
	}
	m := Mapping{
		Protocol: map[byte]byte{1: 17, 2: 6}[request[1]],
		Internal: netip.AddrPortFrom(from.Addr(), binary.BigEndian.Uint16(request[4:])),
		External: binary.BigEndian.Uint16(request[6:]), Lifetime: binary.BigEndian.Uint32(request[8:]),
	}
	code := r.odd.Code
	if code == 0 {
		m, code = r.apply(m)
	}
	p[3] = code
	p = append(p, request[4:6]...)
	p = binary.BigEndian.AppendUint16(p, m.External)
	return binary.BigEndian.AppendUint32(p, m.Lifetime)
}

// apply makes, renews or deletes a mapping, and returns what is granted; mu is
// held.
func (r *Router) apply(m Mapping) (Mapping, byte) {
	i := slices.IndexFunc(r.table, func(e Mapping) bool { return e.Protocol == m.Protocol && e.Internal == m.Internal })
	if i >= 0 && m.PCP && r.table[i].Nonce != m.Nonce {
		return m, 2 // section 11.3
	}
	if m.Lifetime == 0 {
		if !m.PCP {
			m.External = 0
		}
		switch {
		case i >= 0 && r.odd.KeepsMappings:
			return r.table[i], 0
		case i >= 0 && r.odd.RefuseDeletion != 0:
			return m, r.odd.RefuseDeletion
		case i >= 0:
			r.table = slices.Delete(r.table, i, i+1)
		default:
			return m, r.odd.NothingToDelete
		}
		return m, 0
	}
	if i >= 0 {
		m.External = r.table[i].External // a renewal
		r.table = slices.Delete(r.table, i, i+1)
	} else {
		if r.odd.Port != nil {
			m.External = r.odd.Port(m.External)
		}
		for slices.ContainsFunc(r.table, func(e Mapping) bool { return e.Protocol == m.Protocol && e.External == m.External }) {
			m.External++ // taken: as miniupnpd does
		}
	}
	if r.odd.Lifetime != nil {
		m.Lifetime = r.odd.Lifetime(m.Lifetime)
	}
	r.table = append(r.table, m)
	return m, 0
}
