package dhcp

// UDP in IPv4 as it is on a packet socket: the two headers are ours.

import (
	"encoding/binary"
	"net/netip"
)

const (
	serverPort, clientPort = 67, 68

	ipHeader, udpHeader = 20, 8
	protocolUDP         = 17
	hopLimit            = 64
	// maxDatagram is more than a DHCP server sends; what is longer is cut and
	// found wrong.
	maxDatagram = 2048
)

var everybody = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// wrap puts a client's message to all servers into a datagram from an address,
// which may be invalid where there is none yet.
func wrap(message []byte, from netip.Addr) []byte {
	b := make([]byte, ipHeader+udpHeader, ipHeader+udpHeader+len(message))
	b = append(b, message...)
	b[0] = 4<<4 | ipHeader/4
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[8], b[9] = hopLimit, protocolUDP
	if from.Is4() {
		copy(b[12:16], from.AsSlice())
	}
	copy(b[16:20], everybody.AsSlice())
	binary.BigEndian.PutUint16(b[10:], ^sum(0, b[:ipHeader]))
	udp := b[ipHeader:]
	binary.BigEndian.PutUint16(udp[0:], clientPort)
	binary.BigEndian.PutUint16(udp[2:], serverPort)
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	check := ^sum(sum(protocolUDP+uint16(len(udp)), b[12:20]), udp)
	if check == 0 {
		check = 0xffff // zero means that there is none (RFC 768)
	}
	binary.BigEndian.PutUint16(udp[6:], check)
	return b
}

// unwrap returns the message of a datagram from a server to a client, and where
// it came from. Checksums are not looked at: on the way from a program on this
// machine they are often not put in.
func unwrap(b []byte) (message []byte, from netip.Addr, ok bool) {
	if len(b) < ipHeader || b[0]>>4 != 4 || b[9] != protocolUDP || binary.BigEndian.Uint16(b[6:])&0x3fff != 0 {
		return nil, netip.Addr{}, false // a fragment is not put together
	}
	head, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if head < ipHeader || total < head+udpHeader || total > len(b) {
		return nil, netip.Addr{}, false
	}
	udp := b[head:total]
	size := int(binary.BigEndian.Uint16(udp[4:]))
	if binary.BigEndian.Uint16(udp[0:]) != serverPort || binary.BigEndian.Uint16(udp[2:]) != clientPort || size < udpHeader || size > len(udp) {
		return nil, netip.Addr{}, false
	}
	return udp[udpHeader:size], netip.AddrFrom4([4]byte(b[12:16])), true
}

// sum adds b to the Internet checksum s (RFC 1071).
func sum(s uint16, b []byte) uint16 {
	n := uint32(s)
	for ; len(b) > 1; b = b[2:] {
		n += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		n += uint32(b[0]) << 8
	}
	for n > 0xffff {
		n = n>>16 + n&0xffff
	}
	return uint16(n)
}
