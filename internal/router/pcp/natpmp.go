package pcp

// NAT-PMP: the request for the external address, and its answer.

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Port is where a router listens for both protocols (RFC 6886, section 3.1;
// RFC 6887, section 19.1).
const Port = 5351

const (
	versionNATPMP = 0
	versionPCP    = 2
	answerBit     = 0x80 // of the opcode, in both protocols
	natpmpAnswer  = 12   // octets of the answer about the address
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
	if len(packet) >= 4 && packet[0] == versionPCP && packet[1]&answerBit != 0 {
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
