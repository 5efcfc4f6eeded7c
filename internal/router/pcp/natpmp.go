package pcp

// NAT-PMP: the request for the external address, and its answer.

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// Port is where a router listens for both protocols (RFC 6886, section 3.1;
// RFC 6887, section 19.1).
const Port = 5351

const (
	versionNATPMP = 0
	versionPCP    = 2
	answerBit     = 0x80 // of the opcode, in both protocols
	natpmpAnswer  = 12   // octets of the answer about the address
	natpmpMapped  = 16   // octets of the answer about a mapping
)

// NATPMPRequest asks for the external address (RFC 6886, section 3.2).
var NATPMPRequest = []byte{versionNATPMP, 0}

// Address is what a router says of its external address.
type Address struct {
	// Addr is the address; 0.0.0.0 where the router has none.
	Addr netip.Addr
	// Epoch is the seconds since the router's epoch began.
	Epoch uint32
}

// ParseNATPMP reads an answer to NATPMPRequest. A refusal is a *Refusal, a
// router that speaks another version one with IsVersion; whatever else is no
// answer is an ErrStray.
func ParseNATPMP(packet []byte) (Address, error) {
	if refusesIn(versionPCP, packet) {
		return Address{}, &Refusal{Protocol: "NAT-PMP", Code: 1, Speaks: "PCP"}
	}
	if len(packet) < 4 || packet[0] != versionNATPMP || packet[1] != answerBit {
		return Address{}, ErrStray
	}
	if code := binary.BigEndian.Uint16(packet[2:]); code != 0 {
		return Address{}, &Refusal{Protocol: "NAT-PMP", Code: code}
	}
	if len(packet) != natpmpAnswer {
		return Address{}, fmt.Errorf("%w: it has %d octets and not %d", ErrStray, len(packet), natpmpAnswer)
	}
	return Address{
		Addr:  netip.AddrFrom4([4]byte(packet[8:12])),
		Epoch: binary.BigEndian.Uint32(packet[4:]),
	}, nil
}

// refusesIn reports whether a datagram refuses a request in the other protocol,
// as a router does that speaks that one only (RFC 6887, section 9 and appendix
// A). The code is in the same place in both.
func refusesIn(version byte, packet []byte) bool {
	return len(packet) >= 4 && packet[0] == version && packet[1]&answerBit != 0 && packet[3] != 0
}

// NATPMPMap is a request for a mapping by NAT-PMP (RFC 6886, section 3.3): to
// the host that asks.
type NATPMPMap struct {
	Protocol fact.Protocol
	// Internal is the port of this host's, External the one that is wanted
	// outside.
	Internal, External uint16
}

// opcode is the protocol's, which is not its number.
func (m NATPMPMap) opcode() byte {
	if m.Protocol == fact.UDP {
		return 1
	}
	return 2
}

// Request is the message that asks for the mapping for a lifetime in whole
// seconds; zero asks to delete it (section 3.4).
func (m NATPMPMap) Request(lifetime time.Duration) []byte {
	p := []byte{versionNATPMP, m.opcode(), 0, 0}
	p = binary.BigEndian.AppendUint16(p, m.Internal)
	if lifetime == 0 {
		p = binary.BigEndian.AppendUint16(p, 0) // as section 3.4 wants it
	} else {
		p = binary.BigEndian.AppendUint16(p, m.External)
	}
	return binary.BigEndian.AppendUint32(p, uint32(lifetime/time.Second))
}

// Parse reads an answer to the request. A refusal is a *Refusal; whatever does
// not answer this request is an ErrStray. A NAT-PMP answer carries nothing
// that a liar in the path could not guess.
func (m NATPMPMap) Parse(packet []byte) (fact.Grant, error) {
	if refusesIn(versionPCP, packet) {
		return fact.Grant{}, &Refusal{Protocol: "NAT-PMP", Code: 1, Speaks: "PCP"}
	}
	if len(packet) < 8 || packet[0] != versionNATPMP || packet[1] != answerBit|m.opcode() {
		return fact.Grant{}, ErrStray
	}
	if code := binary.BigEndian.Uint16(packet[2:]); code != 0 {
		return fact.Grant{}, &Refusal{Protocol: "NAT-PMP", Code: code}
	}
	if len(packet) != natpmpMapped || binary.BigEndian.Uint16(packet[8:]) != m.Internal {
		return fact.Grant{}, ErrStray
	}
	return fact.Grant{
		External: netip.AddrPortFrom(netip.Addr{}, binary.BigEndian.Uint16(packet[10:])),
		Lease:    time.Duration(binary.BigEndian.Uint32(packet[12:])) * time.Second,
		Epoch:    binary.BigEndian.Uint32(packet[4:]),
	}, nil
}
