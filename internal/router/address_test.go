package router_test

// NAT-PMP and PCP: the address, refusals, and routers that do not answer.

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

// control answers NAT-PMP and PCP on the fake router's address.
type control struct {
	port   uint16
	mu     sync.Mutex
	got    [][]byte                    // guarded by mu
	answer func(request []byte) []byte // guarded by mu; nil means silence
}

func startControl(t *testing.T) *control {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(igdtest.Address, 0)))
	if err != nil {
		t.Fatal(err)
	}
	c := &control{port: conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 2000)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			c.mu.Lock()
			request := slices.Clone(buffer[:n])
			c.got = append(c.got, request)
			answer := c.answer
			c.mu.Unlock()
			if answer != nil {
				_, _ = conn.WriteToUDPAddrPort(answer(request), from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return c
}

// behave sets the answer, and returns how much had come so far.
func (c *control) behave(answer func([]byte) []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
	return len(c.got)
}

// speaks answers both protocols with an address.
func speaks(addr string) func([]byte) []byte {
	return func(request []byte) []byte {
		a := netip.MustParseAddr(addr)
		if request[0] == 0 {
			return append([]byte{0, 128, 0, 0, 0, 0, 0, 7}, a.AsSlice()...)
		}
		p := slices.Clone(request)
		p[1] |= 0x80
		clear(p[8:24])
		binary.BigEndian.PutUint32(p[8:], 7)
		mapped := a.As16()
		copy(p[44:], mapped[:])
		return p
	}
}

// asks are the two ways.
func asks(r *router.Router) map[string]func(context.Context) (fact.Observation, error) {
	return map[string]func(context.Context) (fact.Observation, error){"natpmp": r.NATPMPAddress, "pcp": r.PCPAddress}
}

func TestAddressByNATPMPAndPCP(t *testing.T) {
	c, fake := startControl(t), igdtest.Start(t)
	r := newRouter(fake)
	r.ControlPort(c.port, 2)
	for said, want := range map[string]string{"11.22.33.44": "11.22.33.44", "100.64.3.4": "100.64.3.4", "0.0.0.0": "none"} {
		c.behave(speaks(said))
		for name, ask := range asks(r) {
			if got, err := ask(t.Context()); err != nil || got.String() != want || got.Source != name {
				t.Errorf("%s of %s: %v, %v", name, said, got, err)
			}
		}
	}
	if fake.Searches() != 0 {
		t.Error("the router was searched for that")
	}
}

func TestPCPLeavesNoMapping(t *testing.T) {
	c := startControl(t)
	r := newRouter(igdtest.Start(t))
	r.ControlPort(c.port, 1)
	c.behave(speaks("11.22.33.44"))
	lifetimes := func() (all []uint32) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, p := range c.got {
			all = append(all, binary.BigEndian.Uint32(p[4:]))
			if string(p[24:42]) != string(c.got[0][24:42]) {
				t.Error("the deletion is of another mapping")
			}
		}
		c.got = nil
		return all
	}
	if _, err := r.PCPAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := lifetimes(); !slices.Equal(got, []uint32{60, 0}) {
		t.Errorf("lifetimes %v", got)
	}
	// Whoever gives up meanwhile leaves none, either.
	ctx, cancel := context.WithCancel(t.Context())
	c.behave(func(request []byte) []byte { cancel(); return speaks("11.22.33.44")(request) })
	_, _ = r.PCPAddress(ctx)
	c.behave(speaks("11.22.33.44"))
	_, _ = r.NATPMPAddress(t.Context()) // all that was sent before has come
	c.mu.Lock()
	c.got = slices.DeleteFunc(c.got, func(p []byte) bool { return p[0] == 0 })
	c.mu.Unlock()
	if got := lifetimes(); len(got) < 2 || got[0] != 60 || got[len(got)-1] != 0 {
		t.Errorf("lifetimes %v", got)
	}
	// A refusal made none.
	c.behave(func(request []byte) []byte { p := speaks("0.0.0.0")(request); p[3] = 2; return p })
	if got, err := r.PCPAddress(t.Context()); got.State != fact.Unknown || err == nil || !strings.Contains(err.Error(), "not authorised") {
		t.Errorf("a refusal: %v, %v", got, err)
	}
	if got := lifetimes(); !slices.Equal(got, []uint32{60}) {
		t.Errorf("lifetimes %v", got)
	}
}

