package relay_test

// Servers, clients and relays on loopback.

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/edgeguard/edgeguard/internal/portmap/relay"
)

// loopback is an address with a port of the kernel's choice.
var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// start runs a relay on loopback until the test ends.
func start(tb testing.TB, cfg relay.Config) *relay.Relay {
	tb.Helper()
	r, _ := startStoppable(tb, cfg)
	return r
}

// startStoppable is start with a way to end it early, which returns when it has
// ended.
func startStoppable(tb testing.TB, cfg relay.Config) (r *relay.Relay, stop func()) {
	tb.Helper()
	if !cfg.Listen.IsValid() {
		cfg.Listen = loopback
	}
	cfg.AllowLoopback = true
	r, err := relay.Listen(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("the relay ended with %v", err)
		}
	})
	tb.Cleanup(stop)
	return r, stop
}

// serve accepts connections on loopback until the test ends, and closes each
// when handle returns.
func serve(tb testing.TB, handle func(c *net.TCPConn)) netip.AddrPort {
	tb.Helper()
	ln, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(loopback))
	if err != nil {
		tb.Fatal(err)
	}
	var (
		tasks sync.WaitGroup
		mu    sync.Mutex
		open  = map[*net.TCPConn]bool{}
		over  bool
	)
	tasks.Go(func() {
		for {
			c, err := ln.AcceptTCP()
			if err != nil {
				return
			}
			mu.Lock()
			if over {
				c.Close()
			}
			open[c] = true
			mu.Unlock()
			tasks.Go(func() {
				handle(c)
				c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
	tb.Cleanup(func() {
		ln.Close()
		mu.Lock()
		over = true
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		tasks.Wait()
	})
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

// dial connects to an address until the test ends.
func dial(tb testing.TB, to netip.AddrPort) *net.TCPConn {
	tb.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(to))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}
