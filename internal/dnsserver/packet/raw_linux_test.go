package packet_test

// Datagrams that no UDP socket sends.

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
)

// forge sends a UDP datagram with a source port of its own choice; it needs
// CAP_NET_RAW.
func forge(t *testing.T, from uint16, to netip.AddrPort, message string) {
	t.Helper()
	conn, err := net.DialIP("ip4:udp", nil, &net.IPAddr{IP: to.Addr().AsSlice()})
	if err != nil {
		t.Skipf("no raw socket to be had: %v", err)
	}
	defer conn.Close()
	head := binary.BigEndian.AppendUint16(nil, from)
	head = binary.BigEndian.AppendUint16(head, to.Port())
	head = binary.BigEndian.AppendUint16(head, uint16(8+len(message)))
	head = append(head, 0, 0) // no checksum
	if _, err := conn.Write(append(head, message...)); err != nil {
		t.Fatal(err)
	}
}

func TestDatagramsFromPort0AreDropped(t *testing.T) {
	each(t, func(t *testing.T, listen func(netip.AddrPort) (packet.Loop, error)) {
		h := &handler{do: func(dst, got []byte, from packet.Peer) []byte {
			if from.Addr.Port() == 0 {
				t.Errorf("%q came from %s", got, from.Addr)
			}
			return append(dst, got...)
		}}
		l := serve(t, listen, "127.0.0.1:0", h)
		conn := client(t, l.Addr())
		for range 3 {
			forge(t, 0, l.Addr(), "nobody")
			if got := string(ask(t, conn, []byte("somebody"))); got != "somebody" {
				t.Errorf("got %q", got)
			}
		}
		forge(t, 9, l.Addr(), "a port") // which shows that forging works
		ask(t, conn, []byte("somebody"))
		if got := h.packets.Load(); got != 5 {
			t.Errorf("%d datagrams came, want 5", got)
		}
	})
}
