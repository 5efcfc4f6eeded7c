package status_test

// The gate over connections in memory, so that "it waits" is a fact and not a
// guess about time.

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/status"
)

// crowd is a listener that always has another connection.
type crowd struct{}

func (crowd) Accept() (net.Conn, error) {
	ours, _ := net.Pipe()
	return ours, nil
}
func (crowd) Close() error   { return nil }
func (crowd) Addr() net.Addr { return nil }

// fill takes every place and then asks for one more; the answer comes on the
// channel.
func fill(t *testing.T) (net.Listener, []net.Conn, func(net.Conn, http.ConnState), <-chan error) {
	t.Helper()
	g, track := status.NewGate(crowd{})
	var conns []net.Conn
	for range status.MaxConns {
		conn, err := g.Accept()
		if err != nil {
			t.Fatal(err)
		}
		track(conn, http.StateNew)
		track(conn, http.StateActive)
		conns = append(conns, conn)
	}
	one := make(chan error, 1)
	go func() {
		_, err := g.Accept()
		one <- err
	}()
	synctest.Wait()
	select {
	case err := <-one:
		t.Fatalf("one more than %d was let in: %v", status.MaxConns, err)
	default:
	}
	return g, conns, track, one
}

func TestGateWaitsForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, conns, _, one := fill(t)
		conns[3].Close()
		conns[3].Close() // gives back one place, not two
		if err := <-one; err != nil {
			t.Error(err)
		}
	})
}

func TestGateTakesThePlaceOfAnIdleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, conns, track, one := fill(t)
		track(conns[5], http.StateIdle) // it becomes idle while one waits
		if err := <-one; err != nil {
			t.Error(err)
		}
		if _, err := conns[5].Read(make([]byte, 1)); err == nil {
			t.Error("the idle connection still stands")
		}
	})
}

func TestGateTakesThePlaceOfOneThatWasIdleBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, track := status.NewGate(crowd{})
		for i := range status.MaxConns + 1 {
			conn, err := g.Accept()
			if err != nil {
				t.Fatal(err)
			}
			track(conn, http.StateNew)
			if i == 7 {
				track(conn, http.StateIdle)
			}
		}
	})
}

// one is a listener with a single connection in memory.
type one struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (o one) Accept() (net.Conn, error) {
	select {
	case conn := <-o.conn:
		return conn, nil
	case <-o.closed:
		return nil, net.ErrClosed
	}
}
func (o one) Close() error   { close(o.closed); return nil }
func (o one) Addr() net.Addr { return &net.TCPAddr{} }

// fromHome is a connection that seems to come from the LAN.
type fromHome struct{ net.Conn }

func (fromHome) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 168, 1, 20), Port: 1} }

// TestRunEndsAfterItsRequests holds a request for longer than the drain: the
// asker is cut off, and Run still waits for the goroutine.
func TestRunEndsAfterItsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := status.NewServer(status.ServerConfig{Snapshot: func() *status.Snapshot {
			<-release
			return nil
		}})
		ours, theirs := net.Pipe()
		listener := one{make(chan net.Conn, 1), make(chan struct{})}
		listener.conn <- fromHome{ours}
		status.OnListener(s, listener)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		if _, err := theirs.Write([]byte("GET / HTTP/1.1\r\nHost: nas\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stopped := time.Now()
		cancel()
		if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the asker reads %v, want the end", err)
		}
		if took := time.Since(stopped); took != 5*time.Second {
			t.Errorf("the asker was cut off after %v, want 5s", took)
		}
		synctest.Wait()
		select {
		case err := <-ended:
			t.Errorf("Run = %v while a request was under way", err)
		default:
		}
		close(release)
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestGateEndsAWaitWhenItCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, _, one := fill(t)
		g.Close()
		if err := <-one; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept = %v, want net.ErrClosed", err)
		}
	})
}
