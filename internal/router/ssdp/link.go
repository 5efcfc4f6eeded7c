package ssdp

// This host's own interfaces: where to search, and who is in the same network.

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// maxInterfaces is the most interfaces that are searched on: a NAS has dozens
// of bridges for its containers.
const maxInterfaces = 16

// Link is an interface of this host's that is up.
type Link struct {
	Name  string
	Index int
	Flags net.Flags
	// Nets are its IPv4 addresses, each with the length of its network.
	Nets []netip.Prefix
}

// Interface is one that a search goes out on, by multicast.
type Interface struct {
	Name  string
	Index int
	// Addr is our own address on it, from which the search comes.
	Addr netip.Addr
}

// Links lists this host's interfaces that are up and have an IPv4 address.
func Links() ([]Link, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("listing our own interfaces: %w", err)
	}
	var links []Link
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it has gone meanwhile
		}
		l := Link{Name: i.Name, Index: i.Index, Flags: i.Flags}
		for _, a := range addrs {
			n, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			addr, ok := netip.AddrFromSlice(n.IP)
			if ones, bits := n.Mask.Size(); ok && addr.Unmap().Is4() && bits > 0 {
				l.Nets = append(l.Nets, netip.PrefixFrom(addr.Unmap(), max(0, ones-(bits-32))))
			}
		}
		if len(l.Nets) > 0 {
			links = append(links, l)
		}
	}
	return links, nil
}

// Suitable picks the interfaces to search on by multicast: neither loopback
// nor point-to-point, the one that has the address local first, then those
// with a carrier, at most 16. It takes one address of each: local, or the
// first.
func Suitable(links []Link, local netip.Addr) []Interface {
	worth := func(l Link) int {
		switch {
		case slices.ContainsFunc(l.Nets, func(n netip.Prefix) bool { return n.Addr() == local }):
			return 0
		case l.Flags&net.FlagRunning != 0:
			return 1
		}
		return 2
	}
	links = slices.DeleteFunc(slices.Clone(links), func(l Link) bool {
		const wanted, unwanted = net.FlagUp | net.FlagMulticast, net.FlagLoopback | net.FlagPointToPoint
		return l.Flags&wanted != wanted || l.Flags&unwanted != 0 || len(l.Nets) == 0
	})
	slices.SortStableFunc(links, func(a, b Link) int {
		return cmp.Or(cmp.Compare(worth(a), worth(b)), cmp.Compare(a.Index, b.Index))
	})
	list := make([]Interface, 0, min(len(links), maxInterfaces))
	for _, l := range links[:min(len(links), maxInterfaces)] {
		i := Interface{Name: l.Name, Index: l.Index, Addr: l.Nets[0].Addr()}
		if worth(l) == 0 {
			i.Addr = local
		}
		list = append(list, i)
	}
	return list
}

// Networks are the networks that this host is in; loopback's only if asked
// for.
func Networks(links []Link, loopback bool) []netip.Prefix {
	var list []netip.Prefix
	for _, l := range links {
		if l.Flags&net.FlagLoopback == 0 || loopback {
			list = append(list, l.Nets...)
		}
	}
	return list
}

// within reports whether addr is in one of the networks, and whether it is our
// own.
func within(networks []netip.Prefix, addr netip.Addr) (inside, own bool) {
	for _, n := range networks {
		inside = inside || n.Contains(addr)
		own = own || n.Addr() == addr
	}
	return inside, own
}