func TestRefusalsAreUnknownAndNotSilence(t *testing.T) {
	c := startControl(t)
	r := newRouter(igdtest.Start(t))
	r.ControlPort(c.port, 1)
	c.behave(func([]byte) []byte { return []byte{0, 128, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0} })
	for range 5 {
		got, err := r.NATPMPAddress(t.Context())
		if got.State != fact.Unknown || err == nil || errors.Is(err, router.ErrSilent) || !strings.Contains(err.Error(), "network failure") {
			t.Fatalf("got %v, %v", got, err)
		}
	}
}

func TestARouterThatDoesNotAnswerIsAskedRarely(t *testing.T) {
	c, fake := startControl(t), igdtest.Start(t)
	r := newRouter(fake)
	r.ControlPort(c.port, 1)
	for name, ask := range asks(r) {
		for i := range 5 {
			before := c.behave(nil)
			got, err := ask(t.Context())
			if got.State != fact.Unknown || err == nil || errors.Is(err, router.ErrSilent) != (i >= 2) {
				t.Errorf("%s, call %d: %v, %v", name, i, got, err)
			}
			if asked := c.behave(nil) > before; asked != (i < 2) {
				t.Errorf("%s, call %d: it was asked: %t", name, i, asked)
			}
		}
	}
	// A hint, or a router that was found anew, ends that.
	c.behave(speaks("11.22.33.44"))
	r.Give("natpmp")
	if got, err := r.NATPMPAddress(t.Context()); err != nil || got.String() != "11.22.33.44" {
		t.Errorf("after a hint: %v, %v", got, err)
	}
	if _, err := r.ExternalAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := r.PCPAddress(t.Context()); err != nil || got.String() != "11.22.33.44" {
		t.Errorf("after a new generation: %v, %v", got, err)
	}
}

func TestARouterThatSpeaksTheOtherProtocolIsBelievedAtOnce(t *testing.T) {
	c := startControl(t)
	r := newRouter(igdtest.Start(t))
	r.ControlPort(c.port, 1)
	c.behave(func([]byte) []byte { return []byte{0, 129, 0, 1, 0, 0, 0, 0} })
	if _, err := r.PCPAddress(t.Context()); err == nil || !strings.Contains(err.Error(), "but NAT-PMP") {
		t.Errorf("got %v", err)
	}
	if _, err := r.PCPAddress(t.Context()); !errors.Is(err, router.ErrSilent) || !strings.Contains(err.Error(), "but NAT-PMP") {
		t.Errorf("then %v", err)
	}
	c.behave(speaks("11.22.33.44"))
	if got, err := r.NATPMPAddress(t.Context()); err != nil || got.State != fact.Known {
		t.Errorf("by NAT-PMP: %v, %v", got, err)
	}
}

// A NAT-PMP that hangs keeps no SOAP call waiting, and its caller may give up.
func TestNATPMPHasATurnOfItsOwn(t *testing.T) {
	c, fake := startControl(t), igdtest.Start(t)
	r := newRouter(fake)
	r.ControlPort(c.port, 10)
	asked := make(chan struct{}, 20)
	c.behave(func([]byte) []byte { asked <- struct{}{}; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := r.NATPMPAddress(ctx)
		done <- err
	}()
	<-asked
	if _, err := r.ExternalAddress(t.Context()); err != nil {
		t.Error(err)
	}
	waiting, giveUp := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer giveUp()
	if _, err := r.PCPAddress(waiting); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the next in turn: %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNATPMPIsSpokenWithAHomeRouterOnly(t *testing.T) {
	r := router.New(router.Config{Gateway: func() (netip.Addr, error) { return netip.MustParseAddr("8.8.8.8"), nil }})
	for name, ask := range asks(r) {
		if got, err := ask(t.Context()); err == nil || got.State != fact.Unknown || !strings.Contains(err.Error(), "no") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
