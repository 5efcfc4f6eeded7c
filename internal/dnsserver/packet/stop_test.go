package packet_test

// Ending loops, and what they leave behind.

import (
	"context"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
)

const (
	inUse   = syscall.EADDRINUSE
	notOurs = syscall.EADDRNOTAVAIL
)

// descriptors counts what is open; 0 where that cannot be said.
func descriptors() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

func TestLoopsEndAndTheirPortIsFree(t *testing.T) {
	each(t, func(t *testing.T, listen func(netip.AddrPort) (packet.Loop, error)) {
		ways := map[string]func(packet.Loop, func()){
			"by context": func(_ packet.Loop, cancel func()) { cancel() },
			"by Close":   func(l packet.Loop, _ func()) { l.Close() },
			"by both":    func(l packet.Loop, cancel func()) { go cancel(); l.Close() },
		}
		procs := runtime.GOMAXPROCS(0)
		addr := netip.MustParseAddrPort("127.0.0.1:0")
		for way, end := range ways {
			for _, asked := range []int{0, 1, 50} {
				before := descriptors()
				l, err := listen(addr)
				if err != nil {
					t.Fatalf("%s: %v", way, err)
				}
				addr = l.Addr() // the port is free again for the next one
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- l.Run(ctx, &echo{}) }()
				conn := client(t, addr)
				for range asked {
					ask(t, conn, []byte("x"))
				}
				conn.Close()
				end(l, cancel)
				if err := <-ended; err != nil {
					t.Errorf("%s: Run = %v", way, err)
				}
				cancel()
				l.Send(packet.Peer{Addr: addr}, []byte("too late"))
				l.Close()
				if got := descriptors(); got != before {
					t.Errorf("%s: %d descriptors, %d before", way, got, before)
				}
			}
		}
		if got := runtime.GOMAXPROCS(0); got != procs {
			t.Errorf("GOMAXPROCS is %d, it was %d", got, procs)
		}
	})
}

func TestLoopThatNeverRanIsClosed(t *testing.T) {
	each(t, func(t *testing.T, listen func(netip.AddrPort) (packet.Loop, error)) {
		before := descriptors()
		l, err := listen(netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if err := l.Run(t.Context(), &echo{}); err != nil || descriptors() != before {
			t.Errorf("Run = %v, %d descriptors, %d before", err, descriptors(), before)
		}
	})
}

// A loop is closed in the middle of traffic and of late replies.
func TestStopUnderLoad(t *testing.T) {
	each(t, func(t *testing.T, listen func(netip.AddrPort) (packet.Loop, error)) {
		before := descriptors()
		for range 20 {
			stopUnderLoad(t, listen)
		}
		if got := descriptors(); got != before {
			t.Errorf("%d descriptors, %d before", got, before)
		}
	})
}

func stopUnderLoad(t *testing.T, listen func(netip.AddrPort) (packet.Loop, error)) {
	l, err := listen(netip.MustParseAddrPort("0.0.0.0:0"))
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	stop, flowing := make(chan struct{}), make(chan packet.Peer, 1)
	h := &handler{do: func(dst, got []byte, from packet.Peer) []byte {
		select {
		case flowing <- from:
		default:
		}
		return append(dst, got...)
	}}
	conn := client(t, loopback("127.0.0.1", l))
	for range 2 {
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = conn.Write([]byte("x")) // refused once it is closed
				}
			}
		})
	}
	running.Go(func() {
		for {
			select {
			case <-stop:
				return
			case from := <-flowing:
				l.Send(from, []byte("late"))
			}
		}
	})
	ended := make(chan error, 1)
	running.Go(func() { ended <- l.Run(t.Context(), h) })
	for h.packets.Load() < 200 {
		runtime.Gosched()
	}
	l.Close()
	again, err := listen(l.Addr())
	if err != nil {
		t.Errorf("the port is not free: %v", err)
	} else {
		again.Close()
	}
	close(stop)
	running.Wait()
	conn.Close()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
}
