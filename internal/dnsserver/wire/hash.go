package wire

// Lowering and hashing names, eight octets at a time.

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

var le = binary.LittleEndian

// seed makes hashes differ from process to process, so that nobody can find
// names in advance that meet in a table.
var seed = [2]uint64{rand.Uint64(), rand.Uint64() | 1}

// mix adds eight octets to a hash.
func mix(hash, octets uint64) uint64 {
	high, low := bits.Mul64(hash^octets, seed[1])
	return high ^ low
}

// Hash returns the hash of a name's key, as Question.Hash does.
func Hash[K ~string | ~[]byte](key K) uint64 {
	hash := seed[0]
	for len(key) >= 8 {
		hash = mix(hash, uint64(key[0])|uint64(key[1])<<8|uint64(key[2])<<16|uint64(key[3])<<24|
			uint64(key[4])<<32|uint64(key[5])<<40|uint64(key[6])<<48|uint64(key[7])<<56)
		key = key[8:]
	}
	if len(key) == 0 {
		return hash
	}
	var last uint64
	for i := range len(key) {
		last |= uint64(key[i]) << (8 * i)
	}
	return mix(hash, last)
}

// Each octet of a word.
const (
	eachOctet = 0x0101010101010101
	topBits   = 0x80 * eachOctet
)

// lower8 is lower for eight octets at once.
func lower8(word uint64) uint64 {
	low := word &^ topBits
	fromA := low + (0x80-'A')*eachOctet // has the top bit where the octet is 'A' or more
	overZ := low + (0x7f-'Z')*eachOctet // and here where it is more than 'Z'
	upper := (fromA ^ overZ) & topBits &^ word
	return word | upper>>2
}

// setKey fills in key and hash, but for the key's last octet, from the name of n
// octets with type and class behind it in raw. The arrays have room for whole
// words.
func (q *Question) setKey(n int) {
	hash, i := seed[0], 0
	for ; i+8 <= n; i += 8 {
		word := lower8(le.Uint64(q.raw[i:]))
		le.PutUint64(q.key[i:], word)
		hash = mix(hash, word)
	}
	if rest := n - i; rest > 0 {
		word := lower8(le.Uint64(q.raw[i:])) & (1<<(8*rest) - 1)
		le.PutUint64(q.key[i:], word)
		hash = mix(hash, word)
	}
	q.hash = hash
	le.PutUint32(q.key[n:], le.Uint32(q.raw[n:]))
}
