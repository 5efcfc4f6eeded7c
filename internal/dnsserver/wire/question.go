package wire

// Reading a question out of a packet.

// Outcome is what a packet calls for.
type Outcome uint8

const (
	// Good means that the question is read and wants an answer.
	Good Outcome = iota
	// Drop means that nothing may be sent back: the packet is too short to
	// have a header, or it is itself a response, and answering responses
	// makes two servers talk for ever.
	Drop
	// Bad means that FormErr is the answer.
	Bad
	// Unsupported means that NotImp is the answer: the opcode is not QUERY.
	Unsupported
	// Version means that BadVers is the answer: an EDNS version that is not 0
	// (RFC 6891, section 6.1.3).
	Version
	// OnlyCookie means that there is no question, but a client cookie that
	// asks for ours: NoError is the answer (RFC 7873, section 5.4).
	OnlyCookie
)

// Question is one question with what its header and OPT record say. It holds
// no reference to the packet it was read from.
type Question struct {
	// ID is the message's ID.
	ID uint16
	// Type and Class are the question's.
	Type, Class uint16
	// UDPSize is what the client takes over UDP, as it says; meaningful only
	// with EDNS.
	UDPSize uint16
	// EDNS is whether there is an OPT record, DO whether its DO bit is set.
	EDNS, DO bool

	flags  uint16 // the header's second word, as asked
	known  bool   // whether the question itself could be read
	hash   uint64 // of the key's name
	name   int    // octets of the name
	labels int    // labels before the root
	raw    [MaxName + 4]byte
	key    [MaxName + keyTail]byte
	starts [MaxName / 2]uint8 // where each label starts in the name

	options options
}

// Parse reads the question in packet into q, which it overwrites. Whatever the
// outcome but Drop, q is filled far enough for the reply that it calls for.
//
// One question and at most one OPT record are all that a query may hold;
// anything else is Bad. Of EDNS options, cookies and keepalives are read, and
// the framing of all (RFC 6891, section 6.1.2). Octets behind the message are
// left alone.
func Parse(q *Question, packet []byte) Outcome {
	q.EDNS, q.DO, q.known, q.UDPSize = false, false, false, 0
	q.Type, q.Class, q.name, q.labels = 0, 0, 0, 0
	q.options = options{}
	if len(packet) < HeaderLen {
		return Drop
	}
	q.ID, q.flags = be.Uint16(packet), be.Uint16(packet[2:])
	if q.flags&flagQR != 0 {
		return Drop
	}
	if q.flags&maskOpcode != 0 {
		return Unsupported
	}
	questions, answers := be.Uint16(packet[4:]), be.Uint16(packet[6:])
	authority, additional := be.Uint16(packet[8:]), be.Uint16(packet[10:])
	if questions == 0 && answers == 0 && authority == 0 && additional == 1 {
		if out := q.readOPT(packet[HeaderLen:]); out != Good {
			return out
		} else if q.options.cookieLen != 0 {
			return OnlyCookie
		}
	}
	if questions != 1 || answers != 0 || authority != 0 || additional > 1 {
		return Bad
	}
	next, ok := q.readQuestion(packet)
	if !ok {
		return Bad
	}
	if additional == 1 {
		return q.readOPT(packet[next:])
	}
	return Good
}

// readQuestion reads name, type and class and returns where they end.
func (q *Question) readQuestion(packet []byte) (next int, ok bool) {
	at, labels := HeaderLen, 0
	for {
		if at >= len(packet) {
			return 0, false
		}
		size := int(packet[at])
		if size == 0 {
			break
		}
		// A pointer (0xC0) is larger than any label, so it ends here too.
		if size > maxLabel || at-HeaderLen+1+size+1 > MaxName {
			return 0, false
		}
		q.starts[labels] = uint8(at - HeaderLen)
		labels++
		at += size + 1
	}
	n := at + 1 - HeaderLen
	if at += 5; at > len(packet) {
		return 0, false
	}
	q.Type, q.Class = be.Uint16(packet[at-4:]), be.Uint16(packet[at-2:])
	if q.Type == 0 || q.Type == TypeOPT {
		return 0, false // no data has these types (RFC 6895, section 3.1)
	}
	copy(q.raw[:], packet[HeaderLen:at])
	q.setKey(n)
	q.known, q.name, q.labels = true, n, labels
	q.setKeyFlags()
	return at, true
}

// readOPT reads the one record that may follow the question.
func (q *Question) readOPT(rr []byte) Outcome {
	if len(rr) < optLen || rr[0] != 0 || be.Uint16(rr[1:]) != TypeOPT {
		return Bad
	}
	options := rr[optLen:]
	size := int(be.Uint16(rr[9:]))
	if size > len(options) {
		return Bad
	}
	ttl := be.Uint32(rr[5:])
	q.EDNS, q.UDPSize, q.DO = true, be.Uint16(rr[3:]), ttl&flagDO != 0
	q.setKeyFlags()
	if !q.options.read(options[:size]) {
		return Bad
	}
	if ttl>>16&0xff != 0 {
		return Version
	}
	return Good
}

// setKeyFlags writes the last octet of the key.
func (q *Question) setKeyFlags() {
	var f byte
	if q.DO {
		f |= 1
	}
	if q.CD() {
		f |= 2
	}
	q.key[q.name+keyTail-1] = f
}

// Name returns the name's octets as they were asked, in wire form. The slice
// is q's own; it must not be changed.
func (q *Question) Name() []byte { return q.raw[:q.name] }

// NameKey returns the name in lower case, in wire form. The slice is q's own;
// it must not be changed.
func (q *Question) NameKey() []byte { return q.key[:q.name] }

// Key returns what tells questions apart whose answers differ: the name in
// lower case, type, class, DO and CD. EDNS options are no part of it. The
// slice is q's own; it must not be changed.
func (q *Question) Key() []byte { return q.key[:q.name+keyTail] }

// Hash returns the hash of NameKey: for names that are equal but for their case
// it is the same, as long as this process lives.
func (q *Question) Hash() uint64 { return q.hash }

// Labels returns how many labels the name has before the root.
func (q *Question) Labels() int { return q.labels }

// Suffix returns the key of the name without its first skip labels, and where
// in the name it starts. Skip must not be more than Labels.
func (q *Question) Suffix(skip int) (key []byte, at int) {
	at = q.name - 1
	if skip < q.labels {
		at = int(q.starts[skip])
	}
	return q.key[at:q.name], at
}

// CD reports whether the client asked for unchecked data (RFC 4035, 3.2.2).
func (q *Question) CD() bool { return q.flags&flagCD != 0 }

// WantsAD reports whether the client understands the AD bit (RFC 6840,
// section 5.7).
func (q *Question) WantsAD() bool { return q.DO || q.flags&flagAD != 0 }

// UDPLimit returns the largest reply, in octets, that may go to the client
// over UDP: what it takes, within 512 and UDPSize, without the options that
// the reply carries.
func (q *Question) UDPLimit() int {
	if !q.EDNS {
		return minUDP
	}
	return min(max(int(q.UDPSize), minUDP), UDPSize) - q.options.size()
}
