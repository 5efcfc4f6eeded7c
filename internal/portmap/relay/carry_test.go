package relay_test

// What is carried, over real connections.

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/portmap/relay"
	"pgregory.net/rapid"
)

// patience is how long to wait for what happens at once on a machine at rest.
const patience = 3 * time.Minute

// eventually waits until check holds.
func eventually(t testing.TB, check func() bool, what string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !check(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not so: %s", what)
		}
	}
}

// through connects through a relay, and returns both ends.
func through(t testing.TB, cfg relay.Config) (r *relay.Relay, client, service *net.TCPConn) {
	t.Helper()
	accepted, release := make(chan *net.TCPConn, 1), make(chan bool)
	cfg.Target = serve(t, func(c *net.TCPConn) { accepted <- c; <-release })
	t.Cleanup(func() { close(release) })
	r = start(t, cfg)
	client = dial(t, r.Addr())
	service = <-accepted
	deadline := time.Now().Add(patience)
	client.SetDeadline(deadline)
	service.SetDeadline(deadline)
	return r, client, service
}

func TestBulkArrivesUnaltered(t *testing.T) {
	r, client, service := through(t, relay.Config{})
	want := make([]byte, 8<<20)
	rand.Read(want)
	for _, pair := range [][2]*net.TCPConn{{client, service}, {service, client}} {
		go func() {
			pair[0].Write(want)
			pair[0].CloseWrite()
		}()
		if got, err := io.ReadAll(pair[1]); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d octets, %v", len(got), err)
		}
	}
	eventually(t, func() bool { return r.Counters().Open == 0 }, "closed")
	want8 := uint64(len(want))
	if c := r.Counters(); c != (relay.Counters{Total: 1, BytesIn: want8, BytesOut: want8}) {
		t.Errorf("%+v", c)
	}
}

// Where one side says that it is done, the other may go on for long.
func TestHalfCloseIsCarried(t *testing.T) {
	for _, first := range []string{"client", "service"} {
		t.Run(first, func(t *testing.T) {
			r, a, b := through(t, relay.Config{})
			if first == "service" {
				a, b = b, a
			}
			a.Write([]byte("question"))
			a.CloseWrite()
			if got, err := io.ReadAll(b); err != nil || string(got) != "question" {
				t.Errorf("%q, %v", got, err)
			}
			for range 3 {
				b.Write([]byte("part"))
				if _, err := io.ReadFull(a, make([]byte, 4)); err != nil {
					t.Fatal(err)
				}
			}
			b.CloseWrite()
			if _, err := a.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("its end came as %v", err)
			}
			eventually(t, func() bool { return r.Counters().Open == 0 }, "closed")
		})
	}
}

func TestResetIsCarried(t *testing.T) {
	for _, first := range []string{"client", "service"} {
		t.Run(first, func(t *testing.T) {
			r, a, b := through(t, relay.Config{})
			if first == "service" {
				a, b = b, a
			}
			a.Write([]byte("last words"))
			if _, err := io.ReadFull(b, make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			a.SetLinger(0)
			a.Close()
			if _, err := b.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("it came as %v", err)
			}
			eventually(t, func() bool { return r.Counters().Open == 0 }, "closed")
		})
	}
}

// A service that has answered and is gone while the client still sends: the
// answer is whole, and is not lost to the reset although the client reads late.
func TestAnswerOutlivesTheServicesEnd(t *testing.T) {
	finished := make(chan bool)
	r, client, service := through(t, relay.Config{
		Bind: func(ctx context.Context, network, address string) (net.Listener, error) {
			ln, err := new(net.ListenConfig).Listen(ctx, network, address)
			return finTeller{ln, finished}, err
		},
	})
	client.SetReadBuffer(32 << 10) // most of it waits at the relay
	answer := bytes.Repeat([]byte("answer"), 30_000)
	service.Write(answer)
	service.CloseWrite()
	<-finished
	service.SetLinger(0)
	service.Close()
	client.Write([]byte("x"))
	eventually(t, func() bool { return r.Counters().Open == 0 }, "closed")
	if got, err := io.ReadAll(client); !bytes.Equal(got, answer) {
		t.Errorf("%d octets of %d, %v", len(got), len(answer), err)
	}
}

// finTeller is a listener that tells when its connection has been sent a FIN.
type finTeller struct {
	net.Listener
	finished chan bool
}

