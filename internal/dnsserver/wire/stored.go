package wire

// Responses as octets, to be kept where the garbage collector does not look.

// storedTail is what AppendStored writes behind a response's octets: the sizes
// of its parts, its lifetime and the size of the question's name.
const storedTail = 2 + 2 + 4 + 1

// StoredLen returns how many octets AppendStored appends.
func (r *Response) StoredLen() int { return len(r.octets) + storedTail }

// AppendStored appends r, which must have a Lifetime, so that Stored can read
// it. The packed reply comes first.
func (r *Response) AppendStored(dst []byte) []byte {
	dst = append(dst, r.octets...)
	dst = be.AppendUint16(dst, uint16(r.reply))
	dst = be.AppendUint16(dst, uint16(r.ttls-r.reply))
	dst = be.AppendUint32(dst, r.life)
	return append(dst, r.name)
}

// Stored returns the response in what AppendStored appended and nobody has
// changed. It stays in these octets, and is good as long as they are left
// alone.
func Stored(octets []byte) Response {
	end := len(octets) - storedTail
	tail := octets[end:]
	r := Response{octets: octets[:end:end], reply: uint32(be.Uint16(tail)), life: be.Uint32(tail[4:]), name: tail[8], keepable: true}
	r.ttls = r.reply + uint32(be.Uint16(tail[2:]))
	return r
}

// Packed returns the packed reply, without an OPT record. The slice is r's
// own; it must not be changed.
func (r *Response) Packed() []byte { return r.octets[:r.reply:r.reply] }

// Answers reports whether r is the reply to a question with this key, as
// Question.Key gives it, whatever its mark. Case does not count (RFC 4343).
func (r *Response) Answers(key []byte) bool {
	name := int(r.name)
	if len(key) != name+keyTail {
		return false
	}
	asked := r.octets[HeaderLen:]
	for i, c := range key[:name] {
		if lower(asked[i]) != c {
			return false
		}
	}
	return string(asked[name:name+4]) == string(key[name:name+4])
}
