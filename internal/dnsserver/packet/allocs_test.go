package packet_test

import (
	"net/netip"
	"testing"

	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
)

func TestRepliesDoNotAllocate(t *testing.T) {
	each(t, func(t *testing.T, listen func(netip.AddrPort) (packet.Loop, error)) {
		for _, bind := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0"} {
			late := make(chan packet.Peer, 1)
			l := serve(t, listen, bind, &handler{do: func(dst, got []byte, from packet.Peer) []byte {
				if got[0] == 'l' {
					late <- from
					return nil
				}
				return append(dst, got...)
			}})
			addr := loopback("127.0.0.1", l)
			if l.Addr().Addr().Is6() {
				addr = loopback("::1", l)
			}
			conn, buffer, now, later := client(t, addr), make([]byte, 64), []byte("now"), []byte("later")
			var failed error
			hear := func() {
				if _, err := conn.Read(buffer); err != nil {
					failed = err
				}
			}
			inline := func() {
				_, _ = conn.Write(now)
				hear()
			}
			waits := func() {
				_, _ = conn.Write(later)
				l.Send(<-late, later)
				hear()
			}
			for range 50 { // until it goes at a steady pace
				inline()
			}
			for what, do := range map[string]func(){"inline": inline, "late": waits} {
				if n := testing.AllocsPerRun(200, do); n != 0 || failed != nil {
					t.Errorf("%s, %s: %v allocations for a datagram and its reply, %v", bind, what, n, failed)
				}
			}
		}
	})
}
