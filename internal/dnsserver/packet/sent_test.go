package packet_test

import (
	"net/netip"
	"sync"
	"testing"

	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
)

// What a handler does in Sent holds up no reply of its batch.
func TestRepliesDoNotWaitForSent(t *testing.T) {
	each(t, func(t *testing.T, listen func(netip.AddrPort) (packet.Loop, error)) {
		heard, sent := make(chan struct{}), make(chan struct{})
		l := serve(t, listen, "127.0.0.1:0", &echo{sent: func() {
			<-heard
			close(sent)
		}})
		goOn := sync.OnceFunc(func() { close(heard) })
		defer goOn() // where the reply does not come
		if got := ask(t, client(t, l.Addr()), []byte("one")); string(got) != "one" {
			t.Errorf("the reply is %q", got)
		}
		goOn()
		<-sent
	})
}
