package packet_test

import (
	"bytes"
	"net/netip"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
)

// Our control messages are those that golang.org/x/net writes and reads.
func TestControlMessagesAgreeWithXNet(t *testing.T) {
	v4, v6, local := netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("fd00::2"), netip.MustParseAddr("fe80::2")
	for name, c := range map[string]struct{ got, want []byte }{
		"IPv4":       {packet.AppendPktinfo(nil, v4, 3), (&ipv4.ControlMessage{Src: v4.AsSlice()}).Marshal()},
		"IPv6":       {packet.AppendPktinfo(nil, v6, 3), (&ipv6.ControlMessage{Src: v6.AsSlice()}).Marshal()},
		"link-local": {packet.AppendPktinfo(nil, local, 3), (&ipv6.ControlMessage{Src: local.AsSlice(), IfIndex: 3}).Marshal()},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s: % x, want % x", name, c.got, c.want)
		}
	}
}

func TestControlMessagesDoNotAllocate(t *testing.T) {
	buffer := make([]byte, 0, 128)
	for _, addr := range []netip.Addr{netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("fe80::2")} {
		control := packet.AppendPktinfo(nil, addr, 7)
		if n := testing.AllocsPerRun(100, func() {
			packet.AppendPktinfo(buffer, addr, 7)
			packet.ParsePktinfo(control, addr.Is4())
		}); n != 0 {
			t.Errorf("%s: %v allocations", addr, n)
		}
	}
}

// No octets from the kernel, or from whoever stands in for it, upset the parser.
func FuzzPktinfo(f *testing.F) {
	f.Add(packet.AppendPktinfo(nil, netip.MustParseAddr("192.168.1.2"), 3), true)
	f.Add(packet.AppendPktinfo(nil, netip.MustParseAddr("fe80::2"), 3), false)
	f.Fuzz(func(t *testing.T, control []byte, v4 bool) {
		addr, _ := packet.ParsePktinfo(control, v4)
		if addr.IsValid() && (addr.IsMulticast() || addr.IsUnspecified()) {
			t.Errorf("replies would leave from %s", addr)
		}
	})
}
