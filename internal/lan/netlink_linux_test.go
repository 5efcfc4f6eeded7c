package lan_test

// rtnetlink messages, as kernels write them and as they do not.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/edgeguard/edgeguard/internal/lan"
	"golang.org/x/sys/unix"
)

func u32(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

func attr(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func msg(kind uint16, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	b := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, make([]byte, 10)...)
	return append(b, body...)
}

// address is a message about an address of interface 2.
func address(kind uint16, addr string, scope byte, flags, preferred uint32) []byte {
	a := netip.MustParseAddr(addr)
	family, bits := byte(unix.AF_INET6), byte(64)
	if a.Is4() {
		family, bits = unix.AF_INET, 24
	}
	head := append([]byte{family, bits, byte(flags), scope}, u32(2)...)
	cache := slices.Concat(u32(preferred), u32(preferred), u32(0), u32(0))
	return msg(kind, head, attr(unix.IFA_ADDRESS, a.AsSlice()), attr(unix.IFA_CACHEINFO, cache), attr(unix.IFA_FLAGS, u32(flags)))
}

// defaultRoute is a message about a default route; table 254 is the main one.
func defaultRoute(kind uint16, bits, kindOfRoute byte, table, index, metric uint32) []byte {
	head := append([]byte{unix.AF_INET6, bits, 0, 0, 0, 0, 0, kindOfRoute}, u32(0)...)
	return msg(kind, head, attr(unix.RTA_TABLE, u32(table)), attr(unix.RTA_OIF, u32(index)), attr(unix.RTA_PRIORITY, u32(metric)),
		attr(unix.RTA_GATEWAY, netip.MustParseAddr("fe80::1").AsSlice()))
}

func link(kind uint16, flags uint32, attrs ...[]byte) []byte {
	head := slices.Concat([]byte{0, 0, 0, 0}, u32(3), u32(flags), u32(0))
	return msg(kind, append([][]byte{head}, attrs...)...)
}

func TestGlobalIn(t *testing.T) {
	const day = 86400
	for name, c := range map[string]struct {
		table [][]byte
		want  string
	}{
		"none": {nil, "[]"},
		"one":  {[][]byte{address(unix.RTM_NEWADDR, "2a02:8071::5", 0, 0, day)}, "[2a02:8071::5]"},
		"what is not for others": {[][]byte{
			address(unix.RTM_NEWADDR, "2a02:8071::1", 0, unix.IFA_F_TEMPORARY, day),
			address(unix.RTM_NEWADDR, "2a02:8071::2", 0, unix.IFA_F_DEPRECATED, 0),
			address(unix.RTM_NEWADDR, "2a02:8071::3", 0, unix.IFA_F_TENTATIVE, day),
			address(unix.RTM_NEWADDR, "2a02:8071::4", 0, unix.IFA_F_DADFAILED|unix.IFA_F_PERMANENT, 0xffffffff),
			address(unix.RTM_NEWADDR, "2a02:8071::6", 0, 0, 0),
			address(unix.RTM_NEWADDR, "fe80::1", unix.RT_SCOPE_LINK, 0, 0xffffffff),
			address(unix.RTM_NEWADDR, "fd00::1", 0, 0, day),
			address(unix.RTM_NEWADDR, "11.22.33.44", 0, 0, day),
			address(unix.RTM_DELADDR, "2a02:8071::7", 0, 0, day),
		}, "[]"},
		"another interface": {[][]byte{msg(unix.RTM_NEWADDR, append([]byte{unix.AF_INET6, 64, 0, 0}, u32(7)...),
			attr(unix.IFA_ADDRESS, netip.MustParseAddr("2a02:8071::5").AsSlice()))}, "[]"},
		"the one that is renewed comes first": {[][]byte{
			address(unix.RTM_NEWADDR, "2a02:8071:1::5", 0, unix.IFA_F_STABLE_PRIVACY, day/2),
			address(unix.RTM_NEWADDR, "2a02:8071:2::5", 0, 0, day),
		}, "[2a02:8071:2::5 2a02:8071:1::5]"},
		"two that are renewed keep their order": {[][]byte{
			address(unix.RTM_NEWADDR, "2a02:8071:2::5", 0, 0, day),
			address(unix.RTM_NEWADDR, "2a02:8071:1::5", 0, 0, day-1800),
		}, "[2a02:8071:1::5 2a02:8071:2::5]"},
		"stable before not": {[][]byte{
			address(unix.RTM_NEWADDR, "2a02:8071::1", 0, 0, day),
			address(unix.RTM_NEWADDR, "2a02:8071::211:22ff:fe33:4455", 0, 0, day),
		}, "[2a02:8071::211:22ff:fe33:4455 2a02:8071::1]"},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := lan.GlobalIn(slices.Concat(c.table...), 2)
			var got []netip.Addr
			for _, a := range list {
				got = append(got, a.Addr)
			}
			if err != nil || fmt.Sprint(got) != c.want {
				t.Errorf("got %v, %v, want %s", got, err, c.want)
			}
		})
	}
	list, err := lan.GlobalIn(address(unix.RTM_NEWADDR, "2a02:8071::5", 0, unix.IFA_F_PERMANENT, 0xffffffff), 2)
	if err != nil || len(list) != 1 || list[0].Preferred != lan.Forever || !list[0].Stable || list[0].Bits != 64 {
		t.Errorf("got %+v, %v", list, err)
	}
	if list, err := lan.GlobalIn([]byte("garbage"), 2); err == nil {
		t.Errorf("garbage is %v", list)
	}
}

