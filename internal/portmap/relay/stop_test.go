package relay_test

// The end of a relay, and what it bears until then.

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/portmap/relay"
)

// Hundreds of connections in every state, and a relay that ends: it closes them
// all and leaves nothing behind (goleak, in TestMain, sees to the goroutines).
func TestRelayStopsWithConnectionsInAllStates(t *testing.T) {
	const each = 40
	release := make(chan bool)
	service := serve(t, func(c *net.TCPConn) {
		first := make([]byte, 1)
		c.Read(first)
		switch first[0] {
		case 'h': // half close, and wait
			c.CloseWrite()
		case 's': // send without end
			for {
				if _, err := c.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}
		<-release
	})
	// Some dials never end by themselves.
	var slow atomic.Bool
	var dialing atomic.Int64
	r, stop := startStoppable(t, relay.Config{
		Target: service, MaxConnections: 1000, MaxPerSource: 1000, ConnectTimeout: time.Hour,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if slow.Load() {
				dialing.Add(1)
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	})
	defer close(release)
	var clients []*net.TCPConn
	var writing sync.WaitGroup
	states := map[string]func(c *net.TCPConn){
		"silent":                  func(c *net.TCPConn) {},
		"has spoken":              func(c *net.TCPConn) { c.Write([]byte("x")) },
		"half closed by client":   func(c *net.TCPConn) { c.Write([]byte("x")); c.CloseWrite() },
		"half closed by service":  func(c *net.TCPConn) { c.Write([]byte("h")) },
		"the client reads not":    func(c *net.TCPConn) { c.Write([]byte("s")) },
		"the service reads not":   func(c *net.TCPConn) { writing.Go(func() { c.Write(make([]byte, 2<<20)) }) },
		"the client is gone":      func(c *net.TCPConn) { c.Close() },
		"reset by the client":     func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
		"gone in mid-sentence":    func(c *net.TCPConn) { c.Write([]byte("s")); c.Close() },
		"connecting, and waiting": nil,
	}
	for _, do := range states {
		if do == nil {
			continue
		}
		for range each {
			c := dial(t, r.Addr())
			clients = append(clients, c)
			do(c)
		}
	}
	eventually(t, func() bool { return r.Counters().Total == each*uint64(len(states)-1) }, "connected")
	slow.Store(true)
	for range each {
		clients = append(clients, dial(t, r.Addr()))
	}
	eventually(t, func() bool { return dialing.Load() == each }, "connecting")
	t.Logf("%+v", r.Counters())
	if open := r.Counters().Open; open < 6*each {
		t.Errorf("only %d connections are open", open)
	}
	stop()
	if c := r.Counters(); c.Open != 0 || c.Failed != 0 || c.LastError != "" {
		t.Errorf("after the end: %+v", c)
	}
	for _, c := range clients {
		c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, c); err != nil && isTimeout(err) {
			t.Fatal("a connection is open after the end")
		}
	}
	writing.Wait()
	if _, err := net.Dial("tcp", r.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

// One source opens and closes 10,000 connections as fast as it can. The relay
// stays within its bounds, and others are served meanwhile.
func TestFloodOfOneSourceKeepsNobodyOut(t *testing.T) {
	const flood, floods = 10_000, 8
	service := serve(t, func(c *net.TCPConn) { io.Copy(c, c) })
	var open, most atomic.Int64
	r := start(t, relay.Config{
		Target: service, MaxConnections: 64, MaxPerSource: 16,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			for now := open.Add(1); ; {
				if old := most.Load(); now <= old || most.CompareAndSwap(old, now) {
					return &closeCounted{TCPConn: c.(*net.TCPConn), open: &open}, nil
				}
			}
		},
	})
	var left, kept atomic.Int64
	left.Store(flood)
	var tasks sync.WaitGroup
	for i := range floods {
		tasks.Go(func() {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 66)}}
			for left.Add(-1) >= 0 {
				c, err := d.Dial("tcp", r.Addr().String())
				if err != nil {
					continue // reset before it was even open
				}
				if i%2 == 0 {
					c.(*net.TCPConn).SetLinger(0)
				} else if kept.Add(1) < 100 {
					defer c.Close() // and hold some for as long as it can
					continue
				}
				c.Close()
			}
		})
	}
	served := 0
	for ; left.Load() > 0; served++ {
		if err := echo(r, "127.0.0.77"); err != nil {
			t.Fatalf("another source is kept out: %v", err)
		}
	}
	tasks.Wait()
	if served == 0 {
		t.Fatal("nobody else tried")
	}
	eventually(t, func() bool { return r.Counters().Open == 0 && open.Load() == 0 }, "all closed")
	c := r.Counters()
	t.Logf("%d others were served, the service had %d connections at the most: %+v", served, most.Load(), c)
	if most.Load() > 2*16 { // two sources
		t.Errorf("the service had %d connections at once", most.Load())
	}
	if c.Refused == 0 || c.Failed != 0 {
		t.Errorf("%+v", c)
	}
}

// closeCounted counts itself out when it is closed. It is no TCPConn, so the
// plain source is used.
type closeCounted struct {
	*net.TCPConn
	once sync.Once
	open *atomic.Int64
}

func (c *closeCounted) Close() error {
	err := c.TCPConn.Close()
	c.once.Do(func() { c.open.Add(-1) })
	return err
}

// echo speaks through a relay from a source of its own.
func echo(r *relay.Relay, from string) error {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	c, err := d.Dial("tcp", r.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("ping")); err != nil {
		return err
	}
	var answer [4]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return err
	}
	if string(answer[:]) != "ping" {
		return fmt.Errorf("the answer is %q", answer)
	}
	return nil
}