func (l finTeller) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return finTellerConn{c.(*net.TCPConn), l.finished}, nil
}

type finTellerConn struct {
	*net.TCPConn
	finished chan bool
}

func (c finTellerConn) CloseWrite() error {
	defer close(c.finished)
	return c.TCPConn.CloseWrite()
}

func TestRefusingServiceResetsTheClient(t *testing.T) {
	ln, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	target := ln.Addr().(*net.TCPAddr).AddrPort()
	ln.Close()
	r := start(t, relay.Config{Target: target})
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(r.Addr()))
	if err == nil { // or it came even before
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("it came as %v", err)
	}
	eventually(t, func() bool { return r.Counters().Failed == 1 }, "failed")
	if c := r.Counters(); !strings.Contains(c.LastError, "does not take connections at "+target.String()) {
		t.Errorf("%+v", c)
	}
}

// Sources are told apart, and each has its share.
func TestEachSourceHasItsShare(t *testing.T) {
	service := serve(t, func(c *net.TCPConn) { io.Copy(c, c) })
	r := start(t, relay.Config{Target: service, MaxConnections: 5, MaxPerSource: 3})
	speaks := func(from string) bool {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
		c, err := d.Dial("tcp", r.Addr().String())
		if errors.Is(err, syscall.ECONNRESET) {
			return false // it came even before the connection was open
		} else if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
		c.Write([]byte("x"))
		_, err = c.Read(make([]byte, 1))
		return err == nil
	}
	var got []bool
	for _, from := range []string{
		"127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.2", // its fourth
		"127.0.0.3", "127.0.0.3", "127.0.0.3", // the sixth of all
	} {
		got = append(got, speaks(from))
	}
	want := []bool{true, true, true, false, true, true, false}
	if !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	if c := r.Counters(); c.Open != 5 || c.Refused != 2 || c.Total != 5 {
		t.Errorf("%+v", c)
	}
}

// Whatever is written and in whichever order, it arrives unaltered.
func TestInterleavingsArriveUnaltered(t *testing.T) {
	accepted := make(chan *net.TCPConn, 1)
	release := make(chan bool)
	service := serve(t, func(c *net.TCPConn) { accepted <- c; <-release })
	t.Cleanup(func() { close(release) })
	plain := start(t, relay.Config{Target: service}).Addr()
	proxied := start(t, relay.Config{Target: service, ProxyProtocol: true}).Addr()
	rapid.Check(t, func(rt *rapid.T) {
		to := rapid.SampledFrom([]netip.AddrPort{plain, proxied}).Draw(rt, "relay")
		client, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(to))
		if err != nil {
			rt.Fatal(err)
		}
		defer client.Close()
		far := <-accepted
		defer far.Close()
		ends := [2]*net.TCPConn{client, far}
		for _, c := range ends {
			c.SetDeadline(time.Now().Add(patience))
		}
		if to == proxied {
			if _, err := readProxy(far); err != nil {
				rt.Fatal(err)
			}
		}
		var got [2]chan []byte
		for i := range ends {
			got[i] = make(chan []byte, 1)
			go func() {
				all, err := io.ReadAll(ends[1-i])
				if err != nil {
					all = append(all, err.Error()...)
				}
				got[i] <- all
			}()
		}
		var sent [2][]byte
		var closed [2]bool
		for range rapid.IntRange(0, 20).Draw(rt, "steps") {
			i := rapid.IntRange(0, 1).Draw(rt, "end")
			if closed[i] {
				continue
			}
			if rapid.IntRange(0, 9).Draw(rt, "what") == 0 {
				ends[i].CloseWrite()
				closed[i] = true
				continue
			}
			data := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(rt, "data"), rapid.SampledFrom([]int{1, 10, 3000}).Draw(rt, "times"))
			if _, err := ends[i].Write(data); err != nil {
				rt.Fatal(err)
			}
			sent[i] = append(sent[i], data...)
		}
		for i := range ends {
			if !closed[i] {
				ends[i].CloseWrite()
			}
		}
		for i := range ends {
			if all := <-got[i]; !bytes.Equal(all, sent[i]) {
				rt.Errorf("end %d sent %d octets, and %d others arrived: %.100q", i, len(sent[i]), len(all), all)
			}
		}
	})
}
