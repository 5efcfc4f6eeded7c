package mqtt

// The properties of a CONNACK (5.0, section 3.2.2.3). Nothing in them is of use
// here; that they are well made tells a broker from something else.

import "encoding/binary"

// kind is how a property's value is written (section 1.5).
type kind byte

const (
	aByte kind = iota + 1
	twoBytes
	fourBytes
	aString // of text or of bytes
	aPair   // of strings
)

// kinds are the properties that a CONNACK may have.
var kinds = map[byte]kind{
	0x11: fourBytes, // session expiry interval
	0x12: aString,   // assigned client identifier
	0x13: twoBytes,  // server keep alive
	0x15: aString,   // authentication method
	0x16: aString,   // authentication data
	0x1a: aString,   // response information
	0x1c: aString,   // server reference
	0x1f: aString,   // reason string
	0x21: twoBytes,  // receive maximum
	0x22: twoBytes,  // topic alias maximum
	0x24: aByte,     // maximum QoS
	0x25: aByte,     // retain available
	0x26: aPair,     // user property
	0x27: fourBytes, // maximum packet size
	0x28: aByte,     // wildcard subscription available
	0x29: aByte,     // subscription identifiers available
	0x2a: aByte,     // shared subscription available
}

// properties reports whether data is exactly a list of properties with its
// length before it.
func properties(data []byte) bool {
	length, n := binary.Uvarint(data)
	if n <= 0 || n > 4 || length != uint64(len(data)-n) {
		return false
	}
	seen := map[byte]bool{}
	for data = data[n:]; len(data) > 0; {
		id := data[0]
		if seen[id] && kinds[id] != aPair {
			return false // it may be there once (section 3.2.2.3)
		}
		seen[id] = true
		size, ok := valueSize(kinds[id], data[1:])
		if !ok || size > len(data)-1 {
			return false
		}
		data = data[1+size:]
	}
	return true
}

// valueSize is how many bytes a value takes up at the start of data.
func valueSize(k kind, data []byte) (size int, ok bool) {
	switch k {
	case aByte:
		return 1, true
	case twoBytes:
		return 2, true
	case fourBytes:
		return 4, true
	case aString, aPair:
		for range int(k-aString) + 1 {
			if len(data) < size+2 {
				return 0, false
			}
			size += 2 + int(binary.BigEndian.Uint16(data[size:]))
		}
		return size, true
	default:
		return 0, false // unknown
	}
}
