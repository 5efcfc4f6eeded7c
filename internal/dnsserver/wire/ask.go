package wire

// Questions of our own, and questions turned to another name.

// Ask makes q a question of our own about name, which is in wire form: with
// RD, with EDNS, and with DO where do says so. It reports false where name is
// none.
func (q *Question) Ask(name []byte, qtype uint16, do bool) bool {
	*q = Question{flags: flagRD, EDNS: true, DO: do, UDPSize: UDPSize}
	return q.set(name, qtype, ClassIN)
}

// Turn makes q the question that from is, but about name, which is in wire form
// and keeps its case. The client, and so the form of the reply, stays the same.
// It reports false where name is none.
func (q *Question) Turn(from *Question, name []byte) bool {
	*q = *from
	return q.set(name, from.Type, from.Class)
}

// Mark says whose answer to q is meant, where that differs by config: it is
// part of Key, so that answers with different marks are kept apart. A mark is
// less than 64; that of a question just read is 0.
func (q *Question) Mark(mark uint8) {
	last := &q.key[q.name+keyTail-1]
	*last = *last&3 | mark<<2
}

// set fills in the question itself.
func (q *Question) set(name []byte, qtype, class uint16) bool {
	q.Type, q.Class, q.known, q.name, q.labels = qtype, class, false, 0, 0
	n, labels := 0, 0
	for {
		if n >= len(name) {
			return false
		}
		size := int(name[n])
		if size == 0 {
			n++
			break
		}
		if size > maxLabel || n+1+size+1 > MaxName {
			return false
		}
		q.starts[labels] = uint8(n)
		labels++
		n += 1 + size
	}
	if n != len(name) {
		return false
	}
	copy(q.raw[:], name)
	be.PutUint16(q.raw[n:], qtype)
	be.PutUint16(q.raw[n+2:], class)
	q.setKey(n)
	q.known, q.name, q.labels = true, n, labels
	q.setKeyFlags()
	return true
}
