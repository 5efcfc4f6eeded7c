package lan

// Which interface has an address of ours.

import (
	"fmt"
	"net"
	"net/netip"
)

// InterfaceOf returns the interface that has addr, and all addresses of that
// interface, link-local ones too and without zones. An error means that none has
// it, or that the kernel would not say.
func InterfaceOf(addr netip.Addr) (net.Interface, []netip.Addr, error) {
	links, err := net.Interfaces()
	if err != nil {
		return net.Interface{}, nil, fmt.Errorf("listing the interfaces: %w", err)
	}
	for _, link := range links {
		addrs, err := link.Addrs()
		if err != nil {
			continue
		}
		var own []netip.Addr
		has := false
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				if one, ok := netip.AddrFromSlice(n.IP); ok {
					own = append(own, one.Unmap())
					has = has || one.Unmap() == addr
				}
			}
		}
		if has {
			return link, own, nil
		}
	}
	return net.Interface{}, nil, fmt.Errorf("no interface has the address %s", addr)
}
