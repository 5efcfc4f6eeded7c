package dnsserver_test

// A host whose real addresses come and go: this test program once more, in a
// network namespace of its own.

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/netnstest"
)

func TestAddressesThatComeLateAreBoundAndThoseThatGoAreClosed(t *testing.T) {
	if !netnstest.Own(t) {
		return
	}
	netnstest.IP(t, "link set lo up")
	port := uint16(5353)
	loop, v4, v6 := local(port, 1), netip.MustParseAddrPort("10.77.0.2:5353"), netip.MustParseAddrPort("[fd77::2]:5353")
	h := startWith(t, silent(t), func(c *dnsserver.Config) { c.Listen = []netip.AddrPort{v4, loop, v6} }, func(s *dnsserver.Server) {
		s.SetAddresses(20*time.Millisecond, dnsserver.HostAddresses)
	})
	held := dial(t, loop.String())
	for range 3 {
		talk(t, held)
		if st := h.Status(); !slices.Equal(st.Listen, []netip.AddrPort{loop}) || len(st.Waiting) != 2 || !st.Waiting[0].Absent {
			t.Fatalf("before: bound are %v, waiting %+v", st.Listen, st.Waiting)
		}
		netnstest.IP(t, "address add 10.77.0.2/24 dev lo") // the DHCP lease
		eventually(t, "binding the IPv4 address", func() bool { return slices.Equal(h.Status().Listen, []netip.AddrPort{v4, loop}) })
		answers(t, v4)
		netnstest.IP(t, "address add fd77::2/64 dev lo nodad") // the router's advertisement
		eventually(t, "binding the IPv6 address", func() bool { return len(h.Status().Waiting) == 0 })
		answers(t, v6)
		netnstest.IP(t, "address delete 10.77.0.2/24 dev lo")
		netnstest.IP(t, "address delete fd77::2/64 dev lo")
		eventually(t, "closing", func() bool { return len(h.Status().Waiting) == 2 })
	}
	talk(t, held)
}