func TestDefaultInterface(t *testing.T) {
	for name, c := range map[string]struct {
		table [][]byte
		want  uint32
	}{
		"one":           {[][]byte{defaultRoute(unix.RTM_NEWROUTE, 0, unix.RTN_UNICAST, 254, 2, 1024)}, 2},
		"lowest metric": {[][]byte{defaultRoute(unix.RTM_NEWROUTE, 0, unix.RTN_UNICAST, 254, 2, 1024), defaultRoute(unix.RTM_NEWROUTE, 0, unix.RTN_UNICAST, 254, 3, 600)}, 3},
		"none of these": {[][]byte{
			defaultRoute(unix.RTM_NEWROUTE, 0, unix.RTN_UNREACHABLE, 254, 1, 0xffffffff),
			defaultRoute(unix.RTM_NEWROUTE, 64, unix.RTN_UNICAST, 254, 2, 1),
			defaultRoute(unix.RTM_NEWROUTE, 0, unix.RTN_UNICAST, 255, 2, 1),
			defaultRoute(unix.RTM_NEWROUTE, 0, unix.RTN_UNICAST, 254, 0, 1),
			defaultRoute(unix.RTM_DELROUTE, 0, unix.RTN_UNICAST, 254, 2, 1),
		}, 0},
	} {
		got, err := lan.DefaultInterface(slices.Concat(c.table...))
		if got != c.want || (err != nil) != (c.want == 0) || err != nil && !errors.Is(err, lan.ErrNoIPv6Route) {
			t.Errorf("%s: got %d, %v, want %d", name, got, err, c.want)
		}
	}
}

// via is a message about a default route of interface 3 with a next hop, or
// with several in one (RTA_MULTIPATH).
func via(metric uint32, hops ...string) []byte {
	head := append([]byte{unix.AF_INET6, 0, 0, 0, unix.RT_TABLE_MAIN, 0, 0, unix.RTN_UNICAST}, u32(0)...)
	if len(hops) == 1 {
		return msg(unix.RTM_NEWROUTE, head, attr(unix.RTA_OIF, u32(3)), attr(unix.RTA_PRIORITY, u32(metric)), attr(unix.RTA_GATEWAY, netip.MustParseAddr(hops[0]).AsSlice()))
	}
	var several []byte
	for i, hop := range hops {
		gateway := attr(unix.RTA_GATEWAY, netip.MustParseAddr(hop).AsSlice())
		several = binary.NativeEndian.AppendUint16(several, uint16(8+len(gateway)))
		several = append(several, 0, 0)
		several = append(several, u32(uint32(3+i))...)
		several = append(several, gateway...)
	}
	return msg(unix.RTM_NEWROUTE, head, attr(unix.RTA_PRIORITY, u32(metric)), attr(unix.RTA_MULTIPATH, several))
}

