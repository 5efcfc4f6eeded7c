package pcp

// PCP: a MAP request and its answer (RFC 6887, sections 7 and 11).

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"time"
)

const (
	opMap       = 1
	headerSize  = 24
	mapSize     = 36
	maxPacket   = 1100 // octets of a PCP message (section 7)
	udpProtocol = 17
)

// Map is a request for a mapping of a UDP port. Make one with NewMap.
type Map struct {
	nonce [12]byte
	local netip.Addr
	port  uint16
}

// NewMap returns a request for the port of local's with a nonce that nobody
// can guess, so that nobody else can answer or take the mapping over.
func NewMap(local netip.Addr, port uint16) Map {
	m := Map{local: local, port: port}
	rand.Read(m.nonce[:]) // never fails
	return m
}

// Request is the message that asks for the mapping for a lifetime in whole
// seconds; zero asks to delete it (section 15).
func (m Map) Request(lifetime time.Duration) []byte {
	p := make([]byte, headerSize+mapSize)
	p[0], p[1] = versionPCP, opMap
	binary.BigEndian.PutUint32(p[4:], uint32(lifetime/time.Second))
	local := m.local.As16() // IPv4 as ::ffff:a.b.c.d (section 5)
	copy(p[8:], local[:])
	copy(p[24:], m.nonce[:])
	p[36] = udpProtocol
	binary.BigEndian.PutUint16(p[40:], m.port)
	// No external port or address is suggested: all-zero IPv4 (section 11.1),
	// and the same for a deletion.
	none := netip.AddrFrom4([4]byte{}).As16()
	copy(p[44:], none[:])
	return p
}

// Parse reads an answer to the request. A refusal is a *Refusal; whatever does
// not answer this very request is an ErrStray.
func (m Map) Parse(packet []byte) (Address, error) {
	if len(packet) >= 4 && packet[0] == versionNATPMP && packet[1]&answerBit != 0 {
		return Address{}, &Refusal{Protocol: "PCP", Code: 1, Speaks: "NAT-PMP"} // appendix A
	}
	code, epoch, err := parseHeader(packet, opMap)
	if err != nil {
		return Address{}, err
	}
	if len(packet) < headerSize+mapSize {
		if code != 0 {
			return Address{}, &Refusal{Protocol: "PCP", Code: code} // no copy of the request came with it
		}
		return Address{}, ErrStray
	}
	if [12]byte(packet[24:36]) != m.nonce || packet[36] != udpProtocol || binary.BigEndian.Uint16(packet[40:]) != m.port {
		return Address{}, ErrStray
	}
	if code != 0 {
		return Address{}, &Refusal{Protocol: "PCP", Code: code}
	}
	addr := netip.AddrFrom16([16]byte(packet[44:60]))
	if addr.IsUnspecified() {
		return Address{Addr: netip.IPv4Unspecified(), Epoch: epoch}, nil
	}
	if !addr.Is4In6() {
		return Address{}, ErrStray // an IPv4 port was mapped to something else
	}
	return Address{Addr: addr.Unmap(), Epoch: epoch}, nil
}

// parseHeader reads the header of an answer (section 7.2).
func parseHeader(packet []byte, op byte) (code uint16, epoch uint32, err error) {
	switch {
	case len(packet) < headerSize, len(packet) > maxPacket, len(packet)%4 != 0:
		return 0, 0, ErrStray
	case packet[1] != answerBit|op:
		return 0, 0, ErrStray
	case packet[0] != versionPCP && packet[3] != 1:
		return 0, 0, ErrStray // only the refusal of the version has another one
	}
	return uint16(packet[3]), binary.BigEndian.Uint32(packet[8:]), nil
}
