package relay

// The PROXY protocol's header, version 2 (section 2.2 of HAProxy's
// proxy-protocol.txt): how a service behind the relay learns who its client is.

import (
	"encoding/binary"
	"net/netip"
)

// proxySignature begins every header of version 2.
const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

const (
	proxyVersion2 = 0x2 << 4
	proxyCommand  = 0x1 // PROXY: on behalf of another
	proxyUnspec   = 0x00
	proxyTCP4     = 0x11
	proxyTCP6     = 0x21

	// maxProxyHeader is the length of one for IPv6.
	maxProxyHeader = len(proxySignature) + 4 + 2*16 + 2*2
)

// appendProxyHeader appends the header for a connection from a client to our
// address. Addresses of two families, or none, are told as unknown, so that the
// service takes the connection for what it sees.
func appendProxyHeader(b []byte, from, to netip.AddrPort) []byte {
	from, to = unmap(from), unmap(to)
	family, length := byte(proxyUnspec), 0
	switch {
	case from.Addr().Is4() && to.Addr().Is4():
		family, length = proxyTCP4, 2*4+2*2
	case from.Addr().Is6() && to.Addr().Is6():
		family, length = proxyTCP6, 2*16+2*2
	}
	b = append(b, proxySignature...)
	b = append(b, proxyVersion2|proxyCommand, family)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	if length == 0 {
		return b
	}
	b = append(b, from.Addr().AsSlice()...)
	b = append(b, to.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	return binary.BigEndian.AppendUint16(b, to.Port())
}
