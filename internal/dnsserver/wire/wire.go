// Package wire reads DNS questions from raw bytes and writes answers to them,
// without a message type in between.
//
// A Question is a plain value with no pointers in it: it can be used again for
// the next packet, or copied whole for a worker. Parse fills it; the Append
// functions write a whole reply to it behind what a caller's buffer holds, and
// allocate only where that buffer is too small. A Response is somebody else's
// packed reply, looked through once so that it can be sent many times.
//
// Names are kept in their wire form (RFC 1035, section 3.1). A key is such a
// name in lower case: a length octet is at most 63, below 'A', so lowering
// every octet of a name leaves the lengths alone.
package wire

import "encoding/binary"

// Sizes, in octets.
const (
	// HeaderLen is the size of a message's header (RFC 1035, section 4.1.1).
	HeaderLen = 12
	// MaxName is the longest name in wire form (RFC 1035, section 2.3.4).
	MaxName = 255
	// MaxMessage is the longest message, which only TCP carries.
	MaxMessage = 65535
	// UDPSize is the payload we offer and never exceed over UDP; it passes
	// unfragmented nearly everywhere (DNS flag day 2020).
	UDPSize = 1232
	// minUDP is what every client takes (RFC 1035, section 4.2.1).
	minUDP = 512
	// maxLabel is the longest label (RFC 1035, section 2.3.4).
	maxLabel = 63
	// keyTail is type, class and flags behind the name in Question.Key.
	keyTail = 5
	// optLen is an OPT record without options (RFC 6891, section 6.1.2).
	optLen = 11
)

// Types that the server treats in a way of their own, by IANA number.
const (
	TypeA     uint16 = 1
	TypeNS    uint16 = 2
	TypeCNAME uint16 = 5
	TypeSOA   uint16 = 6
	TypePTR   uint16 = 12
	TypeMX    uint16 = 15
	TypeTXT   uint16 = 16
	TypeAAAA  uint16 = 28
	TypeSRV   uint16 = 33
	TypeDNAME uint16 = 39
	TypeOPT   uint16 = 41
	TypeDS    uint16 = 43
	TypeSVCB  uint16 = 64
	TypeHTTPS uint16 = 65
	TypeTKEY  uint16 = 249
	TypeAXFR  uint16 = 252
	TypeANY   uint16 = 255
)

// ClassIN is the Internet class.
const ClassIN uint16 = 1

// Response codes (RFC 1035, section 4.1.1; RFC 6891, section 9).
const (
	NoError  uint16 = 0
	FormErr  uint16 = 1
	ServFail uint16 = 2
	NXDomain uint16 = 3
	NotImp   uint16 = 4
	Refused  uint16 = 5
	YXDomain uint16 = 6
	BadVers  uint16 = 16
)

// Bits of the header's second word.
const (
	flagQR     uint16 = 1 << 15
	maskOpcode uint16 = 15 << 11
	flagAA     uint16 = 1 << 10
	flagTC     uint16 = 1 << 9
	flagRD     uint16 = 1 << 8
	flagRA     uint16 = 1 << 7
	flagAD     uint16 = 1 << 5
	flagCD     uint16 = 1 << 4
	maskRcode  uint16 = 15
)

// flagDO is the DO bit in an OPT record's TTL (RFC 3225, section 3).
const flagDO uint32 = 1 << 15

var be = binary.BigEndian

// lower returns the octet c with A to Z made a to z (RFC 4343).
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
