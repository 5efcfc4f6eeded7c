package packet

// Names of interfaces, as zones of link-local addresses.

import (
	"net"
	"net/netip"
	"strconv"
)

// maxZones bounds the names that are kept.
const maxZones = 64

// zones remembers the names of interfaces, as asking the kernel takes long and
// allocates. One goroutine uses it.
type zones struct{ names map[uint32]string }

// add returns addr with the name of an interface as its zone.
func (z *zones) add(addr netip.AddrPort, index uint32) netip.AddrPort {
	name, known := z.names[index]
	if !known {
		if name = strconv.FormatUint(uint64(index), 10); index <= 1<<31-1 {
			if device, err := net.InterfaceByIndex(int(index)); err == nil {
				name = device.Name
			}
		}
		if z.names == nil || len(z.names) >= maxZones {
			z.names = make(map[uint32]string)
		}
		z.names[index] = name
	}
	return netip.AddrPortFrom(addr.Addr().WithZone(name), addr.Port())
}

// scopeOf is the index of the interface that a zone names, 0 where there is
// none.
func scopeOf(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if device, err := net.InterfaceByName(zone); err == nil {
		return uint32(device.Index)
	}
	index, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(index)
}
