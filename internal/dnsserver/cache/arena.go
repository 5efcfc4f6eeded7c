package cache

// The memory of a shard: an index, and entries one behind the other.
//
// It is one piece of a fixed size, and what refers to an entry is its place in
// it, so that the garbage collector has nothing to follow and the bound holds
// whatever the entries are. What is removed leaves a gap; when the end is
// reached, the entries are moved together.

import (
	"unsafe"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

const (
	// word is the unit of places and sizes, in octets.
	word = 8
	// headWords is what an entry takes beside its octets.
	headWords = ref(unsafe.Sizeof(entry{}) / word)
	// indexPart of the memory, in octets to one chain, makes chains of one or
	// two entries where entries are of the usual size.
	indexPart = 128
)

// An entry is a whole number of words.
var _ [0]struct{} = [unsafe.Sizeof(entry{}) % word]struct{}{}

// ref is where an entry stands, in words; 0 is nowhere.
type ref uint32

// arena is a part of the memory, filled from its start on.
type arena struct{ start, head, end ref }

func (a *arena) size() ref { return a.end - a.start }

// memory is all of a shard's. Its methods need the shard's lock, and what at
// and octets return is good only while it is held.
type memory struct {
	words []uint64
	index []ref // where each chain of entries with the same hash starts
	// replies are those on probation and the established ones, failures in a
	// part of their own.
	replies, failures arena
}

// newMemory cuts mem, zeros at the alignment of a word, into its parts.
func newMemory(mem []byte) memory {
	m := memory{words: unsafe.Slice((*uint64)(unsafe.Pointer(&mem[0])), len(mem)/word)}
	chains := 2
	for chains*2*indexPart <= len(mem) {
		chains *= 2
	}
	m.index = unsafe.Slice((*ref)(unsafe.Pointer(&mem[0])), chains)
	size := ref(len(m.words))
	start := min(ref(chains)/2, size) // two to a word; no entry stands at 0
	end := start + (size-start)/failedPart
	m.failures = arena{start, start, end}
	m.replies = arena{end, end, size}
	return m
}

func (m *memory) at(r ref) *entry { return (*entry)(unsafe.Pointer(&m.words[r])) }

// octets are those of the entry at r: a reply as wire.Response.AppendStored
// writes it, the question in it in lower case; of a failure, name, type and
// class only.
func (m *memory) octets(r ref) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&m.words[r+headWords])), m.at(r).size)
}

// response returns the reply at r.
func (m *memory) response(r ref) wire.Response { return wire.Stored(m.octets(r)) }

// question returns name, type and class that the entry at r is about.
func (m *memory) question(r ref) []byte {
	e, from := m.at(r), 0
	if e.segment != failed {
		from = wire.HeaderLen
	}
	return m.octets(r)[from : from+int(e.name)+4]
}

// name returns the key of the name that the entry at r is about.
func (m *memory) name(r ref) []byte { return m.question(r)[:m.at(r).name] }

// find returns where the entry for a question's key is.
func (m *memory) find(key []byte, hash uint32) ref {
	if m.closed() {
		return 0
	}
	last := len(key) - 1
	for r := *m.chain(hash); r != 0; r = m.at(r).chain {
		if e := m.at(r); e.hash == hash && e.mark == key[last] && string(m.question(r)) == string(key[:last]) {
			return r
		}
	}
	return 0
}

// closed reports whether the memory is only read any more, by Resize.
func (m *memory) closed() bool { return m.index == nil }

// chain returns where the chain for a hash starts. Its lowest bits have chosen
// the shard.
func (m *memory) chain(hash uint32) *ref {
	return &m.index[hash/maxShards&uint32(len(m.index)-1)]
}

// linkTo returns the link of a chain that leads to the entry at r.
func (m *memory) linkTo(r ref, hash uint32) *ref {
	link := m.chain(hash)
	for *link != r {
		link = &m.at(*link).chain
	}
	return link
}

// wordsFor returns what an entry with size octets takes.
func wordsFor(size int) ref { return headWords + ref((size+word-1)/word) }

func (e *entry) words() ref { return wordsFor(int(e.size)) }
