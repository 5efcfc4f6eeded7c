package lan

// Our IPv6 addresses, from the kernel's tables.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxDump bounds what is read of one of the kernel's tables.
const maxDump = 4 << 20

// GlobalIPv6 lists the global addresses of an interface that others may be
// told, the best first: without temporary (RFC 8981), deprecated, tentative and
// duplicate ones, and without unique local ones. An empty iface means that of
// the IPv6 default route with the lowest metric; ErrNoIPv6Route says that there
// is none. Nil without an error means that the interface has no such address.
func GlobalIPv6(iface string) ([]IPv6Addr, error) {
	index := uint32(0)
	if iface != "" {
		i, err := net.InterfaceByName(iface)
		if err != nil {
			return nil, fmt.Errorf("finding interface %s: %w", iface, err)
		}
		index = uint32(i.Index)
	} else {
		table, err := dump(unix.RTM_GETROUTE)
		if err != nil {
			return nil, fmt.Errorf("reading the table of IPv6 routes: %w", err)
		}
		if index, err = defaultInterface(table); err != nil {
			return nil, err
		}
	}
	table, err := dump(unix.RTM_GETADDR)
	if err != nil {
		return nil, fmt.Errorf("reading the table of IPv6 addresses: %w", err)
	}
	return globalIn(table, index)
}

// dump is one of the kernel's IPv6 tables, asked for again where it changed
// while it was read.
func dump(kind int) ([]byte, error) {
	for range 5 {
		table, err := syscall.NetlinkRIB(kind, unix.AF_INET6)
		if err != nil {
			return nil, err
		}
		if len(table) > maxDump {
			return nil, errors.New("the table is too long")
		}
		torn := false
		for data := table; len(data) > 0; {
			var m message
			if m, data, err = next(data); err != nil {
				return nil, err
			}
			torn = torn || m.flags&unix.NLM_F_DUMP_INTR != 0
		}
		if !torn {
			return table, nil
		}
	}
	return nil, errors.New("the table changes all the time")
}

// defaultInterface is the interface of the default route in a dump of routes.
func defaultInterface(table []byte) (uint32, error) {
	best, err := defaultRoute(table, func(route) bool { return true })
	return best.index, err
}

// defaultRoute is the IPv6 default route with the lowest metric in a dump of
// routes, of those that are good.
func defaultRoute(table []byte, good func(route) bool) (route, error) {
	best, found := route{}, false
	for len(table) > 0 {
		m, rest, err := next(table)
		if err != nil {
			return route{}, err
		}
		table = rest
		if m.kind != unix.RTM_NEWROUTE {
			continue
		}
		if r, ok := parseRoute(m.body); ok && r.family == unix.AF_INET6 && good(r) && (!found || r.metric < best.metric) {
			best, found = r, true
		}
	}
	if !found {
		return route{}, ErrNoIPv6Route
	}
	return best, nil
}

// GatewayIPv6 returns the IPv6 default router with the lowest metric: a
// link-local address, with its interface as the zone, where the router
// announced itself (RFC 4861, section 4.2), and any other where somebody wrote
// it by hand. ErrNoIPv6Route says that there is none. A default route without a
// router, as into a tunnel, does not count.
func GatewayIPv6() (netip.Addr, error) {
	table, err := dump(unix.RTM_GETROUTE)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("reading the table of IPv6 routes: %w", err)
	}
	router, index, err := gatewayIPv6In(table)
	if err != nil || !router.IsLinkLocalUnicast() {
		return router, err
	}
	link, err := net.InterfaceByIndex(int(index))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("finding the interface of the IPv6 default route: %w", err)
	}
	return router.WithZone(link.Name), nil
}

// gatewayIPv6In reads a dump of routes.
func gatewayIPv6In(table []byte) (router netip.Addr, index uint32, err error) {
	best, err := defaultRoute(table, func(r route) bool {
		a, ok := netip.AddrFromSlice([]byte(r.gateway))
		return ok && a.Is6() && !a.Is4In6() && (a.IsLinkLocalUnicast() || a.IsGlobalUnicast())
	})
	if err != nil {
		return netip.Addr{}, 0, err
	}
	router, _ = netip.AddrFromSlice([]byte(best.gateway)) // as checked above
	return router, best.index, nil
}

// unfit are the flags of addresses that are not for telling others.
const unfit = unix.IFA_F_TEMPORARY | unix.IFA_F_DEPRECATED | unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED

// globalIn reads a dump of addresses.
func globalIn(table []byte, index uint32) ([]IPv6Addr, error) {
	var list []IPv6Addr
	for len(table) > 0 {
		m, rest, err := next(table)
		if err != nil {
			return nil, err
		}
		table = rest
		if m.kind != unix.RTM_NEWADDR {
			continue
		}
		a, ok := parseAddr(m.body)
		if !ok || a.index != index || a.scope != unix.RT_SCOPE_UNIVERSE || a.flags&unfit != 0 || a.preferred == 0 ||
			!a.addr.Is6() || a.addr.Is4In6() || !a.addr.IsGlobalUnicast() || a.addr.IsPrivate() {
			continue
		}
		stable := a.flags&(unix.IFA_F_PERMANENT|unix.IFA_F_STABLE_PRIVACY) != 0 || isEUI64(a.addr)
		list = append(list, IPv6Addr{a.addr, a.bits, a.preferred, stable})
	}
	return ranked(list), nil
}
