package wire

// Writing replies of our own.

import "net/netip"

// Pointer to the question's name (RFC 1035, section 4.1.4). An owner written
// so has the case that the client asked in, octet for octet.
const nameAtQuestion uint16 = 0xC000 | HeaderLen

// responsible is the RNAME of our SOA records: nobody.invalid.
const responsible = "\x06nobody\x07invalid\x00"

// Figures of our SOA records, in seconds; nobody transfers these zones.
const (
	soaSerial  = 1
	soaRefresh = 3600
	soaRetry   = 1200
	soaExpire  = 604800
)

// AppendAddrs appends a reply to q with a record for each of addrs, A or AAAA
// as the address is, with the TTL in seconds. A reply longer than limit octets
// is cut to a truncated one without answers.
func AppendAddrs(dst []byte, q *Question, addrs []netip.Addr, ttl uint32, limit int) []byte {
	return AppendChainAddrs(dst, q, nil, addrs, ttl, limit)
}

// AppendPTR appends a reply to q with one PTR record to target, a name in wire
// form.
func AppendPTR(dst []byte, q *Question, target []byte, ttl uint32) []byte {
	dst = q.begin(dst, flagAA, 1, 0)
	dst = append(appendRR(dst, nameAtQuestion, TypePTR, ttl, len(target)), target...)
	return q.end(dst, NoError)
}

// AppendNoData appends a reply to q that says that the name is there and has
// no such record. It carries an SOA record owned by the name itself, without
// which nobody would remember the answer (RFC 2308, section 5); its TTL and
// MINIMUM are ttl seconds.
func AppendNoData(dst []byte, q *Question, ttl uint32) []byte {
	return AppendNegative(dst, q, NoError, 0, ttl)
}

// AppendNegative appends a reply to q with rcode (NoError or NXDomain) and the
// SOA record of the zone whose name starts at octet apex of the question's
// name, as Suffix gives it.
func AppendNegative(dst []byte, q *Question, rcode uint16, apex int, ttl uint32) []byte {
	dst = q.begin(dst, flagAA|rcode&maskRcode, 0, 1)
	return q.end(appendSOA(dst, nameAtQuestion+uint16(apex), ttl), rcode)
}

// soaLen is an SOA record of ours in octets.
const soaLen = 12 + 2 + len(responsible) + 20

// appendSOA appends the SOA record of the name that owner points to.
func appendSOA(dst []byte, owner uint16, ttl uint32) []byte {
	dst = appendRR(dst, owner, TypeSOA, ttl, soaLen-12)
	dst = be.AppendUint16(dst, owner) // MNAME
	dst = append(dst, responsible...)
	for _, figure := range [...]uint32{soaSerial, soaRefresh, soaRetry, soaExpire, ttl} {
		dst = be.AppendUint32(dst, figure)
	}
	return dst
}

// AppendRcode appends a reply to q that says only rcode. The question is
// repeated where it could be read.
func AppendRcode(dst []byte, q *Question, rcode uint16) []byte {
	return q.end(q.begin(dst, rcode&maskRcode, 0, 0), rcode)
}

// AppendTruncated appends a reply to q that says only that the answer is too
// long for UDP.
func AppendTruncated(dst []byte, q *Question) []byte {
	return q.end(q.begin(dst, flagTC, 0, 0), NoError)
}

// begin appends the header and the question. RD and CD are the client's, RA is
// always set, AD and Z never.
func (q *Question) begin(dst []byte, flags uint16, answers, authority int) []byte {
	questions, additional := uint16(0), uint16(0)
	if q.known {
		questions = 1
	}
	if q.EDNS {
		additional = 1
	}
	dst = be.AppendUint16(dst, q.ID)
	dst = be.AppendUint16(dst, flagQR|flagRA|flags|q.flags&(maskOpcode|flagRD|flagCD))
	dst = be.AppendUint16(dst, questions)
	dst = be.AppendUint16(dst, uint16(answers))
	dst = be.AppendUint16(dst, uint16(authority))
	dst = be.AppendUint16(dst, additional)
	if q.known {
		dst = append(dst, q.raw[:q.name+4]...)
	}
	return dst
}

// end appends our OPT record if the client sent one. The upper bits of rcode
// go into it (RFC 6891, section 6.1.3); DO is the client's (RFC 3225).
func (q *Question) end(dst []byte, rcode uint16) []byte {
	if !q.EDNS {
		return dst
	}
	ttl := uint32(rcode>>4) << 24
	if q.DO {
		ttl |= flagDO
	}
	dst = append(dst, 0)
	dst = be.AppendUint16(dst, TypeOPT)
	dst = be.AppendUint16(dst, UDPSize)
	dst = be.AppendUint32(dst, ttl)
	dst = be.AppendUint16(dst, uint16(q.options.size()))
	return q.options.appendTo(dst)
}

// appendRR appends a record up to its data, of which size octets must follow.
func appendRR(dst []byte, owner, typ uint16, ttl uint32, size int) []byte {
	dst = be.AppendUint16(dst, owner)
	dst = be.AppendUint16(dst, typ)
	dst = be.AppendUint16(dst, ClassIN)
	dst = be.AppendUint32(dst, ttl)
	return be.AppendUint16(dst, uint16(size))
}
