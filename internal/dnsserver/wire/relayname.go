package wire

// The names in replies that are relayed.

import "bytes"

// expand reads the name at octet at of the reply into l, following pointers,
// each of which must point further back than the last, to what ends before
// where it was pointed from: a prior occurrence of a name (RFC 1035, section
// 4.1.4), and not octets that happen to read as one. It returns where the name
// ends. What of it the server copied from the query gets the question's case
// back.
func (r *relay) expand(l *link, at int) (end int, ok bool) {
	msg, n, floor := r.msg, 0, at
	limit := len(msg)
	for {
		if at >= limit {
			return 0, false
		}
		size := int(msg[at])
		switch {
		case size == 0:
			l.octets[n] = 0
			l.n = n + 1
			if end == 0 {
				end = at + 1
			}
			r.unmix(l)
			return end, true
		case size >= 0xC0 && at+2 <= limit:
			to := int(be.Uint16(msg[at:]) & 0x3FFF)
			if to >= floor || to < HeaderLen {
				return 0, false
			}
			if end == 0 {
				end = at + 2
			}
			at, floor, limit = to, to, floor
		case size <= maxLabel && at+1+size <= limit && n+1+size+1 <= MaxName:
			n += copy(l.octets[n:], msg[at:at+1+size])
			at += 1 + size
		default:
			return 0, false
		}
	}
}

// unmix puts the end of l that is also the end of the query's name, octet for
// octet, in lower case.
func (r *relay) unmix(l *link) {
	sent := r.query[HeaderLen : HeaderLen+r.q.name]
	for skip := range r.q.labels {
		from := int(r.q.starts[skip])
		if at := l.n - (r.q.name - from); at >= 0 && bytes.Equal(l.octets[at:l.n], sent[from:]) {
			copy(l.octets[at:l.n], r.q.key[from:r.q.name])
			return
		}
	}
}

// inChain reports whether a name is in the chain already.
func (r *relay) inChain(name []byte) bool {
	for i := range r.links + 1 {
		if equalFold(r.chain[i].name(), name) {
			return true
		}
	}
	return false
}

// above reports whether zone is a name of the chain or above one.
func (r *relay) above(zone []byte) bool {
	for i := range r.links + 1 {
		name := r.chain[i].name()
		for len(name) > len(zone) {
			name = name[1+int(name[0]):]
		}
		if equalFold(name, zone) {
			return true
		}
	}
	return false
}

// equalFold compares two names as DNS does: A to Z only (RFC 4343).
func equalFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// begin appends a record up to its data's length, with an owner unless that
// stands there already. finish fills in the length.
func (r *relay) begin(owner, typ uint16, ttl []byte) {
	if owner != 0 {
		r.dst = be.AppendUint16(r.dst, owner)
	}
	r.dst = be.AppendUint16(r.dst, typ)
	r.dst = be.AppendUint16(r.dst, r.q.Class)
	r.dst = append(append(r.dst, ttl...), 0, 0)
	r.data = len(r.dst)
}

func (r *relay) finish() { be.PutUint16(r.dst[r.data-2:], uint16(len(r.dst)-r.data)) }

// write appends a name, with a pointer to the end of one of the chain's where
// they are the same, and notes where.
func (r *relay) write(l *link) {
	l.at = len(r.dst) - r.base
	for at := 0; at < l.n-1; at += 1 + int(l.octets[at]) {
		if to := r.find(l.octets[at:l.n]); to != 0 {
			l.whole = at
			r.dst = be.AppendUint16(append(r.dst, l.octets[:at]...), 0xC000|uint16(to))
			return
		}
	}
	l.whole = l.n
	r.dst = append(r.dst, l.octets[:l.n]...)
}

// find returns where in the answer the name end stands, 0 where it does not.
func (r *relay) find(end []byte) int {
	for i := range r.links + 1 {
		l := &r.chain[i]
		at := 0
		for l.n-at > len(end) {
			at += 1 + int(l.octets[at])
		}
		if at < l.whole && l.at+at < 0x4000 && bytes.Equal(l.octets[at:l.n], end) {
			return l.at + at
		}
	}
	return 0
}