func TestGatewayIPv6In(t *testing.T) {
	for name, c := range map[string]struct {
		table [][]byte
		want  string // with the interface
	}{
		"one":                 {[][]byte{via(1024, "fe80::1")}, "fe80::1 3"},
		"lowest metric":       {[][]byte{via(1024, "fe80::1"), via(100, "fe80::2")}, "fe80::2 3"},
		"written by hand":     {[][]byte{via(1024, "2a02:8071::1")}, "2a02:8071::1 3"},
		"several hops":        {[][]byte{via(1024, "fe80::7", "fe80::8")}, "fe80::7 3"},
		"a tunnel before it":  {[][]byte{msg(unix.RTM_NEWROUTE, append([]byte{unix.AF_INET6, 0, 0, 0, 254, 0, 0, 1}, u32(0)...), attr(unix.RTA_OIF, u32(9))), via(1024, "fe80::1")}, "fe80::1 3"},
		"IPv4 in IPv6":        {[][]byte{via(1, "::ffff:192.168.1.1")}, ""},
		"a group, and nobody": {[][]byte{via(1, "ff02::1"), via(1, "::")}, ""},
		"none":                {nil, ""},
	} {
		router, index, err := lan.GatewayIPv6In(slices.Concat(c.table...))
		got := ""
		if err == nil {
			got = fmt.Sprint(router, " ", index)
		}
		if got != c.want || err != nil && !errors.Is(err, lan.ErrNoIPv6Route) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}

// What the kernel repeats is no news: a router renews lifetimes every few
// seconds.
func TestNews(t *testing.T) {
	add := func(flags, life uint32) []byte { return address(unix.RTM_NEWADDR, "2a02:8071::1", 0, flags, life) }
	route := func(kind uint16) []byte { return defaultRoute(kind, 0, unix.RTN_UNICAST, 254, 2, 1024) }
	for name, c := range map[string]struct {
		reads [][]byte
		want  string
	}{
		"address renewed":      {[][]byte{add(0, 100), add(0, 200), add(0, 300)}, "[address  ]"},
		"address deprecated":   {[][]byte{add(0, 100), add(unix.IFA_F_DEPRECATED, 0)}, "[address address]"},
		"address comes, goes":  {[][]byte{add(0, 1), address(unix.RTM_DELADDR, "2a02:8071::1", 0, 0, 1), add(0, 1)}, "[address address address]"},
		"tentative":            {[][]byte{add(unix.IFA_F_TENTATIVE, 1), add(0, 1)}, "[ address]"},
		"IPv4":                 {[][]byte{address(unix.RTM_NEWADDR, "192.168.1.2", 0, 0, 1), address(unix.RTM_NEWADDR, "192.168.1.2", 0, 0, 2)}, "[address ]"},
		"link-local":           {[][]byte{address(unix.RTM_NEWADDR, "fe80::1", unix.RT_SCOPE_LINK, 0, 1)}, "[]"},
		"default route":        {[][]byte{route(unix.RTM_NEWROUTE), route(unix.RTM_NEWROUTE), route(unix.RTM_DELROUTE)}, "[route  route]"},
		"other route":          {[][]byte{defaultRoute(unix.RTM_NEWROUTE, 64, unix.RTN_UNICAST, 254, 2, 1)}, "[]"},
		"link":                 {[][]byte{link(unix.RTM_NEWLINK, unix.IFF_UP), link(unix.RTM_NEWLINK, unix.IFF_UP), link(unix.RTM_NEWLINK, unix.IFF_UP|unix.IFF_RUNNING), link(unix.RTM_DELLINK, 0)}, "[link  link link]"},
		"port of a bridge":     {[][]byte{link(unix.RTM_NEWLINK, unix.IFF_UP, attr(unix.IFLA_MASTER, u32(4)))}, "[]"},
		"loopback":             {[][]byte{link(unix.RTM_NEWLINK, unix.IFF_UP|unix.IFF_LOOPBACK)}, "[]"},
		"the most telling one": {[][]byte{slices.Concat(link(unix.RTM_NEWLINK, 1), add(0, 1), route(unix.RTM_NEWROUTE))}, "[address]"},
		"garbage after one":    {[][]byte{append(link(unix.RTM_NEWLINK, 1), 1, 2, 3)}, "[link]"},
		"garbage":              {[][]byte{[]byte("garbage garbage garbage"), nil}, "[ ]"},
	} {
		if got := fmt.Sprint(lan.News(c.reads...)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func FuzzNetlink(f *testing.F) {
	f.Add(address(unix.RTM_NEWADDR, "2a02:8071::1", 0, 0, 100))
	f.Add(address(unix.RTM_DELADDR, "192.168.1.2", 0, 0, 100))
	f.Add(defaultRoute(unix.RTM_NEWROUTE, 0, unix.RTN_UNICAST, 254, 2, 1))
	f.Add(via(1, "fe80::1", "fe80::2"))
	f.Add(link(unix.RTM_NEWLINK, 1, attr(unix.IFLA_MASTER, u32(1))))
	f.Add(msg(unix.RTM_NEWROUTE, []byte{unix.AF_INET6, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0}, attr(unix.RTA_MULTIPATH, make([]byte, 8))))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range lan.News(data, data) {
			switch kind {
			case "", lan.ChangeAddress, lan.ChangeLink, lan.ChangeRoute:
			default:
				t.Fatalf("kind %q", kind)
			}
		}
		if index, err := lan.DefaultInterface(data); (err == nil) != (index != 0) {
			t.Fatalf("%d, %v", index, err)
		}
		if router, index, err := lan.GatewayIPv6In(data); err == nil && (index == 0 || !router.Is6() || router.Zone() != "" || router.IsMulticast() || router.IsUnspecified()) {
			t.Fatalf("%v, %d", router, index)
		}
		list, err := lan.GlobalIn(data, 2)
		if err != nil && list != nil || len(list) > 32 {
			t.Fatalf("%v, %v", list, err)
		}
		for _, a := range list {
			if !a.Addr.Is6() || a.Addr.Is4In6() || a.Addr.IsPrivate() || !a.Addr.IsGlobalUnicast() || a.Bits > 128 || a.Preferred <= 0 {
				t.Fatalf("%+v", a)
			}
		}
	})
}
