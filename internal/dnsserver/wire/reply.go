package wire

// Writing replies of our own.

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

// soaRR is such a record, but for its owner, which is MNAME as well, and its
// TTL, which is MINIMUM as well.
var soaRR = packSOA()

func packSOA() (packed [soaLen]byte) {
	rr := be.AppendUint16(appendRR(packed[:0], 0, TypeSOA, 0, soaLen-12), 0)
	rr = append(rr, responsible...)
	for _, figure := range [...]uint32{soaSerial, soaRefresh, soaRetry, soaExpire, 0} {
		rr = be.AppendUint32(rr, figure)
	}
	return packed
}

// appendSOA appends the SOA record of the name that owner points to.
func appendSOA(dst []byte, owner uint16, ttl uint32) []byte {
	dst = append(dst, soaRR[:]...)
	rr := (*[soaLen]byte)(dst[len(dst)-soaLen:])
	be.PutUint16(rr[:], owner)
	be.PutUint32(rr[6:], ttl)
	be.PutUint16(rr[12:], owner)
	be.PutUint32(rr[soaLen-4:], ttl)
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
	flags |= flagQR | flagRA | q.flags&(maskOpcode|flagRD|flagCD)
	var head [HeaderLen]byte
	be.PutUint64(head[:], uint64(q.ID)<<48|uint64(flags)<<32|uint64(questions)<<16|uint64(uint16(answers)))
	be.PutUint32(head[8:], uint32(uint16(authority))<<16|uint32(additional))
	dst = append(dst, head[:]...)
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
	var opt [optLen]byte
	be.PutUint32(opt[1:], uint32(TypeOPT)<<16|uint32(UDPSize))
	be.PutUint32(opt[5:], ttl)
	be.PutUint16(opt[9:], uint16(q.options.size()))
	dst = append(dst, opt[:]...)
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
