package lan

// What the kernel says over rtnetlink (rtnetlink(7)), as bytes.

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// errNetlink means that bytes are no rtnetlink messages.
var errNetlink = errors.New("malformed rtnetlink message")

// message is one rtnetlink message without its header.
type message struct {
	kind  uint16
	flags uint16
	body  []byte
}

// next splits the first message off data.
func next(data []byte) (m message, rest []byte, err error) {
	if len(data) < unix.NLMSG_HDRLEN {
		return message{}, nil, errNetlink
	}
	length := binary.NativeEndian.Uint32(data)
	if length < unix.NLMSG_HDRLEN || uint64(length) > uint64(len(data)) {
		return message{}, nil, errNetlink
	}
	m = message{binary.NativeEndian.Uint16(data[4:]), binary.NativeEndian.Uint16(data[6:]), data[unix.NLMSG_HDRLEN:length]}
	return m, data[min(align(int(length)), len(data)):], nil
}

func align(n int) int { return (n + 3) &^ 3 }

// attributes calls each with the attributes in data, and stops at what is none.
func attributes(data []byte, each func(kind uint16, value []byte)) {
	for len(data) >= unix.SizeofRtAttr {
		length := int(binary.NativeEndian.Uint16(data))
		if length < unix.SizeofRtAttr || length > len(data) {
			return
		}
		each(binary.NativeEndian.Uint16(data[2:])&0x3fff, data[unix.SizeofRtAttr:length])
		data = data[min(align(length), len(data)):]
	}
}

func word(value []byte) uint32 {
	if len(value) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(value)
}

// ifaddr is an RTM_NEWADDR or RTM_DELADDR.
type ifaddr struct {
	index     uint32
	addr      netip.Addr
	bits      int
	scope     uint8
	flags     uint32
	preferred time.Duration
}

func parseAddr(body []byte) (a ifaddr, ok bool) {
	if len(body) < unix.SizeofIfAddrmsg {
		return ifaddr{}, false
	}
	a = ifaddr{index: word(body[4:]), bits: int(body[1]), scope: body[3], flags: uint32(body[2]), preferred: Forever}
	local := netip.Addr{}
	attributes(body[unix.SizeofIfAddrmsg:], func(kind uint16, value []byte) {
		switch kind {
		case unix.IFA_ADDRESS:
			a.addr, _ = netip.AddrFromSlice(value)
		case unix.IFA_LOCAL: // where there is one, IFA_ADDRESS is the peer's
			local, _ = netip.AddrFromSlice(value)
		case unix.IFA_FLAGS:
			if len(value) >= 4 {
				a.flags = word(value)
			}
		case unix.IFA_CACHEINFO:
			if life := word(value); len(value) >= 4 && life != 0xffffffff {
				a.preferred = time.Duration(life) * time.Second
			}
		}
	})
	if local.IsValid() {
		a.addr = local
	}
	if want := map[byte]int{unix.AF_INET: 32, unix.AF_INET6: 128}[body[0]]; !a.addr.IsValid() || a.addr.BitLen() != want || a.bits > want {
		return ifaddr{}, false
	}
	return a, true
}

// route is an RTM_NEWROUTE or RTM_DELROUTE of a default route in the main
// table.
type route struct {
	family  byte
	index   uint32
	gateway string
	metric  uint32
}

// parseRoute returns false for other routes as well.
func parseRoute(body []byte) (r route, ok bool) {
	if len(body) < unix.SizeofRtMsg || body[1] != 0 || body[7] != unix.RTN_UNICAST {
		return route{}, false
	}
	r.family = body[0]
	table := uint32(body[4])
	attributes(body[unix.SizeofRtMsg:], func(kind uint16, value []byte) {
		switch kind {
		case unix.RTA_OIF:
			r.index = word(value)
		case unix.RTA_GATEWAY, unix.RTA_VIA:
			r.gateway = string(value[:min(len(value), 18)])
		case unix.RTA_PRIORITY:
			r.metric = word(value)
		case unix.RTA_TABLE:
			table = word(value)
		case unix.RTA_MULTIPATH: // struct rtnexthop: the first is enough
			if len(value) >= unix.SizeofRtNexthop && r.index == 0 {
				r.index = word(value[4:])
				hop := value[unix.SizeofRtNexthop:min(max(int(binary.NativeEndian.Uint16(value)), unix.SizeofRtNexthop), len(value))]
				attributes(hop, func(kind uint16, value []byte) {
					if kind == unix.RTA_GATEWAY {
						r.gateway = string(value[:min(len(value), 18)])
					}
				})
			}
		}
	})
	return r, table == unix.RT_TABLE_MAIN && r.index != 0
}

// iflink is an RTM_NEWLINK or RTM_DELLINK.
type iflink struct {
	index    uint32
	flags    uint32
	enslaved bool // a port of a bridge or bond
}

func parseLink(body []byte) (l iflink, ok bool) {
	if len(body) < unix.SizeofIfInfomsg {
		return iflink{}, false
	}
	l = iflink{index: word(body[4:]), flags: word(body[8:])}
	attributes(body[unix.SizeofIfInfomsg:], func(kind uint16, value []byte) {
		l.enslaved = l.enslaved || kind == unix.IFLA_MASTER && word(value) != 0
	})
	return l, true
}
