package packet

// IP_PKTINFO and IPV6_PKTINFO of Linux: ip(7), ipv6(7), cmsg(3).

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Sizes of the structs behind a control message's header: in_pktinfo is an
// int and two IPv4 addresses, in6_pktinfo an IPv6 address and an int.
const (
	pktinfo4Len = 12
	pktinfo6Len = 20
)

// enable asks for the control message on each datagram.
func (p pktinfo) enable(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	if err := raw.Control(func(fd uintptr) { set = p.enableFD(int(fd)) }); err != nil {
		return err
	}
	return set
}

// enableFD is enable for a bare descriptor.
func (p pktinfo) enableFD(fd int) error {
	if p.v4 {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
}

// parse returns the address that a datagram was sent to and the index of the
// interface it came in by; an invalid address where control does not say. It
// allocates nothing.
func (p pktinfo) parse(control []byte) (netip.Addr, int) {
	for len(control) >= unix.SizeofCmsghdr {
		size, level, kind := cmsgHeader(control)
		if size < unix.SizeofCmsghdr || size > len(control) {
			break
		}
		data := control[unix.CmsgLen(0):size]
		switch {
		case p.v4 && level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= pktinfo4Len:
			return usable(netip.AddrFrom4([4]byte(data[8:12])), int(int32(native.Uint32(data))))
		case !p.v4 && level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= pktinfo6Len:
			return usable(netip.AddrFrom16([16]byte(data[:16])), int(int32(native.Uint32(data[16:]))))
		}
		control = control[min(unix.CmsgSpace(len(data)), len(control)):]
	}
	return netip.Addr{}, 0
}

// append appends the control message that makes the kernel send from an
// address. Nothing is allocated where dst has room.
func (p pktinfo) append(dst []byte, from netip.Addr, device int) []byte {
	start := len(dst)
	if p.v4 {
		dst = appendCmsg(dst, unix.IPPROTO_IP, unix.IP_PKTINFO, pktinfo4Len)
		a := from.As4()
		copy(dst[start+unix.CmsgLen(0)+4:], a[:]) // ipi_spec_dst; the interface is left to the kernel
		return dst
	}
	dst = appendCmsg(dst, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, pktinfo6Len)
	a := from.As16()
	data := dst[start+unix.CmsgLen(0):]
	copy(data, a[:])
	if from.IsLinkLocalUnicast() { // which means nothing without its interface
		native.PutUint32(data[16:], uint32(device))
	}
	return dst
}

var native = binary.NativeEndian

// cmsgHeader reads a struct cmsghdr: a size_t and two ints.
func cmsgHeader(b []byte) (size, level, kind int) {
	const word = unix.SizeofPtr
	if word == 8 {
		size = int(min(native.Uint64(b), 1<<20))
	} else {
		size = int(native.Uint32(b))
	}
	return size, int(int32(native.Uint32(b[word:]))), int(int32(native.Uint32(b[word+4:])))
}

// appendCmsg appends a control message with size octets of zeros as its data.
func appendCmsg(dst []byte, level, kind uint32, size int) []byte {
	const word = unix.SizeofPtr
	start := len(dst)
	for range unix.CmsgSpace(size) {
		dst = append(dst, 0)
	}
	head := dst[start:]
	if word == 8 {
		native.PutUint64(head, uint64(unix.CmsgLen(size)))
	} else {
		native.PutUint32(head, uint32(unix.CmsgLen(size)))
	}
	native.PutUint32(head[word:], level)
	native.PutUint32(head[word+4:], kind)
	return dst
}
