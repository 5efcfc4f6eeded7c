package pcp

// PCP: a MAP request and its answer (RFC 6887, sections 7 and 11).

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	opMap      = 1
	headerSize = 24
	mapSize    = 36
	maxPacket  = 1100 // octets of a PCP message (section 7)
)

// protocols are the numbers of the transport protocols (IANA).
var protocols = map[fact.Protocol]byte{fact.TCP: 6, fact.UDP: 17}

// Map is a request for a mapping of a port of Client's.
type Map struct {
	// Nonce proves that a renewal comes from whoever made the mapping.
	Nonce [12]byte
	// Client is our own address as the router sees it: it compares it with
	// where the request comes from (section 8.2). IPv6 asks for a pinhole.
	Client netip.Addr
	// Protocol is the transport protocol.
	Protocol fact.Protocol
	// Internal is the port of Client's, External the port that is wanted
	// outside; zero leaves it to the router.
	Internal, External uint16
}

// NewNonce returns a nonce that nobody can guess, so that nobody else can
// answer a request or take its mapping over.
func NewNonce() (nonce [12]byte) {
	rand.Read(nonce[:]) // never fails
	return nonce
}

// Request is the message that asks for the mapping for a lifetime in whole
// seconds; zero asks to delete it (section 15).
func (m Map) Request(lifetime time.Duration) []byte {
	p := make([]byte, headerSize+mapSize)
	p[0], p[1] = versionPCP, opMap
	binary.BigEndian.PutUint32(p[4:], uint32(lifetime/time.Second))
	client := m.Client.As16() // IPv4 as ::ffff:a.b.c.d (section 5)
	copy(p[8:], client[:])
	copy(p[24:], m.Nonce[:])
	p[36] = protocols[m.Protocol]
	binary.BigEndian.PutUint16(p[40:], m.Internal)
	binary.BigEndian.PutUint16(p[42:], m.External)
	// No external address is suggested: all zero, of the client's family
	// (section 11.1).
	if m.Client.Is4() {
		none := netip.AddrFrom4([4]byte{}).As16()
		copy(p[44:], none[:])
	}
	return p
}

// Parse reads an answer to the request. A refusal is a *Refusal; whatever does
// not answer this very request is an ErrStray. The lease is zero where the
// mapping was deleted.
func (m Map) Parse(packet []byte) (fact.Grant, error) {
	if refusesIn(versionNATPMP, packet) {
		return fact.Grant{}, &Refusal{Protocol: "PCP", Code: 1, Speaks: "NAT-PMP"}
	}
	code, epoch, err := parseHeader(packet, opMap)
	if err != nil {
		return fact.Grant{}, err
	}
	if len(packet) < headerSize+mapSize {
		if code != 0 {
			return fact.Grant{}, &Refusal{Protocol: "PCP", Code: code} // no copy of the request came with it
		}
		return fact.Grant{}, ErrStray
	}
	if [12]byte(packet[24:36]) != m.Nonce || packet[36] != protocols[m.Protocol] || binary.BigEndian.Uint16(packet[40:]) != m.Internal {
		return fact.Grant{}, ErrStray
	}
	if code != 0 {
		return fact.Grant{}, &Refusal{Protocol: "PCP", Code: code}
	}
	addr := netip.AddrFrom16([16]byte(packet[44:60])).Unmap()
	switch {
	case addr.IsUnspecified() && m.Client.Is4():
		addr = netip.IPv4Unspecified()
	case addr.Is4() != m.Client.Is4():
		return fact.Grant{}, ErrStray // mapped to the other family
	}
	return fact.Grant{
		External: netip.AddrPortFrom(addr, binary.BigEndian.Uint16(packet[42:])),
		Lease:    time.Duration(binary.BigEndian.Uint32(packet[4:])) * time.Second,
		Epoch:    epoch,
	}, nil
}

// ParseDeletion is Parse for the deletion of a mapping that was made over the
// same socket: what is still on its way from when it was made is an ErrStray.
func (m Map) ParseDeletion(packet []byte) (fact.Grant, error) {
	grant, err := m.Parse(packet)
	if err == nil && grant.Lease != 0 {
		return fact.Grant{}, ErrStray
	}
	return grant, err
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
