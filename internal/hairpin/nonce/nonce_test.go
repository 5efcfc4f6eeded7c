package nonce

// The door and the probe against routers of loopback: the home is 127.0.0.1, the
// public address 127.0.0.2, and the router calls the home from 127.0.0.9.

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	home   = netip.MustParseAddr("127.0.0.1")
	public = netip.MustParseAddr("127.0.0.2")
	inside = netip.MustParseAddr("127.0.0.9")
)

// soon is how long a test waits for what comes at once.
const soon = 2 * time.Minute

// router forwards as told: a real relay from the public address to the home. It
// counts what is mapped.
type router struct {
	t    *testing.T
	from netip.Addr // from where it calls the home; zero: it takes calls and says nothing
	// refuses has it listen to nothing at the public address.
	refuses bool
	mapErr  error
	mapped  func() // called when a mapping was made

	mu     sync.Mutex
	made   int            // guarded by mu
	gone   int            // guarded by mu
	target netip.AddrPort // guarded by mu; of the last mapping
	fails  int            // guarded by mu; how many times taking away fails
}

func (r *router) Local() (netip.Addr, error) { return home, nil }

func (r *router) Map(ctx context.Context, internal netip.AddrPort, lease time.Duration) (Mapping, error) {
	if r.mapErr != nil {
		return Mapping{}, r.mapErr
	}
	if lease < time.Second || lease > 10*time.Minute {
		r.t.Errorf("a lease of %v", lease)
	}
	l, err := net.Listen("tcp", netip.AddrPortFrom(public, 0).String())
	if err != nil {
		r.t.Skipf("listening on %s: %v", public, err)
	}
	var group sync.WaitGroup
	if r.refuses {
		l.Close()
	} else {
		group.Go(func() { r.serve(l, internal) })
	}
	r.mu.Lock()
	r.made, r.target = r.made+1, internal
	r.mu.Unlock()
	if r.mapped != nil {
		r.mapped()
	}
	return Mapping{External: l.Addr().(*net.TCPAddr).AddrPort().Port(), Router: inside, Unmap: func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.fails > 0 {
			r.fails--
			return errors.New("it got lost")
		}
		r.gone++
		l.Close()
		group.Wait()
		return nil
	}}, nil
}

func (r *router) serve(l net.Listener, internal netip.AddrPort) {
	var group sync.WaitGroup
	defer group.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		group.Go(func() {
			defer conn.Close()
			if !r.from.IsValid() {
				_, _ = io.Copy(io.Discard, conn)
				return
			}
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: r.from.AsSlice()}}
			on, err := dialer.Dial("tcp", internal.String())
			if err != nil {
				return
			}
			defer on.Close()
			group.Go(func() { _, _ = io.Copy(on, conn) })
			_, _ = io.Copy(conn, on)
		})
	}
}

func TestProbe(t *testing.T) {
	for name, c := range map[string]struct {
		router *router
		want   Finding
	}{
		"masquerade":      {&router{from: inside}, Finding{Outcome: Seen, Source: inside, Own: home, Router: inside}},
		"SNAT to the WAN": {&router{from: public}, Finding{Outcome: Seen, Source: public, Own: home, Router: inside}},
		"no SNAT":         {&router{from: home}, Finding{Outcome: Seen, Source: home, Own: home, Router: inside}},
		"refused":         {&router{refuses: true}, Finding{Outcome: Refused, Own: home, Router: inside}},
		"something else":  {&router{}, Finding{Outcome: Elsewhere, Own: home, Router: inside}},
		"a goodbye that gets lost": {&router{from: inside, fails: 1},
			Finding{Outcome: Seen, Source: inside, Own: home, Router: inside}},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.router
			r.t = t
			got, err := Probe(t.Context(), Config{Mapper: r, Timeout: soon}, public)
			if err != nil || got != c.want {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
			if r.made != 1 || r.gone != 1 {
				t.Errorf("%d mappings were made and %d taken away", r.made, r.gone)
			}
			if port := r.target.Port(); r.target.Addr() != home || port < lowest {
				t.Errorf("the door was at %v", r.target)
			}
			if conn, err := net.Dial("tcp", r.target.String()); err == nil {
				conn.Close()
				t.Error("the door is still open")
			}
		})
	}
}

// A call that nobody answers is silence, and never a refusal.
func TestSilence(t *testing.T) {
	r := &router{t: t, from: inside}
	hangs := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	got, err := Probe(t.Context(), Config{Mapper: r, Dial: hangs, Timeout: 50 * time.Millisecond}, public)
	if err != nil || got.Outcome != Silent || r.gone != 1 {
		t.Errorf("%+v, %v; %d taken away", got, err, r.gone)
	}
}

// Nothing is called without a mapping, and a stop takes it away.
func TestMappingComesAndGoes(t *testing.T) {
	refusal := errors.New("the router refuses")
	called := func(context.Context, string, string) (net.Conn, error) {
		t.Error("the public address was called")
		return nil, io.EOF
	}
	if _, err := Probe(t.Context(), Config{Mapper: &router{t: t, mapErr: refusal}, Dial: called}, public); !errors.Is(err, refusal) {
		t.Errorf("without a mapping: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &router{t: t, mapped: cancel} // its end comes with the mapping
	if _, err := Probe(ctx, Config{Mapper: r, Timeout: soon}, public); !errors.Is(err, context.Canceled) || r.made != 1 || r.gone != 1 {
		t.Errorf("%v; %d made, %d taken away", err, r.made, r.gone)
	}
}

// Strangers are hung up without a byte, and do not pass for the call.
func TestStrangersAtTheDoor(t *testing.T) {
	d, err := open(home)
	if err != nil {
		t.Fatal(err)
	}
	type call struct {
		source netip.Addr
		err    error
	}
	heard := make(chan call, 1)
	go func() {
		source, err := d.await(t.Context())
		heard <- call{source, err}
	}()
	wrong := make([]byte, size)
	copy(wrong, d.nonce[:size-1])
	wrong[size-1] = d.nonce[size-1] + 1
	for name, said := range map[string][]byte{
		"another nonce": wrong, "too short": d.nonce[:size-1], "HTTP": []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "nothing": nil, "much": make([]byte, 1<<20),
	} {
		conn, err := net.Dial("tcp", d.address().String())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, _ = conn.Write(said)
		if name == "too short" || name == "nothing" {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
		_ = conn.SetReadDeadline(time.Now().Add(soon))
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("%s was answered", name)
		} else if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
			t.Errorf("%s was not hung up", name)
		}
		conn.Close()
	}
	conn, err := net.Dial("tcp", d.address().String())
	if err != nil {
		t.Fatalf("after the strangers: %v", err)
	}
	defer conn.Close()
	if _, err := conn.Write(d.nonce[:]); err != nil {
		t.Fatal(err)
	}
	if c := <-heard; c.err != nil || c.source != home {
		t.Errorf("%v, %v", c.source, c.err)
	}
}

// A door shuts after so many calls, whoever they are from.
func TestDoorShutsAfterManyCalls(t *testing.T) {
	d, err := open(home)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := d.await(t.Context())
		ended <- err
	}()
	for range maxCalls {
		conn, err := net.Dial("tcp", d.address().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	if err := <-ended; !errors.Is(err, errShut) {
		t.Errorf("%v", err)
	}
}
