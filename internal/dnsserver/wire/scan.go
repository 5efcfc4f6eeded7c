package wire

// Looking through the records of a response.

import "errors"

// Sections after the question, in the order of the header's counts.
const (
	answerSection = iota
	authoritySection
	additionalSection
)

var errRecord = errors.New("a record in the message is cut short")

// scan walks over the records of a reply.
type scan struct {
	msg   []byte
	at    int
	qtype uint16

	ttls  []byte // as in a Response
	names []byte // as in a Response

	least    uint32 // least TTL seen
	answered bool   // a record of the type asked for is there
	soa      bool   // an SOA record is in the authority section
}

// record reads the record at s.at and moves on.
func (s *scan) record(section int) error {
	msg, owner := s.msg, s.at
	at, err := skipName(msg, owner)
	if err != nil {
		return err
	}
	if at+10 > len(msg) {
		return errRecord
	}
	typ, data := be.Uint16(msg[at:]), at+10
	end := data + int(be.Uint16(msg[at+8:]))
	if end > len(msg) {
		return errRecord
	}
	if !long(typ, end-data) {
		return errRecord
	}
	if typ == TypeOPT {
		return errors.New("there is an OPT record left in the message")
	}
	s.ttls = be.AppendUint16(s.ttls, uint16(at+4))
	ttl := boundTTL(be.Uint32(msg[at+4:]))
	switch {
	case section == answerSection && (typ == s.qtype || s.qtype == TypeANY):
		s.answered = true
	case section == authoritySection && typ == TypeSOA:
		s.soa = true
		ttl = min(ttl, boundTTL(be.Uint32(msg[end-4:]))) // MINIMUM
	}
	be.PutUint32(msg[at+4:], ttl)
	s.least = min(s.least, ttl)
	s.at = end
	return s.target(section, typ, owner, data, end)
}

// long reports whether size octets can be the data of a record of that type.
// Servers and miekg/dns let shorter ones through, up to none at all, which a
// client may stumble over.
func long(typ uint16, size int) bool {
	switch typ {
	case TypeA:
		return size == 4
	case TypeAAAA:
		return size == 16
	case TypeSOA:
		return size >= 22 // two names of the root and five figures
	case TypeCNAME, TypeDNAME, TypeNS, TypePTR, TypeTXT:
		return size >= 1
	case TypeSVCB, TypeHTTPS, TypeMX:
		return size >= 3
	case TypeSRV:
		return size >= 7
	}
	return true
}

// target notes the name that the record leads to.
func (s *scan) target(section int, typ uint16, owner, data, end int) error {
	msg := s.msg
	switch {
	case typ == TypeCNAME || typ == TypeDNAME:
	case typ == TypeSVCB || typ == TypeHTTPS:
		if end < data+3 {
			return errRecord
		}
		if data += 2; msg[data] == 0 {
			data = owner // "." means the owner itself (RFC 9460, section 2.5)
		}
	case section == additionalSection && (typ == TypeA || typ == TypeAAAA):
		data = owner
	default:
		return nil
	}
	length := len(s.names)
	names, err := appendExpanded(append(s.names, 0), msg[:end], data)
	if err != nil {
		return err
	}
	names[length] = uint8(len(names) - length - 1)
	s.names = names
	return nil
}

// lifetime says for how long the whole may be kept, in seconds, and whether
// nothing but its TTLs could be against keeping it.
func (s *scan) lifetime() (life uint32, keepable bool) {
	flags := be.Uint16(s.msg[2:])
	if flags&flagTC != 0 {
		return 0, false
	}
	switch rcode := flags & maskRcode; {
	case rcode == NoError && s.answered:
		return s.least, true
	case (rcode == NoError || rcode == NXDomain) && s.soa:
		return min(s.least, MaxNegativeTTL), true
	}
	return 0, false
}

// boundTTL brings a TTL within its bounds; one with its top bit set counts as
// zero (RFC 2181, section 8).
func boundTTL(ttl uint32) uint32 {
	if ttl > 1<<31-1 {
		return 0
	}
	return min(ttl, MaxTTL)
}
